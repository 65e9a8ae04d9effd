"""The dashboard in a real browser: the tests, and the screenshots."""
