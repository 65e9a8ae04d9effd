"""Counts calls as they end: a few additions for each, and as many series as are allowed and no more."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping

import attrs

from gaud_core.gateway.exchange import Exchange
from gaud_core.observe.metrics.board import Board, Snapshot, added
from gaud_core.observe.metrics.text import series

__all__ = ["BOUNDS", "Meter"]

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Seconds up to which the histograms count."""

_MOST_SERIES = 500
_OTHER = "other"
_NANOS = 1_000_000_000


@attrs.define
class _Sums:
    """Of one provider, model, endpoint and status."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    nanos: int = 0


@attrs.define
class _Histogram:
    counts: list[int] = attrs.field(factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def see(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def samples(self, name: str, provider: str) -> Iterator[tuple[str, float]]:
        so_far = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self.counts, strict=True):
            so_far += count
            yield series(f"{name}_bucket", provider=provider, le=bound), so_far
        yield series(f"{name}_sum", provider=provider), self.total
        yield series(f"{name}_count", provider=provider), so_far


@attrs.define(eq=False)
class Meter:
    """What one worker has counted; with a board, also what the others have."""

    board: Board | None = None
    place: int = 0
    running: int = 0
    gauges: Callable[[], Iterable[tuple[str, float]]] = tuple
    """What holds at the moment of asking: breakers, quotas, the ledger's queue."""
    _before: Mapping[str, float] = attrs.field(factory=dict)
    _sums: dict[tuple[str, str, str, int], _Sums] = attrs.field(factory=dict)
    _whole: dict[str, _Histogram] = attrs.field(factory=dict)
    _begun: dict[str, _Histogram] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        if self.board is not None:  # go on from where an earlier worker in this place ended
            self._before = self.board.read(self.place).counters

    def count(self, endpoint: str, exchange: Exchange, millis: float) -> None:
        """Count a call that has ended after so many milliseconds."""
        fields = exchange.fields
        provider = fields.get("provider", "")
        key = provider, exchange.model, endpoint, exchange.status
        sums = self._sums.get(key)
        if sums is None:
            if len(self._sums) >= _MOST_SERIES:
                key = provider, _OTHER, endpoint, exchange.status
            sums = self._sums.setdefault(key, _Sums())
        sums.calls += 1
        sums.tokens_in += fields.get("in", 0)
        sums.tokens_out += fields.get("out", 0)
        sums.nanos += exchange.cost_nanos or 0
        if provider and exchange.status < 400:
            self._see(self._whole, provider, millis)
            if (begun := fields.get("first_byte_ms")) is not None:
                self._see(self._begun, provider, begun)

    def _see(self, histograms: dict[str, _Histogram], provider: str, millis: float) -> None:
        histogram = histograms.get(provider)
        if histogram is None:
            histogram = histograms[provider] = _Histogram()
        histogram.see(millis / 1000)

    def publish(self) -> None:
        """Show the others what this worker has counted."""
        if self.board is not None:
            self.board.write(self.place, self._snapshot())

    def totals(self) -> dict[str, float]:
        """Give every series, added up over all workers.

        Of its own, only what it has shown: else a counter could fall when this worker dies in between.
        """
        if self.board is None:
            snapshots = [self._snapshot()]
        else:
            self.publish()
            snapshots = self.board.all()
        totals: dict[str, float] = {}
        for snapshot in snapshots:
            totals = added(totals, snapshot.counters)
            for name, value in snapshot.gauges.items():
                of_account = name.startswith("gaud_quota_")  # the same account, seen by several
                known = totals.get(name)
                totals[name] = (
                    min(value, value if known is None else known) if of_account else value + (known or 0)
                )
        return totals

    def _snapshot(self) -> Snapshot:
        gauges = dict(self.gauges())
        gauges["gaud_calls_running"] = self.running
        gauges["gaud_workers"] = 1
        return Snapshot(added(self._before, dict(self._counters())), gauges)

    def _counters(self) -> Iterator[tuple[str, float]]:
        spent: dict[tuple[str, str], _Sums] = {}
        for (provider, model, endpoint, status), sums in self._sums.items():
            labels = {"provider": provider, "model": model, "endpoint": endpoint, "status": str(status)}
            yield series("gaud_calls_total", **labels), sums.calls
            of_model = spent.setdefault((provider, model), _Sums())
            of_model.tokens_in += sums.tokens_in
            of_model.tokens_out += sums.tokens_out
            of_model.nanos += sums.nanos
        used = os.times()
        yield "process_cpu_seconds_total", used.user + used.system
        for (provider, model), sums in spent.items():
            of = {"provider": provider, "model": model}
            yield series("gaud_tokens_total", **of, direction="input"), sums.tokens_in
            yield series("gaud_tokens_total", **of, direction="output"), sums.tokens_out
            yield series("gaud_cost_usd_total", **of), sums.nanos / _NANOS
        for name, histograms in (
            ("gaud_call_seconds", self._whole),
            ("gaud_first_byte_seconds", self._begun),
        ):
            for provider, histogram in histograms.items():
                yield from histogram.samples(name, provider)
