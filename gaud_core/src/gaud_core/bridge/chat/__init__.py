"""Chat Completions as the side that a bridge leads to: how it is asked, and how its answers are read."""
