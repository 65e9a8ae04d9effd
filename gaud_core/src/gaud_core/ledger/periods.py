"""Budget periods: days and months in UTC."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime

__all__ = ["DAY_MS", "day_of", "month_of", "periods_of", "until_next_day", "until_next_month"]

DAY_MS = 86_400_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()


def day_of(millis: int) -> str:
    """The day, as `2026-11-23`."""
    return date.fromordinal(_EPOCH_DAY + millis // DAY_MS).isoformat()


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
    now = _utc(millis)
    days_after_today = calendar.monthrange(now.year, now.month)[1] - now.day
    return until_next_day(millis) + days_after_today * DAY_MS // 1000


def _utc(millis: int) -> datetime:
    return datetime.fromtimestamp(millis // 1000, UTC)
