"""Notices when the client leaves, and stops the work that was for him."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

__all__ = ["ClientLeft", "Presence", "Receive"]

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class ClientLeft(Exception):
    """The client closed the connection before his answer was complete."""


class Presence:
    """While the block runs, the client's leaving cancels it and ends it with ClientLeft.

    With `cancels=False` his leaving is only noted in `left`. One task per call: uvicorn tells of a disconnect
    by `receive` alone. The request's body must have been read to its end before, or `receive` waits for that.
    """

    def __init__(self, receive: Receive, *, cancels: bool = True) -> None:
        self._receive = receive
        self._cancels = cancels
        self.left = False

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._caller = asyncio.current_task(loop)
        self._watch = loop.create_task(self._until_gone())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.cancel()
        if not self.left or not self._cancels or self._caller is None:
            return
        if error is None:  # he left at the very end: take the cancellation that is still on its way
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
        self._caller.uncancel()
        if isinstance(error, asyncio.CancelledError):
            raise ClientLeft from None

    def answered(self) -> None:
        """Stop watching: the end of an answer looks like the client's leaving."""
        self._watch.cancel()

    async def _until_gone(self) -> None:
        while (message := await self._receive())["type"] != "http.disconnect":
            pass
        self._cancels = (
            self._cancels or "gaud.unfinished" in message
        )  # nobody can send the rest of his request
        if self._caller and not self._caller.done():
            self.left = True
            if self._cancels:
                self._caller.cancel()
