"""Who may call."""

from __future__ import annotations

from gaud_core.access.keys import Caller, Keys, open_keys

__all__ = ["Caller", "Keys", "open_keys"]
