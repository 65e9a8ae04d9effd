"""One path of the admin API: who asks, what he asks, the work in a thread, the answer."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from typing import Any

import attrs
import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gaud_core.admin.desk import Ask, Desk, Operation, Scope
from gaud_core.admin.money import Usd
from gaud_core.admin.reading import read_body, read_query
from gaud_core.errors import BadRequest, BodyTooLarge, BooksClosed
from gaud_core.gateway.delivery import Send
from gaud_core.gateway.intake import read_body as receive_body
from gaud_core.gateway.presence import ClientLeft, Receive
from gaud_core.store import store_failed

__all__ = ["MOST_BODY_BYTES", "Resource"]

MOST_BODY_BYTES = 64 * 1024

_NO_STORE = {"cache-control": "no-store"}
"""An answer may hold the text of a key."""
_CLIENT_LEFT = 499


@attrs.frozen(eq=False)
class Resource:
    """An ASGI endpoint for one path, with an operation for each method."""

    desk: Desk
    operations: Mapping[str, Operation]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; an ApiError is answered by whoever stands around."""
        identity = await self.desk.administrator(scope)
        request = Request(scope, receive)
        operation = self.operations["GET" if request.method == "HEAD" else request.method]
        try:
            ask = await _read(self.desk, identity.user_id or "anybody", operation, request)
            response = await _work(operation, ask)
            await response(scope, receive, send)
        except (ClientLeft, ClientDisconnect):
            scope["gaud.exchange"].status = _CLIENT_LEFT


async def _read(desk: Desk, actor: str, operation: Operation, request: Request) -> Ask:
    pairs = request.query_params.multi_items()
    return Ask(
        desk,
        actor,
        next(iter(request.path_params.values()), ""),
        read_query(pairs, operation.query),
        frozenset(name for name, _ in pairs),
        read_body(await _json(request), operation.body) if operation.body else None,
        {"accept": ",".join(request.headers.getlist("accept")), "method": request.method},
    )


async def _json(request: Request) -> bytes:
    """Receive a body that says it is JSON.

    A web page can make a browser send other types anywhere, together with a client certificate, but not
    this one.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise BadRequest(
            "Send a JSON object with `content-type: application/json`.",
            status=415,
            code="unsupported_media_type",
        )
    try:
        return await receive_body(request.scope, request.receive, MOST_BODY_BYTES)
    except BodyTooLarge:
        raise BodyTooLarge(f"A request to the admin API has at most {MOST_BODY_BYTES} bytes.") from None


async def _work(operation: Operation, ask: Ask) -> Response:
    try:
        if inspect.iscoroutinefunction(operation.handle):
            found = await operation.handle(ask)
        else:
            found = await asyncio.to_thread(operation.handle, ask)
    except Exception as error:
        if store_failed(error):
            raise BooksClosed("Gaud cannot use its database at the moment.", retry_after=5) from None
        raise
    if isinstance(found, Response):
        return found
    if operation.answer is None:
        return Response(status_code=operation.status, headers=_NO_STORE)
    body = msgspec.json.encode(found, enc_hook=_plain)
    return Response(body, operation.status, _NO_STORE, media_type="application/json")


def _plain(value: Any) -> Any:
    if isinstance(value, Usd):
        return msgspec.Raw(value.text().encode())
    raise NotImplementedError(f"{type(value)} has no JSON")
