"""The faults: which, when, and how often each was thrown."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import attrs

from .callers import Trial
from .cast import Cast
from .workers import Life, Slot, until

__all__ = ["KINDS", "Faults"]

KINDS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "kill": 6,
        "kill at an answer's end": 6,
        "kill both": 2,
        "restart": 4,
        "pause": 5,
        "long pause": 2,
        "long pause writing": 1,
        "file limit": 3,
        "disk full": 3,
        "revoke": 3,
        "rotate": 4,
    }
)
"""How often each is thrown, beside the others."""

_PATIENCE_SECS = 5.0


@attrs.define(eq=False)
class Faults:
    """Throws faults at two workers while they serve; `small_disk` is the folder that can be filled up."""

    slots: tuple[Slot, ...]
    cast: Cast
    rng: random.Random
    stale_secs: float
    database: Path
    small_disk: Path | None = None
    kinds: Mapping[str, int] = KINDS
    thrown: Counter[str] = attrs.field(factory=Counter)
    wrongs: list[str] = attrs.field(factory=list)
    """What a worker did that none may do: end by itself, or badly."""
    alone: bool = False
    _armed: asyncio.Future[Trial] | None = None
    _disk_is_full: bool = False
    _going_on: set[asyncio.Task[None]] = attrs.field(factory=set)

    async def throw(self) -> None:
        """Throw one; what lasts goes on beside the next."""
        kinds = {kind: weight for kind, weight in self.kinds.items() if self._is_possible(kind)}
        kind = self.rng.choices(list(kinds), list(kinds.values()))[0]
        if await self._throwers()[kind]():
            self.thrown[kind] += 1

    def ended(self, trial: Trial) -> None:
        """Hear that a client has just seen the end of an answer."""
        if self._armed is not None and not self._armed.done() and trial.life.runs:
            trial.life.kill()
            self._armed.set_result(trial)

    async def revive(self) -> None:
        """Start again what has ended, as any service manager would, until cancelled."""
        while True:
            for slot in self.slots:
                if (code := slot.life.process.poll()) is not None:
                    if not slot.life.ending and not slot.life.refused:
                        self.wrongs.append(f"{slot.name} ended by itself with {code}:\n{slot.tail()}")
                    slot.start(alone=self.alone).was_full = self._disk_is_full
            await asyncio.sleep(self.rng.choice((0.02, 0.02, 0.2)))

    async def heal(self) -> None:
        """Wait until nothing is disturbed any more and every worker serves again."""
        await asyncio.gather(*self._going_on)
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
            "long pause": lambda: self._pause(self._long()),
            "long pause writing": self._pause_writing,
            "file limit": self._file_limit,
            "disk full": self._fill_disk,
            "revoke": self.cast.revoke,
            "rotate": self.cast.rotate,
        }

    async def _one(self) -> Life | None:
        """Choose a worker that serves and is not disturbed yet; None if there is none for some seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECS):
                await until(lambda: bool(self._free()))
        free = self._free()
        return self.rng.choice(free) if free else None

    def _free(self) -> list[Life]:
        lives = [slot.life for slot in self.slots]
        return [life for life in lives if life.runs and life.ready and not life.paused]

    def _meanwhile(self, work: Coroutine[Any, Any, None]) -> bool:
        task = asyncio.create_task(work)
        self._going_on.add(task)
        task.add_done_callback(self._going_on.discard)
        return True

    async def _kill(self) -> bool:
        """Also one that is paused, or only just starting."""
        running = [slot.life for slot in self.slots if slot.life.runs]
        if running:
            self.rng.choice(running).kill()
        return bool(running)

    async def _kill_both(self) -> bool:
        for slot in self.slots:
            slot.life.kill()
            await asyncio.sleep(self.rng.choice((0, 0.01)))
        return True

    async def _kill_at_end(self) -> bool:
        self._armed = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(_PATIENCE_SECS):
                await self._armed
        except TimeoutError:
            return False
        finally:
            self._armed = None
        return True

    async def _restart(self) -> bool:
        life = await self._one()
        return life is not None and self._meanwhile(self._terminate(life))

    async def _terminate(self, life: Life) -> None:
        code = await life.terminate()
        if code != 0 and life.ending == "term":
            self.wrongs.append(f"{life.slot} was told to end and ended with {code}")

    async def _pause(self, seconds: float) -> bool:
        life = await self._one()
        return life is not None and self._meanwhile(life.pause(seconds))

    def _long(self) -> float:
        """So many seconds that others may take a worker for dead."""
        return self.stale_secs * self.rng.uniform(1.1, 1.5)

    async def _pause_writing(self) -> bool:
        """Nobody writes meanwhile: when it goes on, each worker has been silent to the other."""
        life = await self._one()
        if life is None or not await life.stop_writing(self.database):
            return False
        return self._meanwhile(life.pause(self._long()))

    async def _file_limit(self) -> bool:
        life = (
            await self._one()
        )  # one that serves: what cannot write at its start does not start, and says so
        most = self.rng.choice((0, 20_000))
        return life is not None and self._meanwhile(life.disk_full(most, self.rng.uniform(0.1, 0.9)))

    async def _fill_disk(self) -> bool:
        if self.small_disk is None or await self._one() is None:
            return False
        for slot in self.slots:
            slot.life.was_full = True
        ballast = self.small_disk / "ballast"
        self._disk_is_full = True
        try:
            await asyncio.to_thread(_fill, ballast)
            await asyncio.sleep(self.rng.uniform(0.1, 0.9))
        finally:
            ballast.unlink(missing_ok=True)
            self._disk_is_full = False
        return True


def _fill(ballast: Path) -> None:
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as out:
        while True:
            out.write(bytes(1 << 16))
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as out:
        while True:
            out.write(bytes(512))
