"""One run of the harness: rounds of load and faults, and after each the books are compared."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import attrs

from gaud_core.config import Config, Database
from gaud_core.ledger.workers import STALE_MS
from gaud_core.store import Store, open_store

from .callers import Client, Trial, client_session
from .cast import Cast
from .check import Evidence, Finding, inspect, open_calls, read_rows, verified
from .faults import KINDS, Faults
from .in_worker import chaos_clock
from .plan import draw
from .upstream import Journal, make_upstream
from .workers import Slot, worker_environment

__all__ = ["Options", "Result", "run"]

_BEGIN = datetime(2026, 11, 30, 23, 57, tzinfo=UTC)  # soon both a day and a month will turn
_DISK = "64m"
_QUIET_SECS = 12.0
_TOML = """
[server]
shutdown_secs = 3
[logging]
level = "warning"
[ledger]
on_disconnect = "{policy}"
[budget]
unpriced = "allow"
[breaker]
failure_threshold = 5
open_secs = 0.3
[data]
dir = "{data}"
[providers.litellm]
url = "{url}"
timeout_secs = 1.0
"""


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
    with _small_disk(folder / "data", wanted=options.small_disk) as disk:
        result.disk = "a tmpfs that is filled up, and RLIMIT_FSIZE" if disk else "RLIMIT_FSIZE"
        try:
            await _rounds(folder, disk, options, result)
        finally:
            if disk:  # what is on it goes with it
                shutil.copytree(folder / "data", folder / "kept", dirs_exist_ok=True)
    result.secs = time.monotonic() - began
    return result


@contextlib.contextmanager
def _small_disk(folder: Path, *, wanted: bool) -> Iterator[Path | None]:
    """Make a disk that can be filled up, where that is allowed; else the folder is one like others."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK},mode=0700", "gaud-chaos", str(folder)]
    made = wanted and os.geteuid() == 0 and shutil.which("mount") is not None
    made = made and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield folder if made else None
    finally:
        if made:
            subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)


async def _rounds(folder: Path, disk: Path | None, options: Options, result: Result) -> None:
    said = chaos_clock.said(options.speed, int(_BEGIN.timestamp()) * 10**9)
    nanos = chaos_clock.clock_of(said)
    store = open_store(Config(database=Database(path=folder / "data" / "gaud.db")))
    environment = worker_environment(folder, said, options.plant)
    journal = Journal(lambda: nanos() // 10**6)
    async with make_upstream(journal) as upstream, client_session() as session:
        stage = Stage(folder, options, store, journal, upstream.url, environment, disk)
        stage.client = Client(session, stage.ended)
        try:
            stage.cast.assemble()
            while len(stage.trials) < options.trials and not stage.findings:
                await stage.round()
                result.findings = stage.findings
        finally:
            stage.end()
            stage.report(result)
            store.close()


@attrs.define(eq=False)
class Stage:
    """Everybody who takes part, and what has happened so far."""

    folder: Path
    options: Options
    store: Store
    journal: Journal
    upstream_url: str
    environment: Mapping[str, str]
    disk: Path | None
    client: Client = attrs.field(init=False)
    cast: Cast = attrs.field(init=False)
    faults: Faults = attrs.field(init=False)
    slots: tuple[Slot, ...] = attrs.field(init=False)
    rng: random.Random = attrs.field(init=False)
    trials: list[Trial] = attrs.field(factory=list)
    findings: list[Finding] = attrs.field(factory=list)
    rounds: int = 0
    numbers: int = 0

    def __attrs_post_init__(self) -> None:
        options, clock = self.options, self.journal.clock
        config = self.folder / "llm-proxy.toml"
        self.cast = Cast(self.store, clock, random.Random(options.seed))
        names = ("worker-a", "worker-b", "worker-c")
        self.slots = tuple(Slot(name, config, self.environment, clock) for name in names)
        stale_secs = STALE_MS / 1000 / options.speed
        rng = random.Random(options.seed + 1)
        self.faults = Faults(self.slots[:2], self.cast, rng, stale_secs, self.disk, options.kinds)
        self.rng = random.Random(options.seed + 2)

    def ended(self, trial: Trial) -> None:
        """Hear of an answer's end."""
        self.faults.ended(trial)

    async def round(self) -> None:
        """Load and faults; then silence, recovery by one more worker, and the comparison."""
        self.faults.alone = self.rounds % 2 == 1
        self._write_config("drain" if self.rounds % 3 == 2 else "cancel")
        self.rounds += 1
        for slot in self.slots[:2]:
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

    def _write_config(self, policy: str) -> None:
        data = self.folder / "data"
        config = self.folder / "llm-proxy.toml"
        config.write_text(_TOML.format(policy=policy, data=data, url=self.upstream_url))
        config.chmod(0o600)

    async def _caller(self, goal: int) -> None:
        while len(self.trials) < goal:
            slot = self._some_slot()
            if slot is None or not await self._trial(slot):
                await asyncio.sleep(0.1)
            else:
                await asyncio.sleep(self.rng.random() * self.options.think_secs)

    def _some_slot(self) -> Slot | None:
        """Choose a worker as a load balancer would, which now and then takes one that is only starting."""
        running = [slot for slot in self.slots[:2] if slot.life.runs]
        ready = [slot for slot in running if slot.life.ready]
        choice = ready if ready and self.rng.random() < 0.95 else running
        return self.rng.choice(choice) if choice else None

    async def _trial(self, slot: Slot) -> bool:
        """Make one call; False if there was nobody to take it."""
        actor = self.cast.pick()
        if actor.limits.concurrency is not None:
            self.journal.limits[actor.id] = actor.limits.concurrency
        self.numbers += 1
        plan = draw(self.rng, self.numbers, actor.id, self.options.calm)
        trial = Trial(plan, actor.user, self.cast.text_of(actor), slot.life, self.journal.clock())
        called = await self.client.call(trial, slot)
        if called:
            self.trials.append(trial)
            trial.life.ready = trial.life.ready or trial.status is not None
        return called

    async def _disturb(self, goal: int) -> None:
        """Throw faults until the round's calls are made; now and then somebody new comes with a budget."""
        while len(self.trials) < goal:
            until = len(self.trials) + self.faults.rng.uniform(0.3, 1.7) * self.options.per_fault
            while len(self.trials) < min(until, goal):
                await asyncio.sleep(0.005)
            if self.options.kinds and len(self.trials) < goal:
                await self.faults.throw()
            if self.faults.rng.random() < 0.1:
                with contextlib.suppress(Exception):  # the disk may be full
                    await asyncio.to_thread(self.cast.add_spender)
                self.findings += await asyncio.to_thread(self._live)

    def _live(self) -> list[Finding]:
        """Verify while everybody works: each state of the books must be right, not only the last."""
        return list(verified(self.store, self.journal.clock()))

    async def _expect_silence(self) -> None:
        """When nobody calls, no call stays open, though no worker is ended for it."""
        deadline = time.monotonic() + _QUIET_SECS
        while left := open_calls(self.store):
            if time.monotonic() > deadline:
                self._find("wrong", f"still open when nobody called any more: {', '.join(left)}")
                return
            await asyncio.sleep(0.05)

    async def _end_workers(self) -> None:
        first, second = self.slots[:2] if self.rounds % 2 else self.slots[1::-1]
        code = await first.life.terminate()
        if code:
            self._find("wrong", f"{first.name} ended with {code}:\n{first.tail()}")
        second.life.kill()
        await asyncio.to_thread(second.life.process.wait)

    async def _recover(self) -> None:
        """Start one more worker and let it clean up, with nobody's help."""
        third = self.slots[2]
        third.start(alone=self.faults.alone)
        await third.wait_ready()
        await self._expect_silence()
        await asyncio.sleep(1.3 * self.faults.stale_secs if self.faults.alone else 0)
        code = await third.life.terminate()
        if code:
            self._find("wrong", f"{third.name} ended with {code}:\n{third.tail()}")

    def _compare(self) -> None:
        evidence = Evidence(self.journal, self.trials, self.cast, STALE_MS)
        self.findings += inspect(self.store, evidence, self.journal.clock())
        for wrong in self.faults.wrongs:
            self._find("wrong", wrong)
        for slot in self.slots:
            if slot.lives and "Traceback" in slot.log.read_text(errors="replace"):
                self._find("wrong", f"there is a traceback in {slot.log}")

    def _find(self, kind: str, text: str) -> None:
        self.findings.append(Finding(kind, text))

    def end(self) -> None:
        """End every worker."""
        for slot in self.slots:
            slot.end()

    def report(self, result: Result) -> None:
        """Count."""
        result.trials, result.seen = len(self.trials), len(self.journal.visits)
        result.completed = sum(trial.complete for trial in self.trials)
        result.faults = Counter(self.faults.thrown)
        for trial in self.trials:
            plan = trial.plan
            result.faults[f"client leaves {plan.leaves}"] += bool(plan.leaves)
            result.statuses[str(trial.status or "no answer")] += 1
        for visit in self.journal.visits:
            result.faults[f"upstream: {visit.plan.fault}"] += bool(visit.plan.fault)
        result.states = Counter(f"{row.state} {row.cost_source}" for row in read_rows(self.store).values())
