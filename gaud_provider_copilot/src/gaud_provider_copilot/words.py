"""Texts from outside, fit for an error message or a decision."""

from __future__ import annotations

import email.utils
from typing import Any

__all__ = ["retry_seconds", "sentence"]

_LONGEST = 300
_LONGEST_WAIT_SECS = 40 * 86400


def sentence(text: Any) -> str:
    """Give a text on one line, no longer than a person reads, without what steers a terminal."""
    if not isinstance(text, str) or text.lstrip().startswith("<"):  # a proxy's page
        return ""
    line = " ".join(text.split())
    return "".join(sign for sign in line if sign.isprintable())[:_LONGEST]


def retry_seconds(told: str, now: float) -> int | None:
    """Read a `retry-after`, which is in seconds or a date; None for what is neither."""
    if told.isascii() and told.isdigit() and len(told) < 9:
        return min(int(told), _LONGEST_WAIT_SECS)
    try:
        seconds = email.utils.parsedate_to_datetime(told).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return round(min(max(seconds, 0), _LONGEST_WAIT_SECS))
