"""What is kept of calls: a few numbers for each, and how often and why some failed."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence

import attrs

__all__ = ["PERCENTS", "Failure", "Quantiles", "Sample", "Tally", "percentile", "quantiles"]

PERCENTS = (50, 95, 99)
_MOST_PARTS = 32


@attrs.frozen
class Failure:
    """Why a call was no good: an HTTP status or a few words, and what was said."""

    kind: str
    message: str = ""


@attrs.frozen
class Sample:
    """One call, in milliseconds. `parts` are what Server-Timing told of it."""

    total_ms: float
    head_ms: float = 0.0
    failure: Failure | None = None
    parts: Mapping[str, float] = attrs.field(factory=dict)
    first_ms: float | None = None
    """Until the first chunk of a stream."""
    pace_ms: float | None = None
    """From one chunk to the next, on average over the stream."""
    gap_ms: float | None = None
    """The longest wait for a chunk after the first."""

    @property
    def own_ms(self) -> float | None:
        """All but the upstream's part, the way to the gateway and back included.

        Without a part `settle` the header was sent before the answer's end, and tells of the time until then.
        """
        if "upstream" not in self.parts:
            return None
        told_ms = self.total_ms if "settle" in self.parts else self.head_ms
        return max(0.0, told_ms - self.parts["upstream"])


@attrs.frozen
class Quantiles:
    """The values below which so many percent of the calls are, as PERCENTS has them."""

    p50: float
    p95: float
    p99: float


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest value that at least so many percent of all do not exceed: always one that was measured."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def quantiles(values: Sequence[float]) -> Quantiles | None:
    """The quantiles of values in any order; None of no values."""
    ordered = sorted(values)
    return Quantiles(*(percentile(ordered, percent) for percent in PERCENTS)) if ordered else None


def _numbers() -> array[float]:
    return array("d")


@attrs.define
class Tally:
    """The calls to one target: eight bytes for each number, whatever the answers were."""

    calls: int = 0
    failing: int = 0
    """How many of the last calls failed in a row."""
    busy_ms: float = 0.0
    failures: dict[str, int] = attrs.field(factory=dict)
    messages: dict[str, str] = attrs.field(factory=dict)
    """The first message of each kind of failure."""
    total: array[float] = attrs.field(factory=_numbers)
    first: array[float] = attrs.field(factory=_numbers)
    pace: array[float] = attrs.field(factory=_numbers)
    gap: array[float] = attrs.field(factory=_numbers)
    own: array[float] = attrs.field(factory=_numbers)
    parts: dict[str, array[float]] = attrs.field(factory=dict)

    def add(self, sample: Sample) -> None:
        """Take a call in; one that failed counts, but its times do not: an error is often quick."""
        self.calls += 1
        self.busy_ms += sample.total_ms
        if sample.failure is not None:
            self.failing += 1
            self.failures[sample.failure.kind] = self.failures.get(sample.failure.kind, 0) + 1
            self.messages.setdefault(sample.failure.kind, sample.failure.message)
            return
        self.failing = 0
        for kept, value in (
            (self.total, sample.total_ms),
            (self.first, sample.first_ms),
            (self.pace, sample.pace_ms),
            (self.gap, sample.gap_ms),
            (self.own, sample.own_ms),
        ):
            if value is not None:
                kept.append(value)
        self._add_parts(sample.parts)

    @property
    def failed(self) -> int:
        """How many calls were no good."""
        return sum(self.failures.values())

    @property
    def good(self) -> int:
        """How many calls were."""
        return self.calls - self.failed

    def _add_parts(self, parts: Mapping[str, float]) -> None:
        for name, millis in parts.items():
            if name in self.parts or len(self.parts) < _MOST_PARTS:
                self.parts.setdefault(name, _numbers()).append(millis)
