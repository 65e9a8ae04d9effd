"""Around each request: its id on the answer, its line in the log, and a last net for mistakes of our own."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import attrs

from gaud_core.errors import ApiError
from gaud_core.gateway.exchange import Exchange

__all__ = ["Exchanges"]

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_QUIET_PATHS = frozenset({"/health"})  # polled every few seconds by whoever watches over containers

log = logging.getLogger("gaud.calls")


@attrs.frozen
class Exchanges:
    """Gives each request an id that the answer carries as `x-request-id`, and logs one line at its end.

    The outermost middleware: what it catches, nobody else has.
    """

    app: App

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = Exchange()
        scope["gaud.exchange"] = exchange
        identity = (b"x-request-id", exchange.id.encode())

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"] = [*message.get("headers", ()), identity]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception as error:
            if exchange.status:
                raise
            log.exception("request %s failed inside Gaud", exchange.id)
            await _apologise(send_with_id, error)
        finally:
            _log_line(scope, exchange)


async def _apologise(send: Send, error: Exception) -> None:
    body = ApiError("Gaud failed at this request; its log has the details.", code=type(error).__name__).body()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _log_line(scope: Scope, exchange: Exchange) -> None:
    level = logging.DEBUG if scope["path"] in _QUIET_PATHS else logging.INFO
    if log.isEnabledFor(level):
        head = {
            "id": exchange.id,
            "method": scope["method"],
            "path": scope["path"],
            "status": exchange.status,
        }
        log.log(level, "call", extra={"fields": {**head, "ms": exchange.elapsed_ms(), **exchange.fields}})
