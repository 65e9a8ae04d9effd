"""OpenAI's Chat Completions and Completions, whole and streamed (platform.openai.com/docs/api-reference)."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from gaud_core.call import Body, Usage
from gaud_core.errors import ApiError, ProviderError
from gaud_core.gateway.dialects.base import Passthrough, Watch, error_event, event_of
from gaud_core.gateway.dialects.counts import member, read_usage, usage_of_answer
from gaud_core.gateway.dialects.events import stream_error
from gaud_core.ledger import Worst, prompt_tokens, worst_of
from gaud_core.provider import Model
from gaud_core.sse import Mark, data_of

__all__ = ["ChatCompletions", "Completions"]

_DONE = b"[DONE]"
_NOTABLE = Mark(re.compile(rb'"(?:usage"\s*:\s*\{|error"\s*:\s*[^n\s]|finish_reason"\s*:\s*")'), b"[DONE]")


class _Chunk(msgspec.Struct):
    choices: Any = None
    usage: Any = None
    error: Any = None


_chunk = msgspec.json.Decoder(_Chunk)


class ChatCompletions(Passthrough):
    """The dialect of `chat/completions`."""

    def prepare(self, body: Body) -> Body:
        """Ask for usage in streams: upstreams tell it only then, and the books need it."""
        return body.asking_for_usage() if body.stream else body

    def watch(self, body: Body) -> Watch:
        """Hide the usage chunk from a client who did not ask for it."""
        return _ChatWatch(hide_usage=not body.asks_for_usage)

    def usage(self, answer: bytes) -> Usage | None:
        """Read `usage` of a whole answer."""
        return usage_of_answer(answer)


class Completions(ChatCompletions):
    """The dialect of `completions`, which is older: a text for each prompt of a list, in the same stream."""

    def worst(self, body: Body, model: Model | None) -> Worst:
        """Give the longest answer once for each prompt."""
        prompt = body.json().get("prompt")
        texts = [text for text in prompt if isinstance(text, str | list)] if isinstance(prompt, list) else []
        price, longest = (model.price, model.max_output_tokens) if model else (None, None)
        prompts = max(prompt_tokens(body.raw), body.raw.count(b",") + 1)  # a prompt may be a list of tokens
        return worst_of(prompts, body.lengths, price, max_output_tokens=longest, answers=len(texts) or 1)


class _ChatWatch(msgspec.Struct):
    hide_usage: bool
    usage: Usage | None = None
    error: ProviderError | None = None
    last: bool = False
    made: str = ""
    _ended: bool = False

    def see(self, events: bytes) -> bytes:
        """Look closer only at chunks that hold one of a few words; most hold none."""
        spots = _NOTABLE.spots(events)
        if not spots:
            return events
        pieces = _NOTABLE.split(events, spots)
        return b"".join([self._shown(text) if marked else text for text, marked in pieces])

    def complete(self) -> bool:
        """Say whether `[DONE]`, or at least a finish reason, has been seen and no error."""
        return self._ended and self.error is None

    def error_event(self, error: ApiError) -> bytes:
        """Give OpenAI's error envelope as an event."""
        return error_event(error)

    def _shown(self, event: bytes) -> bytes:
        return event if self._keep(event) else _blank_lines(event)

    def _keep(self, event: bytes) -> bool:
        data = data_of(event)
        if data == _DONE:
            self._ended = self.last = True
            return self.error is None  # after an error it would make a broken stream look whole
        chunk = event_of(_chunk, data)
        if chunk is None:
            return True
        if chunk.error:
            self.error = stream_error(chunk.error)
        choices = chunk.choices if isinstance(chunk.choices, list) else []
        self._ended = self._ended or any(member(choice, "finish_reason") for choice in choices)
        usage = read_usage(chunk.usage)
        if usage is None:
            return True
        self.usage = usage
        return not (self.hide_usage and all(_says_nothing(choice) for choice in choices))


def _blank_lines(event: bytes) -> bytes:
    """Give the empty lines before an event, which are not part of it."""
    return event[: len(event) - len(event.lstrip(b"\r\n"))]


def _says_nothing(choice: Any) -> bool:
    """Whether a choice of a usage chunk is empty; some upstreams send one, OpenAI none."""
    if not isinstance(choice, dict) or choice.get("finish_reason") or choice.get("text"):
        return False
    delta = choice.get("delta") or {}
    return isinstance(delta, dict) and not any(delta.values())
