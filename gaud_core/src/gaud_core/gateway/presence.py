"""Notices when the client leaves, and stops the work that was for him."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

__all__ = ["LEAVING", "ClientLeft", "Leaving", "Presence", "Receive"]

LEAVING = "gaud.leaving"
"""Where in a request's scope our own protocol puts the `Leaving` of its connection."""

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class ClientLeft(Exception):
    """The client closed the connection before his answer was complete."""


class Leaving:
    """Tells whoever asks of the end of one client's connection."""

    __slots__ = ("_told", "gone")

    def __init__(self) -> None:
        self.gone = False
        self._told: set[Presence] = set()

    def tell(self, presence: Presence) -> None:
        """Tell it when the client leaves, at once if he has."""
        if self.gone:
            presence.has_left()
        else:
            self._told.add(presence)

    def forget(self, presence: Presence) -> None:
        """Tell it no more."""
        self._told.discard(presence)

    def happened(self) -> None:
        """Note that the connection has ended."""
        self.gone = True
        told, self._told = self._told, set()
        for presence in told:
            presence.has_left()


class Presence:
    """While the block runs, the client's leaving cancels it and ends it with ClientLeft.

    With `cancels=False` his leaving is only noted in `left`. The request's body must have been read to its
    end before. Under a server without our protocol, `leaving` is None and a task waits in `receive`.
    """

    def __init__(self, receive: Receive, *, cancels: bool = True, leaving: Leaving | None = None) -> None:
        self._receive = receive
        self._cancels = cancels
        self._leaving = leaving
        self._watch: asyncio.Task[None] | None = None
        self.left = False

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._caller = asyncio.current_task(loop)
        if self._leaving is not None:
            self._leaving.tell(self)
        else:
            self._watch = loop.create_task(self._until_gone())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.answered()
        if error is None or not self.left or not self._cancels or self._caller is None:
            return
        self._caller.uncancel()
        if isinstance(error, asyncio.CancelledError):
            raise ClientLeft from None

    async def over(self) -> None:
        """Take the cancellation that is still on its way when he has left at the very end of the block."""
        if self.left and self._cancels and self._caller is not None:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
            self._caller.uncancel()

    def answered(self) -> None:
        """Stop watching: the end of an answer looks like the client's leaving."""
        if self._leaving is not None:
            self._leaving.forget(self)
        if self._watch is not None:
            self._watch.cancel()

    async def _until_gone(self) -> None:
        while (message := await self._receive())["type"] != "http.disconnect":
            pass
        if "gaud.unfinished" in message:
            self._cancels = True  # nobody can send the rest of his request
        self.has_left()

    def has_left(self) -> None:
        """Hear that he has."""
        if self._caller and not self._caller.done():
            self.left = True
            if self._cancels:
                self._caller.cancel()
