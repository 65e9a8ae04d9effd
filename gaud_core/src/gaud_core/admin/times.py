"""Times at the edge: ISO 8601 in UTC outside, whole milliseconds inside."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from gaud_core.ledger.periods import DAY_MS

__all__ = ["MOMENT", "iso", "read_day_end", "read_moment"]

MOMENT: Final = (
    r"^(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6})?)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9]))?$"
)
"""A date, or a date and a time with its offset from UTC."""

_DATE_CHARS = 10
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS: Final = 253_402_300_799_999  # the end of the year 9999, after which there is no way to write it
_WORDS = "must be a date such as 2026-11-23, or a time with its offset such as 2026-11-23T10:00:00Z"


def iso(millis: int) -> str:
    """Write a time, as `2026-11-23T10:00:00Z`, with milliseconds where there are some."""
    moment = _EPOCH + timedelta(milliseconds=min(max(millis, 0), _LAST_MS))
    return moment.isoformat(timespec="milliseconds").replace(".000", "").replace("+00:00", "Z")


def read_moment(text: str) -> int:
    """Read a time; a date is its first moment in UTC. ValueError in words."""
    try:
        if not re.match(MOMENT, text) or text.endswith("\n"):
            raise ValueError
        moment = datetime.fromisoformat(text)
        utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        millis = (utc - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        raise ValueError(_WORDS) from None
    if millis < 0:
        raise ValueError("must not be before 1970")
    return millis


def read_day_end(text: str) -> int:
    """Read where a range ends: a time itself, or the end of a date."""
    millis = read_moment(text)
    return millis + DAY_MS if len(text) == _DATE_CHARS else millis
