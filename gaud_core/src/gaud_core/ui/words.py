"""Numbers, money and times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from gaud_core.provider.base import dollars

__all__ = [
    "FILTERS",
    "ago",
    "compact",
    "count",
    "day",
    "exact",
    "moment",
    "money",
    "ms",
    "percent",
    "seconds",
]

_UNKNOWN = "–"
_UNITS = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k"))
_SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def money(nanos: int | None) -> str:
    """Give dollars: two decimals from a dollar on, as many digits as say something below."""
    if nanos is None:
        return _UNKNOWN
    amount = Decimal(nanos).scaleb(-9)
    if nanos == 0 or abs(amount) >= 1:
        return f"${amount.quantize(Decimal('0.01'), ROUND_HALF_UP):,f}"
    places = 4 if abs(amount) >= Decimal("0.01") else min(2 - amount.adjusted(), 9)
    text = f"{amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):f}"
    whole, _, decimals = text.rstrip("0").partition(".")
    return f"${whole}.{decimals:0<2}"


def exact(nanos: int | None) -> str:
    """Give dollars with every digit that the books have."""
    return "unknown" if nanos is None else f"${dollars(nanos)}"


def count(number: float | None) -> str:
    """Give a whole number with its thousands apart."""
    return _UNKNOWN if number is None else f"{number:,.0f}"


def compact(number: float | None) -> str:
    """Give a number in three or four characters: 1.2M."""
    if number is None:
        return _UNKNOWN
    for size, unit in _UNITS:
        if number >= size * 0.9995:
            value = number / size
            return f"{value:.1f}".removesuffix(".0") + unit if value < 99.95 else f"{value:.0f}{unit}"
    return f"{number:.0f}"


def ms(number: float | None) -> str:
    """Give milliseconds, as seconds once there are many."""
    if number is None:
        return _UNKNOWN
    if number < 1000:
        return f"{number:.0f} ms"
    return f"{number / 1000:.2f} s" if number < 10_000 else f"{number / 1000:,.1f} s"


def seconds(number: float) -> str:
    """Give a span of time in its two largest units."""
    left, parts = int(number), []
    for size, unit in _SPANS:
        if left >= size:
            parts.append(f"{left // size} {unit}")
            left %= size
    if not parts or (len(parts) == 1 and number < 3600 and left):
        parts.append(f"{left} s")
    return " ".join(parts[:2])


def clock(seconds_left: float) -> str:
    """Give what is left as on a kitchen clock: 14:59."""
    left = max(0, round(seconds_left))
    return f"{left // 60}:{left % 60:02}"


def ago(millis: int, now: int) -> str:
    """Give how long something is past."""
    gone = max(0, now - millis) // 1000
    if gone < 5:
        return "just now"
    if gone < 60:
        return f"{gone} s ago"
    return f"{seconds(gone).split(' ')[0]} {seconds(gone).split(' ')[1]} ago"


def moment(millis: int | None) -> str:
    """Give a time in UTC to the second."""
    return _UNKNOWN if millis is None else f"{_utc(millis):%Y-%m-%d %H:%M:%S}"


def day(millis: int | None) -> str:
    """Give a day in UTC."""
    return _UNKNOWN if millis is None else f"{_utc(millis):%Y-%m-%d}"


def percent(part: float, whole: float | None) -> str:
    """Give a share; nothing of nothing is none."""
    if not whole:
        return "0%"
    share = part / whole * 100
    return f"{share:.1f}%" if 0 < share < 10 else f"{share:.0f}%"


def _utc(millis: int) -> datetime:
    return datetime.fromtimestamp(max(0, min(millis, 253_402_300_799_999)) / 1000, UTC)


FILTERS = {
    "money": money,
    "exact": exact,
    "count": count,
    "compact": compact,
    "ms": ms,
    "seconds": seconds,
    "ago": ago,
    "clock": clock,
    "moment": moment,
    "day": day,
    "percent": percent,
}
"""By the names under which templates know them."""
