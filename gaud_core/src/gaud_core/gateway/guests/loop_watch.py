"""Notices when the event loop is held up, and by whose code."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import attrs

from gaud_core.gateway.guests.blame import Suspect
from gaud_core.gateway.guests.stacks import frame_of

__all__ = ["LIMIT_SECS", "Block", "LoopWatch"]

LIMIT_SECS = 0.2
"""A step that takes longer is reported; shorter ones are not, and one is surely seen from 50 ms above it."""

_BEAT_SECS = 0.05
_ENDLESS_SECS = 5.0  # then it is told although it goes on: it may never end
_LOOKS_KEPT = 100

Look = Callable[[FrameType, "asyncio.Task[Any] | None"], Suspect]


@attrs.frozen
class Block:
    """A time in which the event loop did nothing else.

    `stood_still` is the part of it in which no code can have been at work: the machine was suspended, the
    process stopped, short of CPU time or collecting garbage. `suspect` is what most looks have shown.
    """

    secs: float
    stood_still: float
    suspect: Suspect | None
    lasts: bool = False


@attrs.define(eq=False)
class LoopWatch:
    """A heartbeat on the loop, and a thread that looks at the loop's stack when it is late.

    `look` judges a stack, in the thread. `tell` hears of each block, in the thread too. Costs nothing per
    call: 20 times a second a few microseconds. Start and stop it on the loop.
    """

    look: Look
    tell: Callable[[Block], None]
    clock: Callable[[], float] = time.monotonic
    cpu_clock: Callable[[int], Callable[[], float]] = attrs.field(factory=lambda: _cpu_clock)
    queue_clock: Callable[[int], Callable[[], float]] = attrs.field(factory=lambda: _queue_clock)
    full_collections: Callable[[], int] = attrs.field(factory=lambda: _full_collections)
    _stopping: threading.Event = attrs.field(factory=threading.Event)
    # what the loop has shown
    _beaten: float = 0.0
    _longest: float = 0.0
    # what the thread has seen: at its last look, and since the block began
    _looked: float = 0.0
    _worked: float = 0.0
    _queued: float = 0.0
    _collected: int = 0
    _stood_still: float = 0.0
    _looks: list[tuple[Suspect, int]] = attrs.field(factory=list)
    _told: bool = False
    _loop: asyncio.AbstractEventLoop = attrs.field(init=False)
    _thread: int = attrs.field(init=False)
    _cpu: Callable[[], float] = attrs.field(init=False)
    _queue: Callable[[], float] = attrs.field(init=False)
    _timer: asyncio.TimerHandle = attrs.field(init=False)

    def start(self) -> None:
        """Begin, from a callback or a task of the loop."""
        self.begin()
        threading.Thread(target=self._watch, name="gaud loop watch", daemon=True).start()

    def begin(self) -> None:
        """Begin without the thread, for tests: `check` is what it would do 20 times a second."""
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._cpu = self.cpu_clock(self._thread)
        self._queue = self.queue_clock(threading.get_native_id())
        self._beaten = self._looked = self.clock()
        self._worked, self._queued, self._collected = self._cpu(), self._queue(), self.full_collections()
        self._timer = self._loop.call_later(_BEAT_SECS, self.beat)

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._timer.cancel()

    def beat(self) -> None:
        """Show that the loop is alive; it does this 20 times a second."""
        now = self.clock()
        self._longest = max(self._longest, now - self._beaten - _BEAT_SECS)
        self._beaten = now
        self._timer = self._loop.call_later(_BEAT_SECS, self.beat)

    def _watch(self) -> None:
        with suppress(OSError):  # the loop's thread has ended, and with it its clock
            while not self._stopping.wait(_BEAT_SECS):
                self.check()

    def check(self) -> None:
        """See whether the loop is late."""
        now = self.clock()
        late = now - self._beaten - _BEAT_SECS
        if late > _BEAT_SECS and self._longest <= LIMIT_SECS:
            self._look()  # before anything that waits: code that let no thread run is over a moment later
        self._stood_still += self._oversleep(now)
        if self._longest > LIMIT_SECS:
            self._report(self._longest, lasts=False)
        elif late > _BEAT_SECS:
            if late > _ENDLESS_SECS and not self._told:
                self._report(late, lasts=True)
            return
        self._looks, self._longest, self._told = [], 0.0, False
        if late <= 0:  # else this may be the beginning of a block
            self._stood_still = 0.0

    def _oversleep(self, now: float) -> float:
        """Give the seconds since the last look for which the loop's code is not to blame.

        In them the loop's thread waited for a processor, or this one woke late: code that does not let other
        threads run uses CPU time, a machine or process that stands still does not. While garbage is collected
        nothing else runs, and whoever is on the stack then is so by chance.
        """
        late, self._looked = now - self._looked - _BEAT_SECS, now
        cpu = self._cpu()
        worked, self._worked = cpu - self._worked, cpu
        queue = self._queue()
        queued, self._queued = queue - self._queued, queue
        before, self._collected = self._collected, self.full_collections()
        if late < _BEAT_SECS:
            return queued
        return max(queued, late - worked) if self._collected == before else late

    def _look(self) -> None:
        frame = frame_of(self._thread)
        if frame is None or len(self._looks) >= _LOOKS_KEPT:
            return
        task = asyncio.current_task(self._loop)
        self._looks.append((self.look(frame, task), id(task)))

    def _report(self, secs: float, *, lasts: bool) -> None:
        self._told = lasts
        self.tell(Block(secs, self._stood_still, self._verdict(), lasts))

    def _verdict(self) -> Suspect | None:
        """Give what most looks agree on: the same provider in the same task, not many tasks one by one."""
        by_whom = [(tuple(guard.name for guard in seen.owners), task) for seen, task in self._looks]
        for whom, count in Counter(by_whom).most_common(1):
            if count * 2 > len(by_whom):
                return self._looks[by_whom.index(whom)][0]
        return None


def _cpu_clock(thread: int) -> Callable[[], float]:
    """Give a clock of a thread's CPU time; one that stands still where the platform has none."""
    clock_of = getattr(time, "pthread_getcpuclockid", None)
    if clock_of is None:
        return lambda: 0.0
    clock = clock_of(thread)
    return lambda: time.clock_gettime(clock)


def _queue_clock(thread: int) -> Callable[[], float]:
    """Give a clock of the time in which a thread, by its native id, could have run and had no processor.

    Linux counts that (sched-stats.rst); elsewhere the clock stands still.
    """
    counts = Path(f"/proc/self/task/{thread}/schedstat")
    if not counts.exists():
        return lambda: 0.0
    return lambda: int(counts.read_text(encoding="ascii").split()[1]) / 1e9


def _full_collections() -> int:
    """Say how often all of the garbage has been collected so far."""
    count: int = gc.get_stats()[-1]["collections"]
    return count
