"""What an answer says of the caller's limits and budgets."""

from __future__ import annotations

from collections.abc import Iterator

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


def limit_headers(remaining: Remaining, warning_percent: int) -> list[Header]:
    """Give OpenAI's `x-ratelimit-*` for limits that the key has, and `x-budget-warning` when one runs out."""
    rooms = (("requests", remaining.rpm), ("tokens", remaining.tpm), ("concurrency", remaining.concurrency))
    headers = [header for name, room in rooms if room for header in _of_limit(name, room)]
    warnings = list(_warnings(remaining, warning_percent))
    return [*headers, (b"x-budget-warning", "; ".join(warnings).encode())] if warnings else headers


def _of_limit(name: str, room: Room) -> Iterator[Header]:
    yield f"x-ratelimit-limit-{name}".encode(), str(room.limit).encode()
    yield f"x-ratelimit-remaining-{name}".encode(), str(room.left).encode()
    if room.reset_secs:
        yield f"x-ratelimit-reset-{name}".encode(), f"{room.reset_secs}s".encode()


def _warnings(remaining: Remaining, percent: int) -> Iterator[str]:
    """A sentence for each budget that is used so far; calls that are running count with their worst case."""
    for name, room in (("daily", remaining.daily), ("monthly", remaining.monthly)):
        if room and (room.limit - room.left) * 100 >= room.limit * percent:
            used = (room.limit - room.left) * 100 // room.limit if room.limit else 100
            whole, left = dollars(room.limit), dollars(room.left)
            yield f"{used}% of the {name} budget of ${whole} is used, ${left} is left"
