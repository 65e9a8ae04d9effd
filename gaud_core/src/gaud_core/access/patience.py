"""Slows down whoever tries one wrong key after the other."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import attrs

from gaud_core.errors import TooManyRequests

__all__ = ["Patience"]

_FREE = 10
"""Wrong keys in a row that cost nothing: a mistyped key in a client that repeats its call."""
_FORGIVEN_SECS = 6.0
_FIRST_SECS = 0.1
_LONGEST_SECS = 5.0
_LONGEST_WAIT_SECS = 15.0
_MOST_ADDRESSES = 10_000


@attrs.define
class _Record:
    """`wrong` keys not forgiven yet, as of `seen`; answers are given no sooner than `next_answer`."""

    wrong: float
    seen: float
    next_answer: float


@attrs.define
class Patience:
    """Wrong keys by address; each further one is answered later, one after the other.

    Good keys never wait. An address is forgiven one wrong key every six seconds.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _records: OrderedDict[str, _Record] = attrs.field(factory=OrderedDict)

    async def wrong_key(self, address: str) -> None:
        """Wait as long as this address has earned; TooManyRequests when too many wait already."""
        now = self.clock()
        record = self._record(_neighbourhood(address), now)
        penalty = _penalty(record.wrong)
        wait = max(record.next_answer - now, 0.0) + penalty
        if wait > _LONGEST_WAIT_SECS:
            raise TooManyRequests(
                "Too many wrong keys came from your address. Wait, and check the key.",
                code="too_many_wrong_keys",
                retry_after=round(wait),
            )
        record.next_answer = now + wait
        if wait:
            await self.sleep(wait)

    def _record(self, place: str, now: float) -> _Record:
        """Note one more wrong key of an address."""
        record = self._records.pop(place, None) or _Record(0.0, now, now)
        record.wrong = max(record.wrong - (now - record.seen) / _FORGIVEN_SECS, 0.0) + 1
        record.seen = now
        self._records[place] = record
        if len(self._records) > _MOST_ADDRESSES:
            self._records.popitem(last=False)
        return record


def _penalty(wrong: float) -> float:
    over = wrong - _FREE
    return min(_FIRST_SECS * 2 ** min(over - 1, 10), _LONGEST_SECS) if over > 0 else 0.0


def _neighbourhood(address: str) -> str:
    """An address, or for IPv6 the /64 that one customer has all of."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped:  # how a socket for both versions shows a client of version 4
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
