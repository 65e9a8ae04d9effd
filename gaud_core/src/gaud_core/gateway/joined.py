"""An answer that is complete goes out in one piece, and its headers are looked at together."""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, MutableMapping
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from gaud_core.gateway.cork import Cork
from gaud_core.gateway.delivery import EVENTS, WHOLE

__all__ = ["JoinedSend"]


_CHUNKED = (b"transfer-encoding", b"chunked")


class JoinedSend:
    """Stands in the place of a cycle's `send`, and leaves to it all but whole answers.

    It knows its cycle only as long as that serves: else each call would leave a ring of thirty objects to the
    garbage collector, because the cycle knows it, too.
    """

    __slots__ = ("_known",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._known = weakref.ref(cycle)

    def directly(self, message: MutableMapping[str, Any]) -> Awaitable[None]:
        """Send a message as the cycle itself does."""
        return RequestResponseCycle.send(self._cycle, message)  # type: ignore[arg-type]

    def body(self) -> bytes | None:
        """Take the request's body if all of it has come, and nobody has read it."""
        cycle = self._known()
        if cycle is None or cycle.more_body or cycle.disconnected or not cycle.message_event.is_set():
            return None
        cycle.flow.resume_reading()  # which notices that the client leaves
        cycle.message_event.clear()
        body, cycle.body = bytes(cycle.body), bytearray()
        return body

    def at_once(self, piece: bytes) -> bool:
        """Write a piece of an answer in chunks, unless its client is slow or gone."""
        cycle = self._known()
        if cycle is None or not cycle.chunked_encoding or cycle.response_complete or cycle.disconnected:
            return False
        if cycle.flow.write_paused:
            return False
        cast("Cork", cycle.transport).write_at_once(b"%x\r\n%b\r\n" % (len(piece), piece))
        return True

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        """Send one of ASGI's messages."""
        body = message.pop(WHOLE, None)
        if body is None and EVENTS not in message:
            await self.directly(message)
            return
        cycle = self._cycle
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.disconnected:
            return
        headers, transport = message["headers"], cast("Cork", cycle.transport)
        if body is None:
            headers.append(_CHUNKED)
            cycle.response_started = cycle.chunked_encoding = True
            cycle.waiting_for_100_continue = False
            transport.write(_head(message["status"], headers, keep_alive=cycle.keep_alive))
        else:
            transport.write_at_once(_head(message["status"], headers, keep_alive=cycle.keep_alive) + body)
            _complete(cycle)

    @property
    def _cycle(self) -> RequestResponseCycle:
        cycle = self._known()
        if cycle is None:
            raise RuntimeError("the request has ended")
        return cycle


def _head(status: int, headers: list[tuple[bytes, bytes]], *, keep_alive: bool) -> bytes:
    lines = list(map(b": ".join, headers))
    if not keep_alive:
        lines.append(b"connection: close")
    text = b"".join(lines)
    if b"\n" in text or b"\r" in text or b"\0" in text:  # the guard has looked closer at what plugins say
        raise RuntimeError("a header of the answer would break out of its line")
    return b"%b%b\r\n\r\n" % (STATUS_LINE[status], b"\r\n".join(lines))


def _complete(cycle: RequestResponseCycle) -> None:
    """Leave the cycle as its own `send` would."""
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
