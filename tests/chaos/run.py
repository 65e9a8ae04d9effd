"""One run of the harness: rounds of load and faults, and after each the books are compared."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import attrs

from gaud_core.errors import BooksClosed
from gaud_core.ledger.workers import STALE_MS

from .callers import Client, Trial, client_session
from .check import Evidence, Finding, in_the_books, inspect, open_calls, read_rows, verified
from .faults import KINDS, Faults
from .field import Field, open_field, small_disk
from .plan import draw
from .workers import Slot, until

__all__ = ["Options", "Result", "run"]

_QUIET_SECS = 10.0
_BACK_OFF = 5
_PER_SPENDER = 60
"""Calls after which somebody new comes with a budget."""


@attrs.frozen
class Options:
    """What a run is to do."""

    trials: int = 2000
    seed: int = 1
    per_round: int = 700
    callers: int = 48
    speed: int = 20
    """How much faster the clock runs."""
    per_fault: float = 25
    """Calls between two faults, on average."""
    think_secs: float = 0.2
    """The longest time that a client waits before his next call."""
    calm: float = 0.75
    kinds: Mapping[str, int] = KINDS
    plant: str = ""
    small_disk: bool = True


@attrs.define
class Result:
    """What came of it."""

    options: Options
    findings: list[Finding] = attrs.field(factory=list)
    trials: int = 0
    seen: int = 0
    completed: int = 0
    faults: Counter[str] = attrs.field(factory=Counter)
    statuses: Counter[str] = attrs.field(factory=Counter)
    states: Counter[str] = attrs.field(factory=Counter)
    secs: float = 0.0
    disk: str = ""

    def count(self, kind: str) -> int:
        """How many findings there are of a kind."""
        return sum(finding.kind == kind for finding in self.findings)


async def run(folder: Path, options: Options) -> Result:
    """Do everything in this folder; it stops at the first round that finds something."""
    began = time.monotonic()
    result = Result(options)
    with small_disk(folder / "data", wanted=options.small_disk) as disk:
        result.disk = "a tmpfs that is filled up, and RLIMIT_FSIZE" if disk else "RLIMIT_FSIZE"
        opened = open_field(folder, seed=options.seed, speed=options.speed, plant=options.plant)
        async with opened as field, client_session() as session:
            stage = Stage(field, options, session, disk)
            field.cast.assemble()
            while len(stage.trials) < options.trials and not stage.findings:
                await stage.round()
            stage.report(result)
    result.secs = time.monotonic() - began
    return result


@attrs.define(eq=False)
class Stage:
    """Everybody who takes part, and what has happened so far."""

    field: Field
    options: Options
    session: aiohttp.ClientSession
    disk: Path | None
    client: Client = attrs.field(init=False)
    faults: Faults = attrs.field(init=False)
    rng: random.Random = attrs.field(init=False)
    trials: list[Trial] = attrs.field(factory=list)
    findings: list[Finding] = attrs.field(factory=list)
    rounds: int = 0
    numbers: int = 0
    _spender_at: int = 0

    def __attrs_post_init__(self) -> None:
        options, field = self.options, self.field
        stale_secs = STALE_MS / 1000 / options.speed
        rng = random.Random(options.seed + 1)
        self.faults = Faults(
            field.slots[:2], field.cast, rng, stale_secs, field.database, self.disk, options.kinds
        )
        self.client = Client(self.session, self.faults.ended)
        self.rng = random.Random(options.seed + 2)

    async def round(self) -> None:
        """Load and faults; then silence, recovery by one more worker, and the comparison."""
        self.faults.alone = self.rounds % 2 == 1
        self.field.configure("drain" if self.rounds % 3 == 2 else "cancel")
        self.rounds += 1
        for slot in self.field.slots[:2]:
            slot.start(alone=self.faults.alone)
            await slot.wait_ready()
        goal = min(len(self.trials) + self.options.per_round, self.options.trials)
        callers = [asyncio.create_task(self._caller(goal)) for _ in range(self.options.callers)]
        reviver = asyncio.create_task(self.faults.revive())
        try:
            await self._disturb(goal)
            await asyncio.gather(*callers)
            await self.faults.heal()
        finally:
            reviver.cancel()
        await self._expect_silence()
        await self._end_workers()
        await self._recover()
        self._compare()

    async def _caller(self, goal: int) -> None:
        while len(self.trials) < goal:
            slot = self._some_slot()
            trial = None if slot is None else await self._trial(slot)
            most = self.options.think_secs
            if trial is None or trial.status == 503:  # else most calls would be made when nobody serves
                most *= _BACK_OFF
            await asyncio.sleep(self.rng.random() * most)

    def _some_slot(self) -> Slot | None:
        """Choose a worker as a load balancer would, which now and then takes one that is only starting."""
        running = [slot for slot in self.field.slots[:2] if slot.life.runs]
        ready = [slot for slot in running if slot.life.ready]
        choice = ready if ready and self.rng.random() < 0.95 else running
        return self.rng.choice(choice) if choice else None

    async def _trial(self, slot: Slot) -> Trial | None:
        """Make one call; None if there was nobody to take it."""
        actor = self.field.cast.pick()
        if actor.limits.concurrency is not None:
            self.field.journal.limits[actor.id] = actor.limits.concurrency
        self.numbers += 1
        plan = draw(self.rng, self.numbers, actor.id, self.options.calm)
        trial = Trial(plan, actor.user, self.field.cast.text_of(actor), slot.life, self.field.journal.clock())
        if not await self.client.call(trial, slot):
            return None
        self.trials.append(trial)
        trial.life.ready = trial.life.ready or trial.status is not None
        return trial

    async def _disturb(self, goal: int) -> None:
        """Throw faults until the round's calls are made; now and then somebody new comes with a budget."""
        while len(self.trials) < goal:
            await self._until_made(self.faults.rng.uniform(0.3, 1.7) * self.options.per_fault, goal)
            if self.options.kinds and len(self.trials) < goal:
                await self.faults.throw()
            if len(self.trials) > self._spender_at + _PER_SPENDER:
                self._spender_at = len(self.trials)
                with contextlib.suppress(BooksClosed):
                    await asyncio.to_thread(self.field.cast.add_spender)
                self.findings += await asyncio.to_thread(self._live)

    async def _until_made(self, more: float, goal: int) -> None:
        target = min(len(self.trials) + more, goal)
        await until(lambda: len(self.trials) >= target, every=0.005)

    def _live(self) -> list[Finding]:
        """Verify while everybody works: each state of the books must be right, not only the last."""
        return list(verified(self.field.store, self.field.journal.clock()))

    async def _expect_silence(self) -> None:
        """When nobody calls, no call stays open, though no worker is ended for it."""
        deadline = time.monotonic() + _QUIET_SECS
        while left := open_calls(self.field.store):
            if time.monotonic() > deadline:
                self._find("wrong", f"still open when nobody called any more: {', '.join(left)}")
                return
            await asyncio.sleep(0.05)

    async def _end_workers(self) -> None:
        first, second = self.field.slots[:2] if self.rounds % 2 else self.field.slots[1::-1]
        code = await first.life.terminate()
        if code:
            self._find("wrong", f"{first.name} ended with {code}:\n{first.tail()}")
        second.life.kill()
        await asyncio.to_thread(second.life.process.wait)

    async def _recover(self) -> None:
        """Start one more worker and let it clean up, with nobody's help."""
        third = self.field.slots[2]
        third.start(alone=self.faults.alone)
        await third.wait_ready()
        if not self.findings:
            await self._expect_silence()
        with contextlib.suppress(TimeoutError):  # what is still there then is a finding
            async with asyncio.timeout(_QUIET_SECS):
                await until(lambda: in_the_books(self.field.store) == 1, every=0.05)
        code = await third.life.terminate()
        if code:
            self._find("wrong", f"{third.name} ended with {code}:\n{third.tail()}")

    def _compare(self) -> None:
        evidence = Evidence(self.field.journal, self.trials, self.field.cast, STALE_MS)
        self.findings += inspect(self.field.store, evidence, self.field.journal.clock())
        for wrong in self.faults.wrongs:
            self._find("wrong", wrong)
        for slot in self.field.slots:
            if slot.lives and "Traceback" in slot.log.read_text(errors="replace"):
                self._find("wrong", f"there is a traceback in {slot.log}")

    def _find(self, kind: str, text: str) -> None:
        self.findings.append(Finding(kind, text))

    def report(self, result: Result) -> None:
        """Put it all into a result."""
        result.findings = self.findings
        result.trials, result.seen = len(self.trials), len(self.field.journal.visits)
        result.completed = sum(trial.complete for trial in self.trials)
        result.faults = Counter(self.faults.thrown)
        for trial in self.trials:
            plan = trial.plan
            result.faults[f"client leaves {plan.leaves}"] += bool(plan.leaves)
            code = trial.error if trial.status not in {None, 200} else ""
            result.statuses[f"{trial.status or 'no answer'} {code}"] += 1
        for visit in self.field.journal.visits:
            result.faults[f"upstream: {visit.plan.fault}"] += bool(visit.plan.fault)
        result.states = Counter(
            f"{row.state} {row.cost_source}" for row in read_rows(self.field.store).values()
        )
