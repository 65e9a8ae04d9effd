"""The calls of a run: over so many connections, to one target or to two in turn, until something ends it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Literal

import attrs

from gaud_core.cli.measure.plan import Plan
from gaud_core.cli.measure.tally import Failure, Sample, Tally
from gaud_core.cli.measure.target import Target
from gaud_core.cli.reach import with_stop
from gaud_core.errors import GaudError

__all__ = ["MOST_CALLS", "Ending", "Run"]

MOST_CALLS = 100_000
"""The most calls of a run to each target, so that what is kept of them stays below 20 MB."""

Ending = Literal["calls", "most", "seconds", "failing", "interrupted"]
_HOPELESS = 10
"""So many failures in a row, and as many as there are connections, end a run."""


@attrs.define(eq=False)
class Run:
    """Makes the calls of a plan; `told` hears of each that has ended."""

    plan: Plan
    targets: Sequence[Target]
    told: Callable[[Run], None] = lambda run: None
    clock: Callable[[], float] = time.perf_counter
    tallies: list[Tally] = attrs.field(init=False)
    ending: Ending = "calls"
    elapsed: float = 0.0
    _begun: float | None = None
    _taken: int = 0

    def __attrs_post_init__(self) -> None:
        self.tallies = [Tally() for _ in self.targets]

    async def go(self) -> None:
        """Make all calls; Ctrl-C ends it in order, with what has been measured so far."""
        try:
            await self._warm_up()
            self._begun = self.clock()
            self.told(self)
            await asyncio.gather(*(self._connection() for _ in range(self.plan.connections)))
        except asyncio.CancelledError:
            self.ending = "interrupted"
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
        finally:
            self._look_at_clock()

    @property
    def rates(self) -> list[float]:
        """Good calls in a second for each target, of the time that its own calls took."""
        busy = sum(tally.busy_ms for tally in self.tallies)
        shares = [self.elapsed * tally.busy_ms / busy if busy else 0.0 for tally in self.tallies]
        return [
            tally.good / share if share else 0.0 for tally, share in zip(self.tallies, shares, strict=True)
        ]

    async def _warm_up(self) -> None:
        for target in self.targets:
            sample = await target.warm_up()
            if sample.failure is not None:
                raise GaudError(_hopeless(target, sample))

    async def _connection(self) -> None:
        while self._goes_on():
            number = self._taken = self._taken + 1
            turn = list(zip(self.targets, self.tallies, strict=True))
            for target, tally in turn if number % 2 else reversed(turn):  # neither is always the second
                tally.add(await target.call(number))
                self._look_at_clock()
                self.told(self)

    def _goes_on(self) -> bool:
        """Whether there is to be another call, and why not."""
        if self._taken == self.plan.calls:
            return False
        if self._taken >= MOST_CALLS:
            self.ending = "most"
            return False
        if any(tally.failing >= max(_HOPELESS, self.plan.connections) for tally in self.tallies):
            self.ending = "failing"
            return False
        if self.plan.seconds is not None and self.elapsed >= self.plan.seconds:
            self.ending = "seconds"
            return False
        return True

    def _look_at_clock(self) -> None:
        if self._begun is not None:
            self.elapsed = self.clock() - self._begun


def _hopeless(target: Target, sample: Sample) -> str:
    """Say what was wrong with the first call, and that there was no other."""
    failure = sample.failure or Failure("")
    said = with_stop(f"{failure.kind}: {failure.message}" if failure.message else failure.kind)
    keyless = target.name == "direct" and target.key is None and failure.kind.isdigit()
    cure = " It got no key: --direct-key-env names the variable that has one." if keyless else ""
    return f"The first call failed, so there is no other. {target.url}: {said}{cure}"
