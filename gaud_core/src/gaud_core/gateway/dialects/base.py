"""The little that a dialect says: how to ask for usage, where it stands, how a stream ends and fails."""

from __future__ import annotations

import json
from typing import Protocol, TypeVar

import msgspec

from gaud_core.call import Body, Usage
from gaud_core.errors import ApiError, ProviderError, UpstreamFailed

__all__ = ["Dialect", "Passthrough", "PassthroughWatch", "Watch", "error_event", "event_of", "require_json"]

T = TypeVar("T")


class Watch(Protocol):
    """Looks at one stream as it passes."""

    usage: Usage | None
    """Tokens, once the stream has told them."""
    error: ProviderError | None
    """What an error event of the upstream said."""
    last: bool
    """Whether the event that ends the stream has been seen."""

    def see(self, events: bytes) -> bytes:
        """Take whole events and give what the client is to get of them."""
        ...

    def complete(self) -> bool:
        """Whether the stream said that it is at its end."""
        ...


class Dialect(Protocol):
    """One endpoint's dialect."""

    def prepare(self, body: Body) -> Body:
        """Give the body as it goes to the upstream: the same bytes, and usage asked for."""
        ...

    def watch(self, body: Body) -> Watch:
        """Make a watch for the stream that answers the client's `body`."""
        ...

    def usage(self, answer: bytes) -> Usage | None:
        """Check a whole answer and read its usage; raise UpstreamFailed when it is none."""
        ...

    def error_event(self, error: ApiError) -> bytes:
        """Give the event that ends a broken stream."""
        ...


class PassthroughWatch:
    """Knows nothing, so calls every end an end."""

    usage: Usage | None = None
    error: ProviderError | None = None
    last: bool = False

    def see(self, events: bytes) -> bytes:
        """Give all of it."""
        return events

    def complete(self) -> bool:
        """Say yes."""
        return True


class Passthrough:
    """For endpoints whose answers need no look."""

    def prepare(self, body: Body) -> Body:
        """Give the body as it is."""
        return body

    def watch(self, body: Body) -> Watch:
        """Make a watch that sees nothing."""
        return PassthroughWatch()

    def usage(self, answer: bytes) -> Usage | None:
        """Know nothing of the answer."""
        return None

    def error_event(self, error: ApiError) -> bytes:
        """Give OpenAI's error as an event."""
        return error_event(error)


def error_event(error: ApiError) -> bytes:
    """OpenAI's error envelope as one server-sent event."""
    return b"data: " + error.body() + b"\n\n"


def event_of(decoder: msgspec.json.Decoder[T], data: bytes) -> T | None:
    """Decode an event's data, or nothing when it has another shape.

    The slow way accepts half a character, a lone surrogate escape, as some upstreams write it.
    """
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    try:
        return msgspec.convert(json.loads(data), decoder.type)
    except (msgspec.ValidationError, ValueError, RecursionError):
        return None


def require_json(answer: bytes) -> None:
    """Raise UpstreamFailed unless the bytes are JSON; for what the fast parser does not accept."""
    try:
        json.loads(answer)
    except (ValueError, RecursionError):
        raise UpstreamFailed("The upstream answered with something that is not valid JSON.") from None
