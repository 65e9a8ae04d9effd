"""An answer while it comes: its head, then its bytes, nothing decoded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

__all__ = ["Answer", "Broken", "NoAnswer", "NotHTTP", "Sink", "Source"]

Headers = tuple[tuple[str, str], ...]
Sink = Callable[[bytes], bool]
"""Takes a piece as soon as it has come, and says whether the reader may go on waiting."""


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

    __slots__ = (
        *("_loop", "_sink", "_source", "_waiter", "asked", "complete", "error", "full", "headers", "held"),
        *("idle", "pieces", "status"),
    )

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
        self.full = False
        """Whether the upstream has to wait until it is read."""
        self.complete = False
        self.error: BaseException | None = None
        self.asked = False
        """Whether the sink has asked for the reader."""
        self._sink: Sink | None = None
        self.idle: float | None = None
        """How many seconds the upstream has after each piece that the sink has taken."""

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

    def offer(self, sink: Sink, idle: float | None) -> None:
        """Give the sink what comes while the reader waits, which spares waking him for each piece.

        Without `idle` the reader's own deadline holds.
        """
        self._sink, self.idle = sink, idle

    def taken(self) -> bytes:
        """Give what is there, without waiting."""
        pieces, self.pieces = self.pieces, []
        self.held = 0
        if self.full:
            self.full = False
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

    def wake(self) -> bool:
        """Tell the reader that something has come; True if the sink has taken it and he waits on."""
        waiter = self._waiter
        if waiter is None or waiter.done():
            return False
        if self._sink is not None and self.pieces:
            try:
                goes_on = self._sink(self.taken())
            except Exception as error:  # it is for the reader, and not for the connection that calls this
                self.error = self.error or error
            else:
                self.asked = not goes_on
                if goes_on and not self.complete and self.error is None:
                    return True
        waiter.set_result(None)
        return False

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
