"""What every bridge is: it takes a request across, and its answer, whole or streamed, back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

import attrs
import msgspec

from gaud_core.errors import ApiError, BadRequest

__all__ = ["Bridge", "Crossing", "Dropped", "Stream", "event", "request_json", "to_json"]


class Stream(Protocol):
    """One streamed answer on its way back: the target's events go in, the caller's come out."""

    def feed(self, told: Mapping[str, Any]) -> bytes:
        """Take the data of one event and give the caller's events; ProviderError for an error event."""
        ...

    def end(self, *, done: bool) -> bytes:
        """Give the last events; UpstreamFailed if the stream was not at its end. `done` is `[DONE]`."""
        ...

    def fail(self, error: ApiError) -> bytes:
        """Give the events that end a broken stream."""
        ...


class Crossing(Protocol):
    """One request that has crossed, and the way back for its answer."""

    @property
    def body(self) -> bytes:
        """The request in the target's dialect."""
        ...

    @property
    def dropped(self) -> tuple[str, ...]:
        """The caller's fields that could not be carried, as paths without positions."""
        ...

    def answer(self, told: Mapping[str, Any]) -> bytes:
        """Translate a whole answer; UpstreamFailed if it is none."""
        ...

    def stream(self) -> Stream:
        """Begin a streamed answer."""
        ...


class Bridge(Protocol):
    """One direction between two dialects; it holds nothing of any call."""

    @property
    def name(self) -> str:
        """Such as `messages-to-chat`; the answer's `x-gaud-bridge`."""
        ...

    @property
    def source(self) -> str:
        """The caller's endpoint."""
        ...

    @property
    def target(self) -> str:
        """The endpoint that the model is served on."""
        ...

    def cross(self, asked: Mapping[str, Any], call_id: str) -> Crossing:
        """Translate a request, decoded JSON; BadRequest for what cannot be understood or carried."""
        ...


@attrs.define
class Dropped:
    """Notes each field that has no place on the other side, once, in the order they came."""

    names: dict[str, None] = attrs.field(factory=dict)

    def note(self, name: str, value: Any = True) -> None:
        """Note a field, unless its value says nothing."""
        if value is not None:
            self.names.setdefault(name)

    def note_all(self, where: str, fields: Mapping[str, Any]) -> None:
        """Note every field of a mapping that says something."""
        for name, value in fields.items():
            self.note(f"{where}.{name}" if where else name, value)

    def told(self) -> tuple[str, ...]:
        """Give the names."""
        return tuple(self.names)


def to_json(value: Any) -> bytes:
    """Write compact JSON; a `msgspec.Raw` in it stands as it is."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):  # half a character, as some upstreams cut it; a huge number
        return json.dumps(value, separators=(",", ":"), default=_plain).encode()


def request_json(value: Any) -> bytes:
    """Write a request as JSON; BadRequest for a number that JSON has and no double holds."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        raise BadRequest(
            "The request holds a number that is too large to be translated.", code="number_too_large"
        ) from None
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a character
        return json.dumps(value, separators=(",", ":")).encode()


def event(name: str, data: Mapping[str, Any]) -> bytes:
    """Give one named server-sent event."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), to_json(data))


def _plain(raw: msgspec.Raw) -> Any:
    return json.loads(bytes(raw))
