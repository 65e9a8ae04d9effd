"""Calls that cross a bridge: what their callers are told of it, and the way back for their answers."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import attrs

from gaud_core.bridge import REACHED, Bridge, Crossing, Stream, bridge_to, reached_from
from gaud_core.call import Body, Reply, replace
from gaud_core.errors import BadRequest, ProviderError, UpstreamFailed
from gaud_core.gateway.exchange import Exchange
from gaud_core.gateway.headers import STRICT_HEADER
from gaud_core.sse import data_of, events_of

__all__ = [
    "BRIDGE_HEADERS",
    "Bridged",
    "across",
    "asks_strictly",
    "bridge_for",
    "bridged_endpoints",
    "name_dropped",
]

BRIDGE_HEADERS = ("x-gaud-bridge", "x-gaud-dropped")
"""What an answer says of the bridge that it has crossed."""

_YES = frozenset({b"1", b"true", b"yes", b"on"})
_LONGEST_NAME = 80
_LONGEST_HEADER = 2000
_UNSAFE = re.compile(r"[^A-Za-z0-9_.:\[\]-]")
_LONGEST_WHOLE = 32 * 1024 * 1024
_OF_THE_BODY = frozenset({"content-type", "content-length", "content-encoding", "etag", "digest"})
_OF_A_DIALECT = ("anthropic-", "openai-beta")
_NAMED = re.compile(rb"^event:", re.MULTILINE)
_EVENTS = "text/event-stream"
_STREAM = f"{_EVENTS}; charset=utf-8"


@attrs.frozen
class Bridged:
    """A call on the other side: what goes to the provider, and the way back for its answer."""

    bridge: Bridge
    body: Body
    crossing: Crossing

    def travelling(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Give the caller's headers that mean something there; the answer must be read, so uncompressed."""
        kept = {key: value for key, value in headers.items() if not key.startswith(_OF_A_DIALECT)}
        return {**kept, "accept-encoding": "identity"}

    async def back(self, reply: Reply) -> Reply:
        """Give the provider's reply in the caller's dialect.

        Refusals and redirects stay as they are: whoever relays them puts them into the caller's envelope.
        """
        if reply.status >= 300:
            return reply
        if reply.header("content-encoding", "identity").lower() != "identity":
            raise UpstreamFailed("The upstream compressed its answer unasked, so it cannot be translated.")
        if reply.header("content-type").lower().startswith(_EVENTS):
            pieces = _translated(_pieces(reply), self.crossing.stream())
            return replace(reply, content=pieces, headers=_headers(reply, _STREAM))
        told = _object(await _whole(reply), "answered with something")
        if self.body.stream:  # some upstreams do not stream, whatever they are asked
            stream = self.crossing.stream()
            events = stream.feed(told) + stream.end(done=True)
            return replace(reply, content=_once(events), headers=_headers(reply, _STREAM))
        answer = self.crossing.answer(told)
        return replace(reply, content=answer, headers=_headers(reply, "application/json"))


def bridged_endpoints(natives: Iterable[str]) -> list[str]:
    """Give the endpoints that bridges add to those that a model is served on."""
    there = frozenset(natives)
    return [source for source in REACHED if source not in there and reached_from(source, there)]


def bridge_for(endpoint: str, natives: frozenset[str]) -> Bridge | None:
    """Give the bridge that a call must take; None where its endpoint is native, and where nothing helps."""
    target = None if endpoint in natives else reached_from(endpoint, natives)
    return bridge_to(endpoint, target) if target else None


def asks_strictly(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the caller himself wants nothing to be dropped."""
    strict = STRICT_HEADER.encode()
    return any(name == strict and value.strip().lower() in _YES for name, value in headers)


def across(bridge: Bridge, body: Body, exchange: Exchange, *, strict: bool) -> Bridged:
    """Take a request across, and say so on its answer, whatever that becomes.

    BadRequest for what cannot be carried and, with `strict`, for what would be dropped.
    """
    exchange.fields["bridge"] = bridge.name
    exchange.headers.append((b"x-gaud-bridge", bridge.name.encode()))
    crossing = bridge.cross(body.json(), exchange.id)
    where = f"The model is served on {bridge.target}, where these fields have no place"
    name_dropped(crossing.dropped, where, exchange, strict=strict)
    return Bridged(bridge, Body.parse(crossing.body), crossing)


def name_dropped(dropped: Sequence[str], where: str, exchange: Exchange, *, strict: bool) -> None:
    """Say on the answer what a request loses; with `strict` raise a BadRequest that begins with `where`."""
    if not dropped:
        return
    exchange.headers.append((b"x-gaud-dropped", _listed(dropped).encode()))
    if strict:
        raise BadRequest(
            f"{where}: {_listed(dropped)}. Leave them out, or allow it: this is refused because "
            f"`routing.strict` is on, or for the header `x-gaud-strict`.",
            code="fields_would_be_dropped",
        )


def _listed(names: Iterable[str]) -> str:
    """Give names for a header: bounded, and nothing in them that a header cannot hold."""
    listed = ""
    for name in names:
        safe = _UNSAFE.sub("_", name[:_LONGEST_NAME])
        if len(listed) + len(safe) > _LONGEST_HEADER:
            return f"{listed}, ..."
        listed = f"{listed}, {safe}" if listed else safe
    return listed


def _headers(reply: Reply, content_type: str) -> tuple[tuple[str, str], ...]:
    kept = [(name, value) for name, value in reply.headers if name not in _OF_THE_BODY]
    return (("content-type", content_type), *kept)


async def _translated(pieces: AsyncIterator[bytes], stream: Stream) -> AsyncGenerator[bytes, None]:
    """Give the caller's events; an error takes along the events that end the stream with it."""
    done = False
    try:
        async for event in events_of(pieces):
            data = data_of(event).strip()
            if data == b"[DONE]":
                done = True
            elif (told := _told(event, data)) and (events := stream.feed(told)):
                yield events
        yield stream.end(done=done)
    except ProviderError as error:
        error.last_words = stream.fail(error)
        raise


def _told(event: bytes, data: bytes) -> dict[str, Any] | None:
    """Give an event's data; None for one that says nothing, or bears a name, which a chat's events do not."""
    if not data or (_NAMED.search(event) and not data.startswith(b"{")):
        return None
    return _object(data, "sent an event")


def _object(data: bytes, what: str) -> dict[str, Any]:
    told = None
    with suppress(ValueError, RecursionError):
        told = json.loads(data)
    if not isinstance(told, dict):
        raise UpstreamFailed(f"The upstream {what} that is no JSON object, so it cannot be translated.")
    return told


async def _pieces(reply: Reply) -> AsyncIterator[bytes]:
    if isinstance(reply.content, bytes):
        yield reply.content
        return
    async for piece in reply.content:
        yield piece


async def _once(events: bytes) -> AsyncIterator[bytes]:
    yield events


async def _whole(reply: Reply) -> bytes:
    held: list[bytes] = []
    size = 0
    async for piece in _pieces(reply):
        held.append(piece)
        size += len(piece)
        if size > _LONGEST_WHOLE:
            raise UpstreamFailed(
                f"The upstream answered with more than {_LONGEST_WHOLE} bytes, too many to be translated."
            )
    return b"".join(held)
