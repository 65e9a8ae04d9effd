"""`python -m gaud_core` is the same as `gaud`."""

from __future__ import annotations

from gaud_core.cli import main

if __name__ == "__main__":
    main()
