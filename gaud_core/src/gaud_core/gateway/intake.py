"""A request's body, read within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gaud_core.errors import BadRequest, BodyTooLarge
from gaud_core.gateway.delivery import WIRE, Wire
from gaud_core.gateway.presence import ClientLeft, Receive

__all__ = ["read_body", "refuse_encoded"]


async def read_body(scope: Mapping[str, Any], receive: Receive, limit: int) -> bytes:
    """Read the whole body; BodyTooLarge as early as it can be known."""
    named = dict(scope["headers"])
    refuse_encoded(named)
    length = named.get(b"content-length", b"0")
    if length.isdigit() and int(length) > limit:
        raise _too_large(limit)
    wire: Wire | None = scope.get(WIRE)
    if wire is not None and (body := wire.body()) is not None:
        if len(body) > limit:
            raise _too_large(limit)
        return body
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > limit:
            raise _too_large(limit)
        if not message.get("more_body"):
            return b"".join(pieces)


def refuse_encoded(headers: Mapping[bytes, bytes]) -> None:
    """Raise BadRequest for a compressed body, which nobody could look into."""
    if b"content-encoding" not in headers:
        return
    encoding = headers[b"content-encoding"].decode("latin-1").lower()
    if encoding not in {"identity", ""}:
        message = (
            f"The request body is compressed (`content-encoding: {encoding[:40]}`); send it uncompressed."
        )
        raise BadRequest(message, status=415, code="unsupported_content_encoding")


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The request body is longer than {limit} bytes (`server.max_body_bytes`).")
