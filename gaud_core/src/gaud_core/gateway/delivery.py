"""The answer on its way to the client; the call is in the books before he can see the answer's end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, Protocol

from msgspec import Struct

from gaud_core.errors import BooksClosed
from gaud_core.gateway.headers import encode

__all__ = ["EVENTS", "WHOLE", "WIRE", "BrokenAnswer", "Delivery", "Send", "Wire"]

WIRE = "gaud.wire"
"""Where in a request's scope our own protocol puts the `Wire` to its client."""

WHOLE = "gaud.whole"
"""Where in the message that begins an answer its whole body may stand, if our own protocol takes it."""

EVENTS = "gaud.events"
"""The member of such a message by which our own protocol knows that a stream of events follows."""

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Wire(Protocol):
    """The way to a client past every middleware: they look at heads only."""

    def directly(self, message: MutableMapping[str, Any]) -> Awaitable[None]:
        """Send a message."""
        ...

    def body(self) -> bytes | None:
        """Take the request's body; None as long as some of it has not come, or when somebody has read it."""
        ...

    def at_once(self, piece: bytes) -> bool:
        """Send a piece from the middle of an answer; False, and nothing is sent, where that may wait."""
        ...


def _never(piece: bytes) -> bool:
    """Send nothing."""
    return False


class BrokenAnswer(Exception):
    """An answer broke after its beginning was sent, so the connection must end without a clean end."""


class Delivery(Struct, frozen=True, eq=False):
    """ASGI's messages of one answer; `book` settles the call, may raise BooksClosed and be called again.

    What follows the head goes by the `wire`, where there is one.
    """

    send: Send
    book: Callable[[], Awaitable[None]]
    wire: Wire | None = None
    joins: bool = False
    """Whether head and body may go in one message, see `WHOLE`."""
    lap: Callable[[str], object] = lambda part: None
    """Hears which part of the work has ended, before the head goes out that tells the times."""

    async def whole(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Send an answer that is complete; nothing of it if it cannot be booked."""
        await self.book()
        self.lap("settle")
        head = {"type": "http.response.start", "status": status, "headers": encode(headers)}
        if self.joins:
            await self.send({**head, WHOLE: body})
            return
        await self.send(head)
        await self.directly({"type": "http.response.body", "body": body})

    async def start(self, status: int, headers: list[tuple[str, str]], *, events: bool = False) -> None:
        """Send the status and the headers of an answer whose first bytes are there."""
        self.lap("upstream")
        head = {"type": "http.response.start", "status": status, "headers": encode(headers)}
        if events and self.joins:
            head[EVENTS] = True
        await self.send(head)

    @property
    def at_once(self) -> Callable[[bytes], bool]:
        """What sends a piece that is not the last if nobody need wait for that; else send it with `more`."""
        return _never if self.wire is None else self.wire.at_once

    async def more(self, piece: bytes, *, last: bool = False) -> None:
        """Send a piece; waits while the client is slow. The last one waits for the books."""
        if last:
            await self.book()
        await self.directly({"type": "http.response.body", "body": piece, "more_body": True})

    def directly(self, message: MutableMapping[str, Any]) -> Awaitable[None]:
        """Send what follows the head."""
        return self.send(message) if self.wire is None else self.wire.directly(message)

    async def end(self, piece: bytes = b"") -> None:
        """Send the end."""
        await self.book()
        await self.directly({"type": "http.response.body", "body": piece})

    async def end_broken(self, event: bytes) -> None:
        """Send the event that says what broke, booked or not: what cannot be written is tried again later."""
        with suppress(BooksClosed):
            await self.book()
        await self.directly({"type": "http.response.body", "body": event})
