"""Around each request: its id on the answer, its line in the log, and a last net for mistakes of our own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import attrs

from gaud_core.errors import ApiError, Unavailable
from gaud_core.gateway.dialects.envelope import error_body
from gaud_core.gateway.exchange import Exchange
from gaud_core.observe.metrics import Meter

__all__ = ["Exchanges"]

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# polled every few seconds by whoever watches over containers
_QUIET_PATHS = frozenset({"/health", "/metrics"})
_STOPPING = "Gaud is being stopped. Ask again."
_FAILED = "Gaud failed at this request; its log has the details."

log = logging.getLogger("gaud.calls")


@attrs.frozen
class Exchanges:
    """Gives each request an id that the answer carries as `x-request-id`, and logs one line at its end.

    The outermost middleware: what it catches, nobody else has.
    """

    app: App
    meter: Meter = attrs.field(factory=Meter)
    calls: Mapping[str, str] = attrs.field(factory=dict)
    """The endpoint of each path that is a call."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        endpoint = self._begin(scope)
        exchange = Exchange()
        scope["gaud.exchange"] = exchange
        identity = (b"x-request-id", exchange.id.encode())

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                ours = {name for name, _ in exchange.headers}
                theirs = [pair for pair in message.get("headers", ()) if pair[0] not in ours]
                message["headers"] = [*theirs, *exchange.headers, identity]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except asyncio.CancelledError:  # Gaud is being stopped, and the grace for running calls is over
            exchange.fields.setdefault("error", "Gaud was stopped")
            if not exchange.status:
                await _answer(send_with_id, scope, Unavailable(_STOPPING, code="gateway_stopped"))
            raise
        except Exception as error:
            if exchange.status:
                raise
            log.exception("request %s failed inside Gaud", exchange.id)
            await _answer(send_with_id, scope, ApiError(_FAILED, code=type(error).__name__))
        finally:
            self._end(scope, endpoint, exchange)

    def _begin(self, scope: Scope) -> str | None:
        endpoint = self.calls.get(scope["path"]) if scope["method"] == "POST" else None
        self.meter.running += endpoint is not None
        return endpoint

    def _end(self, scope: Scope, endpoint: str | None, exchange: Exchange) -> None:
        if endpoint is not None:
            self.meter.running -= 1
            self.meter.count(endpoint, exchange)
        _log_line(scope, exchange)


async def _answer(send: Send, scope: Scope, error: ApiError) -> None:
    body = error_body(error, scope, scope["gaud.exchange"].id)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": error.http_status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _level(path: str, exchange: Exchange) -> int:
    """A failure that is not the client's own is worth a warning; a broken stream has the status 200."""
    if exchange.status >= 500 or (exchange.status < 400 and "error" in exchange.fields):
        return logging.WARNING
    return logging.DEBUG if path in _QUIET_PATHS else logging.INFO


def _log_line(scope: Scope, exchange: Exchange) -> None:
    level = _level(scope["path"], exchange)
    if log.isEnabledFor(level):
        head = {
            "id": exchange.id,
            "method": scope["method"],
            "path": scope["path"],
            "status": exchange.status,
        }
        log.log(level, "call", extra={"fields": {**head, "ms": exchange.elapsed_ms(), **exchange.fields}})
