"""A one-time signal that every loop and every thread may set and wait for."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Protocol, runtime_checkable

__all__ = ["Signal", "Waitable"]


@runtime_checkable
class Waitable(Protocol):
    """What a stream may wait for: a `Signal`, an `asyncio.Event`, or anything with an async `wait()`."""

    async def wait(self) -> object:
        """Return once the thing has happened."""
        ...


class Signal:
    """Like `asyncio.Event`, but bound to no loop: set it in one thread, wait for it in another."""

    def __init__(self) -> None:
        self.at: float | None = None
        """When it was set, in seconds of `time.monotonic()`; None before."""
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def __repr__(self) -> str:
        return f"<Signal {'set' if self.is_set() else 'unset'}>"

    def is_set(self) -> bool:
        """Tell whether `set` was called."""
        return self._event.is_set()

    def set(self) -> None:
        """Wake all who wait, and all who will; from any thread."""
        with self._lock:
            if self._event.is_set():
                return
            self.at = time.monotonic()
            self._event.set()
            waiters, self._waiters = self._waiters, []
        for loop, future in waiters:
            _wake(loop, future)

    async def wait(self) -> None:
        """Wait in the running loop; give it a limit with `asyncio.timeout`."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._event.is_set():
                return
            future: asyncio.Future[None] = loop.create_future()
            self._waiters.append((loop, future))
        await future

    def wait_blocking(self, timeout: float = 5.0) -> bool:
        """Wait in a thread without a loop, for at most `timeout` seconds; tell whether it was set."""
        return self._event.wait(timeout)


def _wake(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
    """Finish a waiter's future in the waiter's own loop, unless that loop has ended."""
    try:
        loop.call_soon_threadsafe(lambda: None if future.done() else future.set_result(None))
    except RuntimeError:
        return  # the waiting test has ended and its loop is closed: nobody waits any more
