"""Answers of Chat Completions, whole or chunk by chunk, as far as every dialect tells them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from gaud_core.bridge.chat.pieces import Piece, get, pieces_of
from gaud_core.errors import ProviderError, UpstreamFailed, one_line

__all__ = ["OF_THE_COST", "Counts", "Head", "count", "failure_of"]

_LONGEST = 500
_STATUSES = {
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "overloaded_error": 529,
}


OF_THE_COST = ("cost", "estimated", "units")


@attrs.frozen
class Counts:
    """Tokens as the upstream counted them; `extra` is what it says of the cost."""

    prompt: int = 0
    cached: int = 0
    written: int = 0
    completion: int = 0
    reasoning: int = 0
    extra: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.define
class Head:
    """What an answer says of itself, gathered as it comes."""

    id: str = ""
    model: str = ""
    created: int | None = None
    service_tier: str | None = None
    finish: str = ""
    matched: str | None = None
    """The stop sequence that ended the answer, where the upstream says so."""
    counts: Counts | None = None

    def take(self, told: Mapping[str, Any]) -> Iterator[Piece]:
        """Note what a whole answer or a chunk says, and give its pieces; ProviderError for an error.

        Several choices are one answer: nobody across a bridge asks for more, and some upstreams put text
        and tool calls into different ones.
        """
        if error := told.get("error"):
            raise failure_of(error)
        self._note(told)
        choices = told.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            finish = get(choice, "finish_reason")
            if isinstance(finish, str) and finish:
                self._finish(finish, get(choice, "stop_reason"))
            message = get(choice, "delta") or get(choice, "message")
            if isinstance(message, dict):
                yield from pieces_of(message, get(choice, "logprobs"))

    def require_choices(self, told: Mapping[str, Any]) -> None:
        """Raise UpstreamFailed for a whole answer that is none."""
        if not told.get("error") and not isinstance(told.get("choices"), list):
            raise UpstreamFailed("The upstream answered with JSON that is no chat completion.")

    def require_end(self, *, done: bool) -> None:
        """Raise UpstreamFailed for a stream that has told neither a finish reason nor `[DONE]`."""
        if not self.finish and not done:
            raise UpstreamFailed(
                "The upstream ended the stream before it was complete.", code="upstream_broke_off"
            )

    def _note(self, told: Mapping[str, Any]) -> None:
        for name in ("id", "model", "service_tier"):
            if isinstance(value := told.get(name), str) and value:
                setattr(self, name, value)
        if isinstance(created := told.get("created"), int):
            self.created = created
        if isinstance(usage := told.get("usage"), dict):
            self.counts = _counts(usage)

    def _finish(self, finish: str, matched: Any) -> None:
        if finish == "error":
            raise UpstreamFailed("The upstream broke its answer off.", code="upstream_broke_off")
        if self.finish != "tool_calls":  # of several choices, one that calls tools says what is to be done
            self.finish = finish
        if isinstance(matched, str):
            self.matched = matched


def failure_of(error: Any) -> ProviderError:
    """Give the error that an upstream's error object or event tells of."""
    message, code = get(error, "message"), get(error, "code")
    said = str(code)
    status = next((_STATUSES[word] for word in (str(get(error, "type")), said) if word in _STATUSES), 502)
    if said.isascii() and said.isdigit() and 400 <= int(said[:4]) < 600:
        status = int(said)
    if code is None or said.isdigit():  # some proxies repeat the status there
        code = get(error, "type")
    words = message if isinstance(message, str) and message else error
    return ProviderError(one_line(str(words)[:_LONGEST]), status=status, code=_code(code))


def _code(code: Any) -> str:
    return str(code)[:100] if isinstance(code, str) and code else "error_in_stream"


def _counts(usage: Mapping[str, Any]) -> Counts:
    prompt, completion = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    written = count(prompt, "cache_write_tokens") or count(prompt, "cache_creation_tokens")
    return Counts(
        count(usage, "prompt_tokens"),
        count(prompt, "cached_tokens"),
        written or count(usage, "cache_creation_input_tokens"),
        count(usage, "completion_tokens"),
        count(completion, "reasoning_tokens"),
        {name: usage[name] for name in OF_THE_COST if usage.get(name) is not None},
    )


def count(counts: Any, name: str) -> int:
    """Give a positive whole number of an object, else 0."""
    value = get(counts, name)
    return value if isinstance(value, int) and value > 0 else 0
