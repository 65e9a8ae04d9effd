"""Around each request: its id and times on the answer, its line in the log, a net for our own mistakes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

import attrs

from gaud_core.errors import ApiError, Unavailable
from gaud_core.gateway.dialects.envelope import error_answer
from gaud_core.gateway.exchange import ARRIVED, Exchange
from gaud_core.observe.ends import Ended, Ends, write_lines
from gaud_core.observe.metrics import Meter

__all__ = ["Exchanges"]

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_STOPPING = "Gaud is being stopped. Ask again."
_FAILED = "Gaud failed at this request; its log has the details."

log = logging.getLogger("gaud.calls")


@attrs.frozen
class Exchanges:
    """Gives each request an id that the answer carries as `x-request-id`, and logs one line at its end.

    The outermost middleware: what it catches, nobody else has. As long as nothing else stands around calls,
    it takes them to their endpoint itself: what a router and three more middlewares cost would be a tenth
    of all that a call does.
    """

    app: App
    meter: Meter = attrs.field(factory=Meter)
    calls: Mapping[str, str] = attrs.field(factory=dict)
    """The endpoint of each path that is a call."""
    short: Mapping[str, App] = attrs.field(factory=dict)
    """What serves such a path, where there is a short way to it."""
    is_plain: Callable[[], bool] = lambda: True
    """Whether the short way may be taken now."""
    _ends: Ends = attrs.field(default=attrs.Factory(lambda own: Ends(own.meter), takes_self=True))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        endpoint, app = self._begin(scope)
        exchange = Exchange(begun=scope[ARRIVED]) if ARRIVED in scope else Exchange()
        scope["gaud.exchange"] = exchange
        exchange.lap("queue")

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"] = _with_ours(message.get("headers", ()), exchange)
            await send(message)

        try:
            await app(scope, receive, send_with_id)
        except BaseException as error:
            if not await _is_told(error, exchange, send_with_id, scope):
                raise
        finally:
            self._end(scope, endpoint, exchange)

    def _begin(self, scope: Scope) -> tuple[str | None, App]:
        if scope["method"] != "POST":
            return None, self.app
        path = scope["path"]
        endpoint = self.calls.get(path)
        if endpoint is None:
            return None, self.app
        self.meter.running += 1
        return endpoint, self.short.get(path, self.app) if self.is_plain() else self.app

    def _end(self, scope: Scope, endpoint: str | None, exchange: Exchange) -> None:
        millis = exchange.elapsed_ms()
        if endpoint is None:
            write_lines([Ended(scope, exchange, millis)])
        else:
            self._ends.add(Ended(scope, exchange, millis, endpoint))


def _with_ours(headers: Iterable[tuple[bytes, bytes]], exchange: Exchange) -> list[tuple[bytes, bytes]]:
    """Add what every answer carries; what an upstream says of the caller's limits gives way to ours."""
    ours = exchange.headers
    if ours:
        names = dict(ours)
        headers = [pair for pair in headers if pair[0] not in names]
    identity = (b"x-request-id", exchange.id.encode())
    timing = exchange.server_timing()
    if timing is None:
        return [*headers, *ours, identity]
    return [*headers, *ours, (b"server-timing", timing), identity]


def _told(error: BaseException, exchange: Exchange) -> ApiError | None:
    """Give what the client is told of what came out of everything else, and note it in the log's line."""
    if isinstance(error, ApiError):
        exchange.fields.setdefault("error", error.message)
        return error
    if isinstance(error, asyncio.CancelledError):  # Gaud is being stopped, and the grace for calls is over
        exchange.fields.setdefault("error", "Gaud was stopped")
        return Unavailable(_STOPPING, code="gateway_stopped")
    if isinstance(error, Exception) and not exchange.status:
        log.error("request %s failed inside Gaud", exchange.id, exc_info=error)
        return ApiError(_FAILED, code=type(error).__name__)
    return None


async def _is_told(error: BaseException, exchange: Exchange, send: Send, scope: Scope) -> bool:
    """Tell the client of what went wrong, if he has got no answer yet; whether that was the end of it."""
    told = _told(error, exchange)
    if told is None or exchange.status:
        return False
    await _answer(send, scope, told)
    return isinstance(error, Exception)


async def _answer(send: Send, scope: Scope, error: ApiError) -> None:
    headers, body = error_answer(error, scope, scope["gaud.exchange"].id)
    headers["content-length"] = str(len(body))
    await send(
        {
            "type": "http.response.start",
            "status": error.http_status,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})
