"""What an answer says of the caller's limits and budgets."""

from __future__ import annotations

from functools import lru_cache

from gaud_core.ledger import Remaining, Room
from gaud_core.provider.base import dollars

__all__ = ["LIMIT_HEADERS", "limit_headers"]

Header = tuple[bytes, bytes]

LIMIT_HEADERS = (
    *(f"x-ratelimit-{what}-{of}" for what in ("limit", "remaining") for of in ("requests", "tokens")),
    *("x-ratelimit-reset-requests", "x-ratelimit-reset-tokens"),
    *("x-ratelimit-limit-concurrency", "x-ratelimit-remaining-concurrency", "x-budget-warning"),
)
"""The names of all of them, for browsers."""


def _names(of: str) -> tuple[bytes, bytes, bytes]:
    limit, remaining, reset = (f"x-ratelimit-{what}-{of}" for what in ("limit", "remaining", "reset"))
    return limit.encode(), remaining.encode(), reset.encode()


_RPM, _TPM, _CONCURRENCY = _names("requests"), _names("tokens"), _names("concurrency")


def limit_headers(remaining: Remaining, warning_percent: int) -> list[Header]:
    """Give OpenAI's `x-ratelimit-*` for limits that the key has, and `x-budget-warning` when one runs out."""
    headers: list[Header] = []
    for names, room in ((_RPM, remaining.rpm), (_TPM, remaining.tpm), (_CONCURRENCY, remaining.concurrency)):
        if room is not None:
            headers += ((names[0], _digits(room.limit)), (names[1], b"%d" % room.left))
            if room.reset_secs:
                headers.append((names[2], _digits(room.reset_secs) + b"s"))
    budgets = (("daily", remaining.daily), ("monthly", remaining.monthly))
    warnings = [_warning(name, room) for name, room in budgets if room and _is_used(room, warning_percent)]
    if warnings:
        headers.append((b"x-budget-warning", "; ".join(warnings).encode()))
    return headers


@lru_cache(maxsize=256)
def _digits(number: int) -> bytes:
    """Spell a number that many answers hold."""
    return b"%d" % number


def _is_used(room: Room, percent: int) -> bool:
    """Whether so much of a budget is used; calls that are running count with their worst case."""
    return (room.limit - room.left) * 100 >= room.limit * percent


def _warning(name: str, room: Room) -> str:
    used = (room.limit - room.left) * 100 // room.limit if room.limit else 100
    whole, left = dollars(room.limit), dollars(room.left)
    return f"{used}% of the {name} budget of ${whole} is used, ${left} is left"
