"""A clock that runs faster than the wall's, so that a minute's window turns many times in a short run.

Every process of a run has the same one: it is said in `CHAOS_CLOCK` as `speed:wall:shown`, where the clock
shows `shown` when the wall's says `wall`, both in nanoseconds since 1970.
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["VARIABLE", "clock_of", "said"]

VARIABLE = "CHAOS_CLOCK"


def said(speed: int, shown_ns: int) -> str:
    """Describe a clock that starts now."""
    return f"{speed}:{time.time_ns()}:{shown_ns}"


def clock_of(text: str) -> Callable[[], int]:
    """Give a clock's nanoseconds, as `time.time_ns` does."""
    speed, wall, shown = (int(part) for part in text.split(":"))
    real = time.time_ns
    return lambda: shown + (real() - wall) * speed
