"""What type checkers say of a third party's plugin."""
