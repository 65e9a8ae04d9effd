"""OpenAI's Responses, whole and streamed (platform.openai.com/docs/api-reference/responses)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

import attrs
import msgspec

from gaud_core.call import Body, Usage
from gaud_core.errors import ApiError
from gaud_core.gateway.dialects.base import Passthrough, Watch, require_json
from gaud_core.gateway.dialects.counts import member, read_usage
from gaud_core.gateway.dialects.events import EventsWatch, named_event, notable, stream_error
from gaud_core.ledger import Worst, prompt_tokens, worst_of
from gaud_core.provider import Model
from gaud_core.sse import Mark

__all__ = ["Responses"]

_ENDS = ("response.completed", "response.incomplete", "response.failed")
_NUMBER = re.compile(rb'"sequence_number"\s*:\s*(\d{1,15})')
_PREVIOUS = b"previous_response_id"
_EARLIER = (b'"previous_response_id"', b'"conversation"', b'"prompt"')


class _Answer(msgspec.Struct):
    id: Any = None
    object: Any = None
    usage: Any = None


_answer = msgspec.json.Decoder(_Answer)


class Responses(Passthrough):
    """The dialect of `responses`."""

    def worst(self, body: Body, model: Model | None) -> Worst:
        """Count what the upstream remembers of a conversation as the longest prompt that the model takes."""
        prompt = prompt_tokens(body.raw)
        price, longest = (model.price, model.max_output_tokens) if model else (None, None)
        if model and model.max_input_tokens and any(name in body.raw for name in _EARLIER):
            prompt = max(prompt, model.max_input_tokens)
        return worst_of(prompt, body.lengths, price, max_output_tokens=longest)

    def watch(self, body: Body) -> Watch:
        """Watch for the last event, which holds the whole answer."""
        return _ResponsesWatch()

    def usage(self, answer: bytes) -> Usage | None:
        """Read `usage`, which is null as long as an answer in the background is not done."""
        return read_usage(_decoded(answer).usage)

    def made(self, answer: bytes) -> Sequence[str]:
        """Give the id of the answer: it can be asked for again, and continued."""
        found = _decoded(answer)
        return [found.id] if found.object == "response" and isinstance(found.id, str) else []

    def continues(self, body: Body) -> str:
        """Give `previous_response_id`."""
        earlier = body.json().get("previous_response_id") if _PREVIOUS in body.raw else None
        return earlier if isinstance(earlier, str) else ""


@attrs.define
class _ResponsesWatch(EventsWatch):
    notable: ClassVar[Mark] = notable("response.created", *_ENDS)
    ends: ClassVar[frozenset[str]] = frozenset(_ENDS)
    _latest: bytes = b""

    def see(self, events: bytes) -> bytes:
        """Remember the latest events for their number, should the stream break."""
        self._latest = events or self._latest
        return super().see(events)

    def read(self, kind: str, event: dict[str, Any]) -> None:
        """Take the id from the first event, the usage and a failure from the last."""
        response = event.get("response")
        if isinstance(made := member(response, "id"), str):
            self.made = made
        if kind in self.ends:
            self.usage = read_usage(member(response, "usage"))
        if kind == "response.failed":
            self.error = stream_error(member(response, "error"))

    def error_event(self, error: ApiError) -> bytes:
        """Give it as documented, and in `error` once more: OpenAI's own SDKs raise only for the latter."""
        found = _NUMBER.findall(self._latest)
        payload = error.payload()
        flat = {name: payload[name] for name in ("code", "message", "param")}
        number = int(found[-1]) + 1 if found else 0
        return named_event("error", {"type": "error", **flat, "sequence_number": number, "error": payload})


def _decoded(answer: bytes) -> _Answer:
    try:
        return _answer.decode(answer)
    except (msgspec.DecodeError, RecursionError):
        require_json(answer)
        return _Answer()
