"""Anthropic's Messages, whole and streamed (docs.claude.com/en/api/messages)."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs
import msgspec

from gaud_core.call import Body, Usage
from gaud_core.errors import ApiError
from gaud_core.gateway.dialects.base import Passthrough, Watch, require_json
from gaud_core.gateway.dialects.counts import count, member, thousandths
from gaud_core.gateway.dialects.envelope import anthropic_body
from gaud_core.gateway.dialects.events import EventsWatch, notable
from gaud_core.ledger import Worst
from gaud_core.provider import Model
from gaud_core.sse import Mark

__all__ = ["CountTokens", "Messages"]

_TYPES = ("message_start", "message_delta", "message_stop")
_COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


class _Answer(msgspec.Struct):
    usage: Any = None


_answer = msgspec.json.Decoder(_Answer)


class Messages(Passthrough):
    """The dialect of `messages`."""

    def watch(self, body: Body) -> Watch:
        """Watch for the usage, of which the first event tells a part and a later one the rest."""
        return _MessagesWatch()

    def usage(self, answer: bytes) -> Usage | None:
        """Read `usage` of a whole answer."""
        try:
            return _usage(_answer.decode(answer).usage)
        except (msgspec.DecodeError, RecursionError):
            require_json(answer)
            return None

    def envelope(self, error: ApiError) -> bytes:
        """Give Anthropic's envelope."""
        return anthropic_body(error)

    def is_envelope(self, answer: object) -> bool:
        """Take `{"type": "error", "error": {…}}` alone: Anthropic's clients read nothing else."""
        return member(answer, "type") == "error" and isinstance(member(answer, "error"), dict)


class CountTokens(Messages):
    """The dialect of `messages/count_tokens`, which answers with a count and uses up nothing."""

    free: ClassVar[bool] = True

    def worst(self, body: Body, model: Model | None) -> Worst:
        """Give nothing."""
        return Worst(0, 0)


@attrs.define
class _MessagesWatch(EventsWatch):
    notable: ClassVar[Mark] = notable(*_TYPES)
    ends: ClassVar[frozenset[str]] = frozenset({"message_stop"})
    _told: dict[str, Any] = attrs.field(factory=dict)

    def read(self, kind: str, event: dict[str, Any]) -> None:
        """Take the counts, which are totals: a later one takes the place of an earlier one."""
        usage = member(event.get("message"), "usage") if kind == "message_start" else event.get("usage")
        if isinstance(usage, dict):
            self._told |= {name: value for name, value in usage.items() if value is not None}
            self.usage = _usage(self._told)

    def error_event(self, error: ApiError) -> bytes:
        """Give Anthropic's error as its event."""
        return b"event: error\ndata: " + anthropic_body(error) + b"\n\n"


def _usage(usage: Any) -> Usage | None:
    """Read Anthropic's `usage`, whose `input_tokens` are only those that no cache had to do with."""
    if not isinstance(usage, dict) or not any(name in usage for name in _COUNTS):
        return None
    read, written = count(usage, "cache_read_input_tokens"), count(usage, "cache_creation_input_tokens")
    cost = usage.get("cost")
    return Usage(
        input_tokens=count(usage, "input_tokens") + read + written,
        output_tokens=count(usage, "output_tokens"),
        cached_tokens=read,
        reasoning_tokens=count(usage.get("output_tokens_details"), "thinking_tokens"),
        cost_usd=None if cost is None else str(cost),
        cache_write_tokens=written,
        estimated=usage.get("estimated") is True,
        milliunits=thousandths(usage.get("units")),
    )
