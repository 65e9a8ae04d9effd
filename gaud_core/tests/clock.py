"""The time of day, as tests tell it."""

from __future__ import annotations

from datetime import UTC, datetime

NOON = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp() * 1000)


class Clock:
    """Milliseconds since 1970 that pass when they are told to."""

    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def __call__(self) -> int:
        """Give the time."""
        return self.now

    def pass_secs(self, seconds: float) -> None:
        """Let time pass."""
        self.now += round(seconds * 1000)
