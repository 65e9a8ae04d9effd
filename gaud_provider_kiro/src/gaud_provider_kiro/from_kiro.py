"""From Kiro's events to the answer that a client gets: what `chat` yields."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs

from gaud_core import Event, Finish, ProviderError, Reasoning, Text, ToolCall, UpstreamFailed, UpstreamRefused
from gaud_provider_kiro import wire
from gaud_provider_kiro.calls import CallReader
from gaud_provider_kiro.events import Failure, KiroEvent
from gaud_provider_kiro.stops import StopReader
from gaud_provider_kiro.thinking import ThinkingReader
from gaud_provider_kiro.tokens import Meter
from gaud_provider_kiro.words import sentence

__all__ = ["AnswerReader"]

_TOO_LONG = "ContentLengthExceededException"
_LEEWAY = 1.25
"""A guess must not cut an answer that is within its limit."""


@attrs.define
class AnswerReader:
    """Turns events into pieces of one answer; `is_over` says that no more of them matters.

    Kiro tells no stop reason, so it is derived; and no `max_tokens` and `stop`, so they are kept here.
    `failed` makes the error of a failure in the middle.
    """

    meter: Meter
    calls: CallReader
    failed: Callable[[Failure], ProviderError]
    stops: StopReader
    thoughts: ThinkingReader | None = None
    max_tokens: int | None = None
    needs_tail: bool = True
    """Whether an answer without the events that usually end it counts as broken off."""
    is_over: bool = False
    _tail: bool = False
    _begun: bool = False
    _cut: str = ""
    """Why the answer was ended here; empty if the upstream has ended it."""
    _full: bool = False
    """Whether the upstream had no more room for it."""

    def read(self, event: KiroEvent) -> Iterator[Event]:
        """Give what an event says."""
        match event:
            case wire.TextEvent(content=text):
                yield from self._text(text)
            case wire.ToolUseEvent():
                yield from self._call(event)
            case wire.ReasoningEvent():
                yield from self._thought(event.text, event.signature)
            case Failure():
                self._fail(event)
            case wire.InvalidState():
                raise UpstreamFailed(f"Kiro cannot go on: {sentence(event.message) or event.reason[:80]}")
            case _:
                self._note(event)

    def end(self) -> Iterator[Event]:
        """Give the rest of the answer; UpstreamFailed if the stream ended before the answer did."""
        yield from self._rest()
        if not self._cut and not self._full:
            if not self._tail and (self.needs_tail or not self._begun):
                raise UpstreamFailed(
                    "Kiro ended its answer before it was complete.", code="upstream_broke_off"
                )
            yield from self._last_calls()
        yield Finish(self._cut or self._reason())
        yield self.meter.usage()

    def _rest(self) -> Iterator[Event]:
        """Give the text that was held back."""
        for is_thought, text in self.thoughts.end() if self.thoughts else ():
            yield from self._said(text, is_thought=is_thought)
        if not self.is_over:
            yield from self._shown(self.stops.end())

    def _reason(self) -> str:
        if self.calls.any and not self._full:
            return "tool_calls"
        return "length" if self._full or self.meter.is_full else "stop"

    def _last_calls(self) -> Iterator[ToolCall]:
        for call in self.calls.end():
            self._count(call.arguments)
            yield call

    def _text(self, text: str) -> Iterator[Event]:
        if self.thoughts is None:
            yield from self._said(text, is_thought=False)
            return
        for is_thought, piece in self.thoughts.feed(text):
            yield from self._said(piece, is_thought=is_thought)

    def _said(self, text: str, *, is_thought: bool) -> Iterator[Event]:
        if self.is_over or not text:
            return
        if is_thought:
            yield from self._thought(text)
            return
        yield from self._shown(self.stops.feed(text))
        if self.stops.found:
            self._stop("stop")

    def _shown(self, text: str) -> Iterator[Event]:
        if text:
            self._count(text)
            yield Text(text)

    def _thought(self, text: str, signature: str = "") -> Iterator[Event]:
        if (text or signature) and not self.is_over:
            self._count(text, thought=True)
            yield Reasoning(text, signature)

    def _call(self, event: wire.ToolUseEvent) -> Iterator[Event]:
        for call in self.calls.read(event):
            self._count(call.name + call.arguments)
            yield call

    def _count(self, text: str, *, thought: bool = False) -> None:
        self._begun = True
        self.meter.say(text, thought=thought)
        if self.max_tokens is not None and self.meter.said > self.max_tokens * _LEEWAY:
            self._stop("length")

    def _stop(self, reason: str) -> None:
        self._cut, self.is_over = self._cut or reason, True

    def _fail(self, failure: Failure) -> None:
        if failure.type == _TOO_LONG and self._begun:
            self._full = True
            return
        if failure.type == _TOO_LONG:
            raise UpstreamRefused(
                "The conversation is too long for this model.", status=400, code="context_length_exceeded"
            )
        raise self.failed(failure)

    def _note(self, event: wire.Metadata | wire.Metering | wire.ContextUsage) -> None:
        match event:
            case wire.Metadata(token_usage=usage) if usage is not None:
                self.meter.told, self._tail = usage, True
            case wire.Metering(usage=credits):
                self.meter.spend(credits)
                self._tail = True
            case wire.ContextUsage(context_usage_percentage=percentage):
                self.meter.fill(percentage)
                self._tail = True
