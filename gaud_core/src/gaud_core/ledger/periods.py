"""Budget periods: days and months in UTC."""

from __future__ import annotations

import calendar
from datetime import date
from functools import lru_cache

__all__ = ["DAY_MS", "day_of", "month_of", "periods_of", "until_next_day", "until_next_month"]

DAY_MS = 86_400_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()


def day_of(millis: int) -> str:
    """The day, as `2026-11-23`."""
    return _day(millis // DAY_MS)


def month_of(millis: int) -> str:
    """The month, as `2026-11`."""
    return day_of(millis)[:7]


def periods_of(millis: int) -> tuple[str, str]:
    """Both periods in which a call counts that was admitted then."""
    day = day_of(millis)
    return day, day[:7]


def until_next_day(millis: int) -> int:
    """Whole seconds until daily budgets turn, upward."""
    return -(-(DAY_MS - millis % DAY_MS) // 1000)


def until_next_month(millis: int) -> int:
    """Whole seconds until monthly budgets turn, upward."""
    return until_next_day(millis) + _days_left(millis // DAY_MS) * DAY_MS // 1000


@lru_cache(maxsize=16)
def _day(days: int) -> str:
    return date.fromordinal(_EPOCH_DAY + days).isoformat()


@lru_cache(maxsize=16)
def _days_left(days: int) -> int:
    """Give how many days of the month come after this one."""
    today = date.fromordinal(_EPOCH_DAY + days)
    return calendar.monthrange(today.year, today.month)[1] - today.day
