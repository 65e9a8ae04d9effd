"""End to end: OpenAI's SDK, a real Gaud, a real LiteLLM, and behind it an upstream that answers by script."""
