"""Time as the store keeps it, and ids."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

__all__ = ["Clock", "new_id", "utc_millis"]

Clock = Callable[[], int]
"""Gives the time as whole milliseconds since 1970 in UTC."""


def utc_millis() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def new_id(kind: str, now: int) -> str:
    """Make an id such as `key_…`: 80 random bits after the time.

    The time stands first because rows that are made together then lie together in the index.
    """
    return f"{kind}_{now:012x}{secrets.token_hex(10)}"
