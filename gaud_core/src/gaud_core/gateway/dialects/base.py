"""The little that a dialect says: how to ask for usage, where it stands, how a stream ends and fails."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar, Protocol, TypeVar

import msgspec

from gaud_core.call import Body, Usage
from gaud_core.errors import ApiError, ProviderError, UpstreamFailed
from gaud_core.ledger import Worst, prompt_tokens, worst_of
from gaud_core.provider import Model

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
    made: str
    """The id of what the call has made and can be asked for later, once the stream has told it."""

    def see(self, events: bytes) -> bytes:
        """Take whole events and give what the client is to get of them."""
        ...

    def complete(self) -> bool:
        """Whether the stream said that it is at its end."""
        ...

    def error_event(self, error: ApiError) -> bytes:
        """Give the event that ends this stream when it breaks."""
        ...


class Dialect(Protocol):
    """One endpoint's dialect."""

    free: ClassVar[bool]
    """Whether a call uses nothing up: it is booked with the cost 0, whatever its answer holds."""
    binary: ClassVar[bool]
    """Whether answers are files: passed on as they come, and read by nobody on the way."""

    def prepare(self, body: Body) -> Body:
        """Give the body as it goes to the upstream: the same bytes, and usage asked for."""
        ...

    def worst(self, body: Body, model: Model | None) -> Worst:
        """Give the most that the client's request can take."""
        ...

    def measured(self, body: Body) -> Usage | None:
        """Give what the request itself says of its usage, for answers that say nothing."""
        ...

    def watch(self, body: Body) -> Watch:
        """Make a watch for the stream that answers the client's `body`."""
        ...

    def usage(self, answer: bytes) -> Usage | None:
        """Check a whole answer and read its usage; raise UpstreamFailed when it is none.

        Of an answer that is too long to be held it gets an object with the `usage` alone.
        """
        ...

    def made(self, answer: bytes) -> Sequence[str]:
        """Give the ids of what a whole answer says was made and can be asked for later."""
        ...

    def continues(self, body: Body) -> str:
        """Give the id of an earlier answer that the request goes on from, or nothing."""
        ...

    def envelope(self, error: ApiError) -> bytes:
        """Give the body of an error answer."""
        ...

    def is_envelope(self, answer: object) -> bool:
        """Whether an upstream's decoded error answer has the shape that clients of this endpoint read."""
        ...


class PassthroughWatch:
    """Knows nothing, so calls every end an end."""

    usage: Usage | None = None
    error: ProviderError | None = None
    last: bool = False
    made: str = ""

    def see(self, events: bytes) -> bytes:
        """Give all of it."""
        return events

    def complete(self) -> bool:
        """Say yes."""
        return True

    def error_event(self, error: ApiError) -> bytes:
        """Give OpenAI's error as an event."""
        return error_event(error)


class Passthrough:
    """For endpoints whose answers need no look; the others change what they know better."""

    free: ClassVar[bool] = False
    binary: ClassVar[bool] = False

    def prepare(self, body: Body) -> Body:
        """Give the body as it is."""
        return body

    def worst(self, body: Body, model: Model | None) -> Worst:
        """Give the prompt and the longest answer, in tokens."""
        price, longest = (model.price, model.max_output_tokens) if model else (None, None)
        return worst_of(prompt_tokens(body.raw), body.lengths, price, max_output_tokens=longest)

    def measured(self, body: Body) -> Usage | None:
        """Know nothing before the answer."""
        return None

    def watch(self, body: Body) -> Watch:
        """Make a watch that sees nothing."""
        return PassthroughWatch()

    def usage(self, answer: bytes) -> Usage | None:
        """Know nothing of the answer."""
        return None

    def made(self, answer: bytes) -> Sequence[str]:
        """Remember nothing."""
        return ()

    def continues(self, body: Body) -> str:
        """Go on from nothing."""
        return ""

    def envelope(self, error: ApiError) -> bytes:
        """Give OpenAI's envelope."""
        return error.body()

    def is_envelope(self, answer: object) -> bool:
        """Take any JSON: OpenAI's clients do."""
        return True


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
