"""An answer while it comes: its head, then its bytes, nothing decoded."""

from __future__ import annotations

import asyncio
from typing import Protocol

__all__ = ["Answer", "Broken", "NoAnswer", "NotHTTP", "Source"]

Headers = tuple[tuple[str, str], ...]


class Broken(Exception):
    """The connection ended, or its framing broke, before the answer was complete."""


class NoAnswer(Broken):
    """It ended before the answer began."""


class NotHTTP(Broken):
    """What came is no answer of HTTP/1.1."""


class Source(Protocol):
    """The connection that an answer comes from, as the answer sees it."""

    def watch(self, deadline: float) -> None:
        """Fail the answer with TimeoutError at this time of the loop's clock; inf for never."""
        ...

    def drained(self) -> None:
        """Hear that everything held has been taken."""
        ...

    def abort(self) -> None:
        """Close at once."""
        ...


class Answer:
    """One answer, read by one task at a time; what is not read stays bounded."""

    __slots__ = ("_loop", "_source", "_waiter", "complete", "error", "headers", "held", "pieces", "status")

    def __init__(self, source: Source, loop: asyncio.AbstractEventLoop) -> None:
        self._source = source
        self._loop = loop
        self.pieces: list[bytes] = []
        """What has come and was not read yet; `held` counts its bytes."""
        self._waiter: asyncio.Future[None] | None = None
        self.status = 0
        """0 until the head is there."""
        self.headers: list[tuple[bytes, bytes]] = []
        """Names in lower case."""
        self.held = 0
        self.complete = False
        self.error: BaseException | None = None

    async def begun(self, deadline: float) -> None:
        """Wait for the head; raises NoAnswer, NotHTTP or TimeoutError."""
        while not self.status:
            if self.error is not None:
                raise self.error
            await self.wait(deadline)

    def ready(self) -> bytes | None:
        """Give all that has come since the last time, nothing at the end, None as long as one has to `wait`.

        Raises Broken or TimeoutError.
        """
        if self.pieces:
            return self.taken()
        if self.error is not None:
            raise self.error
        return b"" if self.complete else None

    def taken(self) -> bytes:
        """Give what is there, without waiting."""
        pieces, self.pieces = self.pieces, []
        if self.held and not self.complete:
            self.held = 0
            self._source.drained()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def pairs(self) -> Headers:
        """Give the headers as text whose bytes come out again by the same encoding."""
        return tuple(
            [
                (name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
                for name, value in self.headers
            ]
        )

    async def aclose(self) -> None:
        """Let go: a connection in the middle of an answer is closed, any other is in its pool already."""
        if not self.complete:
            self._source.abort()

    def wake(self) -> None:
        """Tell the reader that something has come."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def wait(self, deadline: float) -> None:
        """Wait until something has come, or its time is over."""
        waiter = self._waiter = self._loop.create_future()
        self._source.watch(deadline)
        try:
            await waiter
        except BaseException:  # the reader is cancelled, and nobody else reads this
            await self.aclose()
            raise
        finally:
            self._waiter = None
            if not self.complete:  # else the connection carries another call by now, which has its own time
                self._source.watch(_NEVER)


_NEVER = float("inf")
