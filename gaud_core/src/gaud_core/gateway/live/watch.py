"""Looks at the file of the configuration every second, and at once after SIGHUP."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from gaud_core.gateway.live.settings_desk import SettingsDesk

__all__ = ["INTERVAL_SECS", "Watch"]

INTERVAL_SECS = 1.0

log = logging.getLogger("gaud.config")


@attrs.define(eq=False)
class Watch:
    """Runs as a task beside the gateway.

    It reads the file and compares, so it notices every way of saving: in place, by renaming, through a link.
    """

    desk: SettingsDesk
    _task: asyncio.Task[None] | None = None
    _asked: asyncio.Event = attrs.field(factory=asyncio.Event)
    _hears: bool = False

    async def start(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Begin; SIGHUP is heard where this process's signals can be had."""
        self._hears = _listen(self._asked.set)
        await self.desk.opened(hears=self._hears)
        self._task = asyncio.create_task(self._run(sleep), name="config watch")

    async def stop(self) -> None:
        """End."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        await self.desk.closed()
        if self._hears:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # one that is still on its way must not kill

    async def _run(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        while True:
            asked = await self._next(sleep)
            try:
                await (self.desk.asked() if asked else self.desk.look())
            except Exception:  # protects the watch: it has to see the file that cures this
                log.exception("the configuration could not be looked at")

    async def _next(self, sleep: Callable[[float], Awaitable[None]]) -> bool:
        """Wait for the next second or for a signal, and say whether it was that."""
        waits = [asyncio.ensure_future(sleep(INTERVAL_SECS)), asyncio.ensure_future(self._asked.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        asked = self._asked.is_set()
        self._asked.clear()
        return asked


def _listen(asked: Callable[[], None]) -> bool:
    """Hear SIGHUP; only the main thread can, and Windows has none."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGHUP"):
        return False
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked)
        return True
    return False
