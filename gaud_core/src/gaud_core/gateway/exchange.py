"""One HTTP request, from its first byte to its last."""

from __future__ import annotations

import random
import time
from functools import lru_cache
from typing import Any

from msgspec import Struct, field

__all__ = ["ARRIVED", "Exchange"]

ARRIVED = "gaud.arrived"
"""Where in a request's scope our own protocol says when it came, by `time.perf_counter`."""


def _new_id() -> str:
    """Make an id: 48 random bits after the time, which lets the ledger's index grow at its end only.

    The bits keep ids apart and nothing secret; Python seeds them anew in each forked worker.
    """
    return f"req_{time.time_ns() // 1_000_000:012x}{random.getrandbits(48):012x}"


class Exchange(Struct):
    """What is known of one request; `fields` are its own part of the log line.

    The id is always ours: one that a client could choose could be forged (design, field notes).
    """

    id: str = field(default_factory=_new_id)
    begun: float = field(default_factory=time.perf_counter)
    status: int = 0
    fields: dict[str, Any] = field(default_factory=dict)
    model: str = ""
    """The model as the metrics name it: one that is listed, or `other`."""
    cost_nanos: int | None = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    """What the answer is to carry of the caller's limits, whatever the answer becomes."""
    _laps: list[tuple[str, float]] = field(default_factory=list)
    """Which part of the work has ended when."""

    def lap(self, part: str) -> float:
        """Count the time since the last lap as this part's; gives the milliseconds since the request came."""
        now = time.perf_counter()
        self._laps.append((part, now))
        return (now - self.begun) * 1000

    def elapsed_ms(self) -> float:
        """Milliseconds since the request came."""
        return (time.perf_counter() - self.begun) * 1000

    def server_timing(self) -> bytes | None:
        """Give the laps and the whole so far as the value of `Server-Timing` (W3C), in milliseconds.

        Nothing for who has not come past the door: how long his key was looked for is not for him.
        """
        took: dict[str, float] = {}
        before = self.begun
        for part, now in self._laps:
            took[part] = took.get(part, 0.0) + (now - before) * 1000
            before = now
        if "auth" not in took:
            return None
        return _pattern((*took, "total")) % (*took.values(), self.elapsed_ms())


@lru_cache(maxsize=64)
def _pattern(parts: tuple[str, ...]) -> bytes:
    return ", ".join([f"{part};dur=%.2f" for part in parts]).encode()
