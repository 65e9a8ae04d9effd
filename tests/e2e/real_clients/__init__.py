"""Real clients, as their authors released them, on a real Gaud: through LiteLLM, and over a bridge."""
