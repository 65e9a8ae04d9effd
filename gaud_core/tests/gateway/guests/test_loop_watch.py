"""The watch over the event loop: who is named, and who is not."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any

import attrs
import pytest

from gaud_core import ApiError, Body, Call, ProviderError
from gaud_core.gateway.guests import guard, loop_watch
from gaud_core.gateway.guests.blame import Suspect, suspect
from gaud_core.gateway.guests.guard import Guard
from gaud_core.gateway.guests.loop_watch import Block, LoopWatch
from gaud_core.gateway.guests.reports import BlockReports
from gaud_core.gateway.guests.visits import note_tasks, stop_noting_tasks
from gaud_core.gateway.instances.instance import Instance

from ..support import eventually, instance_of
from .providers import Fine, Guest, giving, with_method

pytestmark = pytest.mark.anyio

CALL = Call("req_test", "chat/completions", "m", Body.parse(b'{"model":"m"}'))
LONG = 0.32


@pytest.fixture
def anyio_backend() -> str:
    """The loop is asyncio's."""
    return "asyncio"


@attrs.define
class Machine:
    """A machine whose time, CPU time and garbage the test decides on."""

    now: float = 100.0
    cpu: float = 0.0
    queued: float = 0.0
    collections: int = 0
    seen: list[Suspect] = attrs.field(factory=list)
    told: list[Block] = attrs.field(factory=list)

    def watch(self) -> LoopWatch:
        """Begin to watch, without a thread; each look shows what stands first in `seen`."""
        watch = LoopWatch(
            lambda stack, task: self.seen.pop(0) if len(self.seen) > 1 else self.seen[0],
            self.told.append,
            clock=lambda: self.now,
            cpu_clock=lambda thread: lambda: self.cpu,
            queue_clock=lambda thread: lambda: self.queued,
            full_collections=lambda: self.collections,
        )
        watch.begin()
        return watch

    def pass_(
        self, watch: LoopWatch, secs: float, *, cpu: float = 0.0, queued: float = 0.0, step: float = 0.05
    ) -> None:
        """Let time pass in which the loop does not beat, and the thread looks after each step."""
        for _ in range(round(secs / step)):
            self.now += step
            self.cpu += cpu * step
            self.queued += queued * step
            watch.check()

    def block(self, secs: float, **passing: float) -> Block:
        """Watch a loop that does not beat for so long; what is told of it in the end."""
        watch = self.watch()
        self.pass_(watch, secs, **passing)
        block = self.end(watch)
        assert block is not None
        return block

    def end(self, watch: LoopWatch) -> Block | None:
        """Let the loop beat again; give what is told of the block."""
        watch.beat()
        watch.check()
        watch.stop()
        return self.told[-1] if self.told else None


@pytest.fixture
def guilty() -> Suspect:
    """What a look into a plugin's code shows."""
    return Suspect((instance_of(Guest).guard,), "plugin.py, line 7, in send")


@pytest.mark.parametrize(("secs", "told"), [(0.2, False), (0.3, True)])
async def test_only_long_blocks_count(guilty: Suspect, secs: float, told: bool) -> None:
    """A step of 200 ms is not told, one of 300 ms is, with who was seen."""
    machine = Machine(seen=[guilty])
    watch = machine.watch()
    machine.pass_(watch, secs)
    block = machine.end(watch)
    assert (block is not None) is told
    if block is not None:
        assert (block.suspect, block.stood_still) == (guilty, 0.0)
        assert block.secs == pytest.approx(0.25)


async def test_machine_that_was_suspended(guilty: Suspect) -> None:
    """Time in which neither thread ran nor used the CPU is nobody's, whoever was on the stack."""
    machine = Machine(seen=[guilty])
    block = machine.block(3.0, step=3.0)
    assert block.stood_still == pytest.approx(2.95)


async def test_loop_that_gets_no_processor(guilty: Suspect) -> None:
    """On a busy machine: the watching thread runs in time, the loop's waits for others to be done."""
    machine = Machine(seen=[guilty])
    block = machine.block(0.5, cpu=0.3, queued=0.7)
    assert [block.secs, block.stood_still] == pytest.approx([0.45, 0.45 * 0.7])


def test_the_time_without_a_processor_is_linuxs_own() -> None:
    """As far as the system counts it; of a thread that is none it says nothing."""
    own = loop_watch._queue_clock(threading.get_native_id())
    before = own()
    assert 0 <= before <= own()
    assert loop_watch._queue_clock(2**31)() == 0.0
    counts = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
    if counts.exists():
        assert own() <= int(counts.read_text(encoding="ascii").split()[1]) / 1e9


async def test_code_that_lets_no_thread_run(guilty: Suspect) -> None:
    """A regular expression that runs away keeps the thread from looking, but its CPU time is seen."""
    machine = Machine(seen=[guilty])
    block = machine.block(3.0, step=3.0, cpu=1.0)
    assert (block.suspect, block.stood_still) == (guilty, 0.0)


async def test_it_looks_before_it_reads_a_file(guilty: Suspect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading lets the loop's thread run on, and what has held it up may be over by then."""
    machine = Machine(seen=[guilty])
    watch = machine.watch()
    seen = iter([machine.queued])

    def reading() -> float:
        assert watch._looks
        return next(seen)

    monkeypatch.setattr(watch, "_queue", reading)
    machine.pass_(watch, 3.0, step=3.0, cpu=1.0)
    watch.stop()
    assert list(seen) == []


async def test_garbage_collection(guilty: Suspect) -> None:
    """Collecting all the garbage lets no thread run either; it happens to whoever comes along."""
    machine = Machine(seen=[guilty])
    watch = machine.watch()
    machine.collections += 1
    machine.pass_(watch, 0.5, step=0.5, cpu=1.0)
    block = machine.end(watch)
    assert block is not None
    assert block.stood_still == pytest.approx(0.45)


async def test_many_short_steps_are_no_ones(guilty: Suspect) -> None:
    """When each look shows another, nobody has held up the loop alone."""
    others = [Suspect((instance_of(Guest, name).guard,), "plugin.py, line 7") for name in "abcdefgh"]
    machine = Machine(seen=[guilty, *others])
    block = machine.block(0.4)
    assert block.suspect is None


async def test_block_without_end(guilty: Suspect) -> None:
    """It is told while it lasts, once, and once more when it ends after all."""
    machine = Machine(seen=[guilty])
    watch = machine.watch()
    machine.pass_(watch, 8.0)
    assert [block.lasts for block in machine.told] == [True]
    machine.end(watch)
    assert [block.lasts for block in machine.told] == [True, False]


async def test_loop_that_is_well(guilty: Suspect) -> None:
    """As long as the heart beats nothing is looked at or told."""
    machine = Machine(seen=[])
    watch = machine.watch()
    for _ in range(100):
        machine.pass_(watch, 0.05)
        watch.beat()
    assert machine.end(watch) is None


# ---------------------------------------------------------------------------- with the real clock


class Watched:
    """Runs something on a loop with a real watch over these instances."""

    def __init__(self, *instances: Instance) -> None:
        self.instances = instances
        self.blocks: list[Block] = []

    async def run(self, work: Any) -> Block:
        """Give the block that it makes."""
        watch = LoopWatch(self._look, self.blocks.append)
        note_tasks(asyncio.get_running_loop())
        watch.start()
        try:
            await asyncio.sleep(0)
            await work
            await asyncio.to_thread(eventually, lambda: any(map(_worked, self.blocks)))
        finally:
            watch.stop()
            stop_noting_tasks(asyncio.get_running_loop())
        return max(self.blocks, key=_worked)

    def _look(self, stack: FrameType, task: asyncio.Task[Any] | None) -> Suspect:
        return suspect(stack, [instance.guard for instance in self.instances], task)


def _worked(block: Block) -> float:
    """The part of a block in which code was at work; on a busy machine there are others as well."""
    return max(0.0, block.secs - block.stood_still)


def _names(block: Block) -> list[str]:
    assert block.suspect is not None
    return [guard.name for guard in block.suspect.owners]


def _hold_up(*given: object) -> str:
    time.sleep(LONG)
    return "nothing"


async def test_call_that_sleeps() -> None:
    """The instance is named, not only its plugin, with the line and the function."""

    async def send(call: Call) -> None:
        _hold_up()

    work, home = (instance_of(giving(send), name) for name in ("work", "home"))
    block = await Watched(work, home).run(_failing(home.guard))
    assert _names(block) == ["home"]
    assert block.suspect is not None
    assert re.fullmatch(r"guests/providers\.py, line \d+, in Guest\.send", block.suspect.line)


async def _failing(culprit: Guard) -> None:
    with pytest.raises(ApiError):
        await culprit.send(CALL)


@pytest.mark.parametrize("method", ["models_interval", "known_models", "explain"])
async def test_plain_methods(method: str) -> None:
    """Whatever the method."""
    instance = instance_of(with_method("stop", None))
    setattr(type(instance.provider), method, _hold_up)

    async def ask() -> None:
        asking: Callable[..., object] = getattr(instance.guard, method)
        with contextlib.suppress(ApiError):
            asking(*[ProviderError("down")] * (method == "explain"))

    assert _names(await Watched(instance).run(ask())) == ["guest"]


async def test_runaway_regular_expression() -> None:
    """It keeps the watch from looking while it runs, and is named all the same.

    Not each time: the watch looks in the moment after it, and on a busy machine another thread may have that.
    """
    text = _hard()

    async def send(call: Call) -> None:
        re.fullmatch("(a+)+b", text)

    for _ in range(5):
        named = _names(await Watched(guest := instance_of(giving(send))).run(_failing(guest.guard)))
        if named:
            break
    assert named == ["guest"]


def _hard() -> str:
    """Give a text that keeps the expression busy for a second of CPU time, as load must not shorten it."""
    text, took = "a" * 18, 0.0
    while took < 3 * LONG:
        text += "a"
        begun = time.thread_time()
        re.fullmatch("(a+)+b", text)
        took = time.thread_time() - begun
    return text


async def test_task_of_a_plugin() -> None:
    """A task that a plugin has started is its own, also when only other people's code runs in it."""

    async def start(self: Guest) -> None:
        self.task = asyncio.create_task(_somebody_elses())  # type: ignore[attr-defined]

    guest, fine = instance_of(type("Starting", (Guest,), {"start": start})), instance_of(Fine)
    assert _names(await Watched(fine, guest).run(guest.start())) == ["guest"]


async def _somebody_elses() -> None:
    await asyncio.sleep(0)
    _hold_up()


async def test_nobodys_code() -> None:
    """Gaud's own code, or that of a library, is no provider's; the place is kept."""

    async def block() -> None:
        _hold_up()

    held = await Watched(instance_of(Fine)).run(block())
    assert _names(held) == []
    assert held.suspect is not None
    assert "test_loop_watch.py" in held.suspect.line


async def test_work_on_a_plugins_behalf(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the gateway does for a provider, such as checking its answer, is not the provider's doing."""
    slow = FunctionType(_hold_up.__code__.replace(co_filename=guard.__file__), globals())
    monkeypatch.setattr(guard, "_objection", slow)
    instance = instance_of(giving(None))
    held = await Watched(instance).run(_failing(instance.guard))
    assert _names(held) == []
    assert held.suspect is not None
    assert held.suspect.line.startswith("guests/guard.py")


# ---------------------------------------------------------------------------- what is told


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What the log says."""
    caplog.set_level(logging.WARNING)
    return lambda: [record.getMessage() for record in caplog.records]


def test_each_place_is_logged_once(guilty: Suspect, told: Callable[[], list[str]]) -> None:
    """And counted each time."""
    reports = BlockReports()
    for _ in range(3):
        reports(Block(0.314, 0.0, guilty))
    (line,) = told()
    assert line.startswith(
        "guest: the provider held up the event loop, and with it every call, for 0.31 s at "
    )
    assert "plugin.py, line 7, in send. What waits should be awaited" in line
    (note,) = guilty.owners[0].conduct.notes.values()
    assert (note.kind, note.count) == ("blocked", 3)


def test_provider_is_not_named_for_a_standstill(guilty: Suspect, told: Callable[[], list[str]]) -> None:
    """Not even when it was on the stack."""
    BlockReports()(Block(3.1, 3.0, guilty))
    (line,) = told()
    assert line.startswith("the event loop was blocked for 3.10 s: the process stood still: stopped, ")
    assert guilty.owners[0].conduct.notes == {}


@pytest.mark.parametrize(
    ("seen", "where"), [(None, "many places"), (Suspect((), "a.py, line 1"), "a.py, line 1")]
)
def test_nobody_is_named(seen: Suspect | None, where: str, told: Callable[[], list[str]]) -> None:
    """When no provider was seen, the place is said, as far as it is one."""
    BlockReports()(Block(0.5, 0.0, seen))
    assert told() == [f"the event loop was blocked for 0.50 s, by no provider's code; it was seen at {where}"]


def test_places_are_bounded(told: Callable[[], list[str]]) -> None:
    """However many there are."""
    reports = BlockReports()
    for line in range(3000):
        reports(Block(0.5, 0.0, Suspect((), f"a.py, line {line}")))
    assert len(told()) == 1000
