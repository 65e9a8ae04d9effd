"""uvicorn's HTTP/1.1 protocol with a limit on the request's head, which httptools does not have.

What runs for each request calls its base class's methods by names of their own: `super()` costs as much as
such a method, and a look into a class half of that.
"""

from __future__ import annotations

import time
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gaud_core.errors import ApiError, BadRequest
from gaud_core.gateway.cork import Cork
from gaud_core.gateway.delivery import WIRE
from gaud_core.gateway.exchange import ARRIVED, Exchange
from gaud_core.gateway.joined import JoinedSend
from gaud_core.gateway.presence import LEAVING, Leaving

__all__ = ["LimitedProtocol", "protocol_with_limit"]

_on_message_begin = HttpToolsProtocol.on_message_begin
_on_headers_complete = HttpToolsProtocol.on_headers_complete
_on_body = HttpToolsProtocol.on_body
_on_message_complete = HttpToolsProtocol.on_message_complete
_data_received = HttpToolsProtocol.data_received


class LimitedProtocol(HttpToolsProtocol):
    """Answers 431 and closes the connection when a head grows over `max_head_bytes`."""

    max_head_bytes: ClassVar[int] = 64 * 1024

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._in_head = True
        self._refused = False
        self._leaving = Leaving()
        self._idle_since: float | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin, with a transport that joins what is written together."""
        super().connection_made(Cork(transport, self.loop))  # type: ignore[arg-type]

    def on_message_begin(self) -> None:
        """Let the request know when it came, and hear when its client leaves without a task for that."""
        _on_message_begin(self)
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope[LEAVING] = self._leaving
        scope[ARRIVED] = time.perf_counter()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever still works for this client."""
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        self._leaving.happened()

    def data_received(self, data: bytes) -> None:
        """Count what comes before a head is complete; a body is counted elsewhere."""
        if self._refused:
            return
        self._idle_since = None
        if self._in_head:
            self._head_bytes += len(data)
        _data_received(self, data)
        if self._in_head and self._head_bytes > self.max_head_bytes:
            self._refuse_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header in; trailers (RFC 9112 §7.1.2) come by the same way, and are none."""
        if self._in_head:  # and then do as the base class
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))
            return
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > self.max_head_bytes:
            self._refuse_head()

    def on_headers_complete(self) -> None:
        """Check the size of the head once it is whole, and go on."""
        if self._head_bytes > self.max_head_bytes and self._head_size() > self.max_head_bytes:
            self._refuse_head()
            return
        self._in_head, self._head_bytes = False, 0
        _on_headers_complete(self)
        if self.cycle is not None:
            scope: dict[str, Any] = self.scope  # type: ignore[assignment]
            send = JoinedSend(self.cycle)
            scope[WIRE] = send
            self.cycle.send = send  # type: ignore[assignment, method-assign]

    def _head_size(self) -> int:
        """Count a head that came with more than a head."""
        return len(self.url) + sum([len(name) + len(value) + 4 for name, value in self.headers])

    def on_body(self, body: bytes) -> None:
        """Ignore the body of a refused request."""
        if not self._refused:
            _on_body(self, body)

    def on_message_complete(self) -> None:
        """Expect the next head on a connection that is kept."""
        self._in_head, self._head_bytes = True, 0
        if not self._refused:
            _on_message_complete(self)

    def on_response_complete(self) -> None:
        """Go on with the next request, or begin to be idle: with a timer that is moved only when it ends."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again_in(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that has been idle for long enough."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None or self.transport.is_closing():
            return  # the end of the request that is on its way begins a new time
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_again_in(left)
        else:
            self.transport.close()

    def _look_again_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _unset_keepalive_if_required(self) -> None:
        """Keep the timer, which costs more than to look at its end whether anything has happened."""

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP request, in OpenAI's envelope."""
        self._refuse("400 Bad Request", BadRequest(msg, code="invalid_http"))

    def _refuse_head(self) -> None:
        told = (
            f"The request's headers are longer than {self.max_head_bytes} bytes (`server.max_header_bytes`)."
        )
        error = BadRequest(told, status=431, code="headers_too_large")
        self._refuse("431 Request Header Fields Too Large", error)

    def _refuse(self, status: str, error: ApiError) -> None:
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        body = error.body()
        head = (
            f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            f"x-request-id: {Exchange().id}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def protocol_with_limit(max_head_bytes: int) -> type[LimitedProtocol]:
    """Make the protocol class for one server; its `max_head_bytes` may be changed while it serves."""
    return type("GaudProtocol", (LimitedProtocol,), {"max_head_bytes": max_head_bytes})
