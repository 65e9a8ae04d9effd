"""Streams whose events say in their data what `type` they are of: all that are younger than chat's."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

import attrs
import msgspec

from gaud_core.call import Usage
from gaud_core.errors import ApiError, ProviderError
from gaud_core.gateway.dialects.base import event_of
from gaud_core.gateway.dialects.counts import member
from gaud_core.sse import Mark, data_of

__all__ = ["EventsWatch", "named_event", "notable", "stream_error"]

_DONE = b"[DONE]"
_LONGEST_TEXT = 500
_STATUSES = {
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}

_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def notable(*types: str) -> Mark:
    """Make the mark of events that are worth a look: of these types, errors, and `[DONE]`."""
    names = "|".join(re.escape(name) for name in types)
    pattern = rf'"(?:type"\s*:\s*"(?:{names}|error)"|error"\s*:\s*[^n\s])'
    return Mark(re.compile(pattern.encode()), _DONE)


@attrs.define
class EventsWatch:
    """Decodes only the events that `notable` finds. After an error no clean end goes out.

    A subclass says which types end the stream, and reads from an event what it tells.
    """

    notable: ClassVar[Mark] = notable("end")
    ends: ClassVar[frozenset[str]] = frozenset()
    """Types of events after which nothing more comes."""

    usage: Usage | None = None
    error: ProviderError | None = None
    last: bool = False
    made: str = ""
    ended: bool = False

    def see(self, events: bytes) -> bytes:
        """Take whole events; most are none that matters."""
        spots = self.notable.spots(events)
        if not spots:
            return events
        pieces = self.notable.split(events, spots)
        return b"".join([self._shown(text) if marked else text for text, marked in pieces])

    def complete(self) -> bool:
        """Say whether the stream has told its end, and no error."""
        return self.ended and self.error is None

    def read(self, kind: str, event: dict[str, Any]) -> None:
        """Take what a notable event tells."""

    def error_event(self, error: ApiError) -> bytes:
        """Give an event of the name and the type `error`, as OpenAI's younger streams have it."""
        return named_event("error", {"type": "error", "error": error.payload()})

    def _shown(self, event: bytes) -> bytes:
        data = data_of(event)
        if data == _DONE:
            return b"" if self.error else event
        told = event_of(_decoder, data)
        if not isinstance(told, dict):
            return event
        kind = told.get("type")
        if kind in self.ends:
            if self.error:
                return b""
            self.ended = self.last = True
        if kind == "error":
            self.error = stream_error(told.get("error") or told)
        elif told.get("error") and "type" not in told:  # in another dialect: say it in this one as well
            self.error = stream_error(told["error"])
            return event + self.error_event(self.error)
        self.read(str(kind), told)
        return event


def named_event(name: str, data: dict[str, Any]) -> bytes:
    """Write one event."""
    text = json.dumps(data, ensure_ascii=False)
    return f"event: {name}\ndata: {text}\n\n".encode()


def stream_error(error: Any) -> ProviderError:
    """Read what an upstream says of its failure in a stream, and find the status that it would have had."""
    message = member(error, "message")
    said = [str(member(error, name)) for name in ("type", "code")]
    status = next((_STATUSES[word] for word in said if word in _STATUSES), None)
    code = said[1]
    if status is None and code.isascii() and code.isdigit() and len(code) == 3 and 400 <= int(code) < 600:
        status = int(code)
    text = str(message if message is not None else error)[:_LONGEST_TEXT]
    return ProviderError(text, status=status or 502, code="error_in_stream")
