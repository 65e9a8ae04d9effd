"""An answer that is complete goes out in one piece, and its headers are looked at together."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from gaud_core.gateway.cork import Cork
from gaud_core.gateway.delivery import WHOLE

__all__ = ["JoinedSend"]

_CONTROL = bytes([*range(9), *range(10, 32), 127])
"""What no header may hold, in its name or its value (RFC 9110 §5.5); the guard looks closer at names."""


class JoinedSend:
    """Stands in the place of a cycle's `send`, and leaves to it all but whole answers."""

    __slots__ = ("_cycle", "_send")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._send = cycle.send

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        """Send one of ASGI's messages."""
        body = message.pop(WHOLE, None)
        if body is None:
            await self._send(message)  # type: ignore[arg-type]
            return
        cycle = self._cycle
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if not cycle.disconnected:
            transport = cast("Cork", cycle.transport)
            transport.write_at_once(self._joined(message["status"], message["headers"], body))
            self._complete()

    def _joined(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bytes:
        lines = [b"%b: %b" % header for header in headers]
        if not self._cycle.keep_alive:
            lines.append(b"connection: close")
        text = b"".join(lines)
        if len(text.translate(None, _CONTROL)) != len(text):
            raise RuntimeError("a header of the answer would break out of its line")
        return b"%b%b\r\n\r\n%b" % (STATUS_LINE[status], b"\r\n".join(lines), body)

    def _complete(self) -> None:
        """Leave the cycle as its own `send` would."""
        cycle = self._cycle
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
