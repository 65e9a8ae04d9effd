"""The faults: which, when, and how often each was thrown."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import attrs

from .callers import Trial
from .cast import Cast
from .workers import Slot

__all__ = ["KINDS", "Faults"]

KINDS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "kill": 6,
        "kill at an answer's end": 6,
        "kill both": 2,
        "restart": 4,
        "pause": 5,
        "long pause": 2,
        "file limit": 3,
        "disk full": 3,
        "revoke": 3,
        "rotate": 4,
    }
)
"""How often each is thrown, beside the others."""


@attrs.define(eq=False)
class Faults:
    """Throws faults at two workers while they serve; `small_disk` is the folder that can be filled up."""

    slots: tuple[Slot, ...]
    cast: Cast
    rng: random.Random
    stale_secs: float
    small_disk: Path | None = None
    kinds: Mapping[str, int] = KINDS
    thrown: Counter[str] = attrs.field(factory=Counter)
    wrongs: list[str] = attrs.field(factory=list)
    """What a worker did that none may do: end by itself, or badly."""
    alone: bool = False
    _armed: asyncio.Future[Trial] | None = None
    _pauses: set[asyncio.Task[None]] = attrs.field(factory=set)

    async def throw(self) -> None:
        """Throw one, and heal what must be healed."""
        self._revive()
        kinds = {kind: weight for kind, weight in self.kinds.items() if self._is_possible(kind)}
        kind = self.rng.choices(list(kinds), list(kinds.values()))[0]
        if await self._throwers()[kind]():
            self.thrown[kind] += 1
        self._revive()

    def ended(self, trial: Trial) -> None:
        """Hear that a client has just seen the end of an answer."""
        if self._armed is not None and not self._armed.done() and trial.life.runs:
            trial.life.kill()
            self._armed.set_result(trial)

    async def heal(self) -> None:
        """Wait until every worker serves again."""
        await asyncio.gather(*self._pauses)
        self._revive()
        for slot in self.slots:
            await slot.wait_ready()

    def _is_possible(self, kind: str) -> bool:
        return kind != "disk full" or self.small_disk is not None

    def _throwers(self) -> dict[str, Callable[[], Awaitable[bool]]]:
        return {
            "kill": self._kill,
            "kill at an answer's end": self._kill_at_end,
            "kill both": self._kill_both,
            "restart": self._restart,
            "pause": lambda: self._pause(self.rng.uniform(0.02, 0.5)),
            "long pause": lambda: self._pause(self.stale_secs * self.rng.uniform(1.1, 1.5)),
            "file limit": self._file_limit,
            "disk full": self._fill_disk,
            "revoke": self.cast.revoke,
            "rotate": self.cast.rotate,
        }

    def _revive(self) -> None:
        """Start what has ended, as any service manager would."""
        for slot in self.slots:
            if not slot.life.runs:
                code = slot.life.process.wait()
                if not slot.life.ending:
                    self.wrongs.append(f"{slot.name} ended by itself with {code}:\n{slot.tail()}")
                slot.start(alone=self.alone)

    def _one(self) -> Slot:
        running = [slot for slot in self.slots if slot.life.runs]
        return self.rng.choice(running or list(self.slots))

    async def _kill(self) -> bool:
        self._one().life.kill()
        await asyncio.sleep(self.rng.choice((0, 0, 0.1, 0.4)))
        return True

    async def _kill_both(self) -> bool:
        for slot in self.slots:
            slot.life.kill()
            await asyncio.sleep(self.rng.choice((0, 0.01)))
        return True

    async def _kill_at_end(self) -> bool:
        self._armed = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(5):
                await self._armed
        except TimeoutError:
            return False
        finally:
            self._armed = None
        return True

    async def _restart(self) -> bool:
        slot = self._one()
        life = slot.life
        if life.paused:
            return False
        code = await life.terminate()
        if code != 0 and life.ready:
            self.wrongs.append(f"{slot.name} was told to end and ended with {code}:\n{slot.tail()}")
        return True

    async def _pause(self, seconds: float) -> bool:
        life = self._one().life
        if life.paused:
            return False
        task = asyncio.create_task(life.pause(seconds))
        self._pauses.add(task)
        task.add_done_callback(self._pauses.discard)
        await asyncio.sleep(seconds * self.rng.choice((0, 0.5, 1)))
        return True

    async def _file_limit(self) -> bool:
        life = self._one().life
        if not life.ready:  # what cannot write at its start does not start, and says so
            return False
        with life.disk_full(self.rng.choice((0, 20_000))):
            await asyncio.sleep(self.rng.uniform(0.1, 0.9))
        return True

    async def _fill_disk(self) -> bool:
        assert self.small_disk is not None
        if not all(slot.life.ready for slot in self.slots):
            return False
        for slot in self.slots:
            slot.life.was_full = True
        ballast = self.small_disk / "ballast"
        try:
            await asyncio.to_thread(_fill, ballast)
            await asyncio.sleep(self.rng.uniform(0.1, 0.9))
        finally:
            ballast.unlink(missing_ok=True)
        return True


def _fill(ballast: Path) -> None:
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as out:
        while True:
            out.write(bytes(1 << 16))
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as out:
        while True:
            out.write(bytes(512))
