"""Watches an event loop: how late it was at worst, and which line held it up."""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from types import TracebackType
from typing import Self

from gaud_core.gateway.stacks import frame_of

__all__ = ["LoopWatch"]

_BEAT_SECS = 0.01
_SUSPICIOUS_SECS = 0.08


class LoopWatch:
    """While the block runs, `worst` is the longest time in seconds that the running loop did nothing else.

    `culprit` is the stack of the loop's thread in the middle of that time, innermost line last.
    """

    def __init__(self) -> None:
        self.worst = 0.0
        self.culprit = ""
        self._beaten = time.monotonic()
        self._stack = ""
        self._stopped = threading.Event()

    async def __aenter__(self) -> Self:
        self._thread = threading.get_ident()
        self._task = asyncio.create_task(self._beat())
        threading.Thread(target=self._look, name="loop watch", daemon=True).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._task.cancel()

    async def _beat(self) -> None:
        while True:
            self._beaten = time.monotonic()
            await asyncio.sleep(_BEAT_SECS)
            late = time.monotonic() - self._beaten - _BEAT_SECS
            if late > self.worst:
                self.worst, self.culprit = late, self._stack
            self._stack = ""

    def _look(self) -> None:
        """Look from another thread where the loop stands when it is late."""
        while not self._stopped.wait(_BEAT_SECS):
            late = time.monotonic() - self._beaten > _SUSPICIOUS_SECS
            if late and not self._stack and (frame := frame_of(self._thread)) is not None:
                self._stack = "".join(traceback.format_stack(frame)[-6:])
