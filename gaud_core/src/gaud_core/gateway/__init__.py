"""The path of a call; begin with `routes.py`."""
