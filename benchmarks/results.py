"""What a run has found."""

from __future__ import annotations

import statistics

import attrs

__all__ = ["Results", "Seen"]


@attrs.frozen
class Seen:
    """One server in one case in one round."""

    cpu_ms: float
    rate: float
    p50: float
    p95: float
    p99: float
    first: float
    chunk_us: float
    bad: int


@attrs.define
class Results:
    """By case and server, a list of rounds; and each server's memory at the end."""

    seen: dict[str, dict[str, list[Seen]]] = attrs.field(factory=dict)
    memory: dict[str, float] = attrs.field(factory=dict)
    starts: list[tuple[float, float]] = attrs.field(factory=list)
    """Of each start of Gaud: seconds until the first answer, and the megabytes that it holds then."""

    ratios: dict[tuple[str, str], str] = attrs.field(factory=dict)
    """By case and another server: how many times its CPU Gaud takes, or `errors`; see `bench.compared`."""

    def median(self, case: str, server: str, what: str) -> float | None:
        """The median over the rounds, or None if that server was not in it."""
        rounds = self.seen[case].get(server, [])
        return statistics.median(getattr(one, what) for one in rounds) if rounds else None
