"""OpenAI's Chat Completions, whole and streamed (platform.openai.com/docs/api-reference/chat)."""

from __future__ import annotations

import re
from typing import Any

import attrs
import msgspec

from gaud_core.call import Body, Usage
from gaud_core.errors import ApiError, ProviderError
from gaud_core.gateway.dialects.base import Watch, error_event, event_of, require_json
from gaud_core.sse import data_of, events_in

__all__ = ["ChatCompletions"]

_DONE = b"[DONE]"
_MOST_UNITS = 1_000_000
_WORDS = (b'"usage"', b'"error"', b'"finish_reason":"', b'"finish_reason": "', _DONE)
_NOTABLE = re.compile(rb'"usage"\s*:\s*\{|"error"\s*:\s*[^n\s]|"finish_reason"\s*:\s*"|\[DONE\]')


class _Chunk(msgspec.Struct):
    choices: Any = None
    usage: Any = None
    error: Any = None


class _Answer(msgspec.Struct):
    usage: Any = None


_chunk = msgspec.json.Decoder(_Chunk)
_answer = msgspec.json.Decoder(_Answer)


class ChatCompletions:
    """The dialect of `chat/completions`."""

    def prepare(self, body: Body) -> Body:
        """Ask for usage in streams: upstreams tell it only then, and the books need it."""
        return body.asking_for_usage() if body.stream else body

    def watch(self, body: Body) -> Watch:
        """Hide the usage chunk from a client who did not ask for it."""
        return _ChatWatch(hide_usage=not body.asks_for_usage)

    def usage(self, answer: bytes) -> Usage | None:
        """Read `usage` of a whole answer."""
        try:
            return read_usage(_answer.decode(answer).usage)
        except (msgspec.DecodeError, RecursionError):
            require_json(answer)
            return None

    def error_event(self, error: ApiError) -> bytes:
        """Give OpenAI's error envelope as an event."""
        return error_event(error)


@attrs.define
class _ChatWatch:
    hide_usage: bool
    usage: Usage | None = None
    error: ProviderError | None = None
    last: bool = False
    _ended: bool = False

    def see(self, events: bytes) -> bytes:
        """Look closer only at chunks that hold one of a few words; most hold none."""
        for word in _WORDS:
            if word in events:
                break
        else:
            return events
        if _NOTABLE.search(events) is None:
            return events
        return b"".join([event if self._keep(event) else _blank_lines(event) for event in events_in(events)])

    def complete(self) -> bool:
        """Say whether `[DONE]`, or at least a finish reason, has been seen and no error."""
        return self._ended and self.error is None

    def _keep(self, event: bytes) -> bool:
        data = data_of(event)
        if data == _DONE:
            self._ended = self.last = True
            return self.error is None  # after an error it would make a broken stream look whole
        chunk = event_of(_chunk, data)
        if chunk is None:
            return True
        if chunk.error:
            self.error = _error(chunk.error)
        choices = chunk.choices if isinstance(chunk.choices, list) else []
        self._ended = self._ended or any(_get(choice, "finish_reason") for choice in choices)
        usage = read_usage(chunk.usage)
        if usage is None:
            return True
        self.usage = usage
        return not (self.hide_usage and all(_says_nothing(choice) for choice in choices))


def _blank_lines(event: bytes) -> bytes:
    """Give the empty lines before an event, which are not part of it."""
    return event[: len(event) - len(event.lstrip(b"\r\n"))]


def read_usage(usage: Any) -> Usage | None:
    """Read OpenAI's `usage` object; None when it is none."""
    if not isinstance(usage, dict):
        return None
    cost = usage.get("cost")
    return Usage(
        input_tokens=_count(usage, "prompt_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
        cached_tokens=_count(usage.get("prompt_tokens_details"), "cached_tokens"),
        reasoning_tokens=_count(usage.get("completion_tokens_details"), "reasoning_tokens"),
        cost_usd=None if cost is None else str(cost),
        estimated=usage.get("estimated") is True,
        milliunits=_thousandths(usage.get("units")),
    )


def _thousandths(value: Any) -> int | None:
    """Read an amount of the account's allowance; what is none is not told."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _MOST_UNITS
    return round(value * 1000) if number else None


def _count(counts: Any, name: str) -> int:
    value = _get(counts, name)
    return value if isinstance(value, int) and value > 0 else 0


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _says_nothing(choice: Any) -> bool:
    """Whether a choice of a usage chunk is empty; some upstreams send one, OpenAI none."""
    if not isinstance(choice, dict) or choice.get("finish_reason"):
        return False
    delta = choice.get("delta") or {}
    return isinstance(delta, dict) and not any(delta.values())


def _error(error: Any) -> ProviderError:
    message = _get(error, "message")
    code = str(_get(error, "code"))
    status = (
        int(code) if code.isascii() and code.isdigit() and len(code) == 3 and 400 <= int(code) < 600 else 502
    )
    return ProviderError(
        str(message if message is not None else error)[:500], status=status, code="error_in_stream"
    )
