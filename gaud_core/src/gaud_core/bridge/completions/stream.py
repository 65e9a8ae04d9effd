"""Events of a response as the chunks of a chat completion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from gaud_core.bridge.base import to_json
from gaud_core.bridge.chat.answer import failure_of
from gaud_core.bridge.completions.answer import annotation_of, finish_of, head_of, require_success, usage_of
from gaud_core.bridge.completions.thoughts import details_of, text_of_item
from gaud_core.errors import ApiError, UpstreamFailed

__all__ = ["CompletionsStream"]

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})
_TEXTS = {
    "response.output_text.delta": "content",
    "response.refusal.delta": "refusal",
    "response.reasoning_summary_text.delta": "reasoning_content",
    "response.reasoning_text.delta": "reasoning_content",
}
_PIECES = {
    "response.function_call_arguments.delta": ("function", "arguments"),
    "response.custom_tool_call_input.delta": ("custom", "input"),
}


@attrs.define
class CompletionsStream:
    """A completion as it comes; calls are told apart by `output_index`, since some upstreams change ids."""

    call_id: str
    model: str
    _head: dict[str, Any] = attrs.field(factory=dict)
    _calls: dict[Any, int] = attrs.field(factory=dict)
    _told: set[Any] = attrs.field(factory=set)
    """Items of which some text has come: their last event need not bring it again."""
    _summary: Any = None
    _ended: bool = False

    def feed(self, told: Mapping[str, Any]) -> bytes:
        """Take an event."""
        kind = told.get("type")
        kind = kind if isinstance(kind, str) else ""
        if kind == "error" or (not kind and told.get("error")):
            raise failure_of(told.get("error") or told)
        begun = self._begin(told)
        if kind in _ENDS:
            return begun + self._finish(told.get("response"))
        if kind in _TEXTS:
            return begun + self._text(kind, told)
        if kind in _PIECES:
            self._told.add(_at(told))
            return begun + self._piece(_at(told), *_PIECES[kind], told.get("delta"))
        if kind == "response.output_item.added":
            return begun + self._added(_at(told), told.get("item"))
        if kind == "response.output_item.done":
            return begun + self._done(_at(told), told.get("item"))
        if kind == "response.output_text.annotation.added" and (one := annotation_of(told.get("annotation"))):
            return begun + self._chunk({"annotations": [one]})
        return begun

    def end(self, *, done: bool) -> bytes:
        """Give nothing more: the last event has told all."""
        if not self._ended:
            raise UpstreamFailed(
                "The upstream ended the stream before it was complete.", code="upstream_broke_off"
            )
        return b"data: [DONE]\n\n"

    def fail(self, error: ApiError) -> bytes:
        """Tell what broke."""
        return b"data: " + error.body() + b"\n\n"

    def _begin(self, told: Mapping[str, Any]) -> bytes:
        if self._head:
            return b""
        response = told.get("response")
        response = response if isinstance(response, dict) else {}
        self._head = head_of(response, self.call_id, self.model, "chat.completion.chunk")
        return self._chunk({"role": "assistant", "content": ""})

    def _text(self, kind: str, told: Mapping[str, Any]) -> bytes:
        text = told.get("delta")
        if not isinstance(text, str) or not text:
            return b""
        name = _TEXTS[kind]
        at = _at(told), str(told.get("summary_index"))
        self._told.add(at[0])
        if name == "reasoning_content":
            parted = self._summary is not None and self._summary[0] == at[0] and self._summary != at
            text, self._summary = ("\n\n" if parted else "") + text, at
        probabilities = told.get("logprobs")
        return self._chunk({name: text}, probabilities if isinstance(probabilities, list) else None)

    def _added(self, at: Any, item: Any) -> bytes:
        match item:
            case {"type": "function_call", "call_id": str(call), "name": str(name)}:
                function = {"function": {"name": name, "arguments": ""}}
                return self._opened(at, {"id": call, "type": "function", **function})
            case {"type": "custom_tool_call", "call_id": str(call), "name": str(name)}:
                return self._opened(at, {"id": call, "type": "custom", "custom": {"name": name, "input": ""}})
        return b""

    def _opened(self, at: Any, call: dict[str, Any]) -> bytes:
        self._calls[at] = len(self._calls)
        return self._chunk({"tool_calls": [{"index": self._calls[at], **call}]})

    def _piece(self, at: Any, kind: str, member: str, text: Any) -> bytes:
        if not isinstance(text, str) or not text:
            return b""
        if at not in self._calls:
            raise UpstreamFailed("The upstream's stream holds arguments of a tool call that has not begun.")
        return self._chunk({"tool_calls": [{"index": self._calls[at], kind: {member: text}}]})

    def _done(self, at: Any, item: Any) -> bytes:
        """Tell what only the whole item tells: sealed reasoning, and all of what came without pieces."""
        came = at in self._told
        match item:
            case {"type": "reasoning"}:
                text = "" if came else text_of_item(item)
                told = self._chunk({"reasoning_content": text}) if text else b""
                details = details_of(item)
                return told + (self._chunk({"reasoning_details": details}) if details else b"")
            case {"type": "function_call" | "custom_tool_call" as kind}:
                opened = b"" if at in self._calls else self._added(at, item)
                inside, member = ("function", "arguments") if kind == "function_call" else ("custom", "input")
                return opened + (b"" if came else self._piece(at, inside, member, item.get(member)))
            case {"type": "message", "content": [*parts]} if not came:
                return b"".join([self._part(part) for part in parts])
        return b""

    def _part(self, part: Any) -> bytes:
        match part:
            case {"type": "output_text", "text": str(text)} if text:
                return self._chunk({"content": text})
            case {"type": "refusal", "refusal": str(text)} if text:
                return self._chunk({"refusal": text})
        return b""

    def _finish(self, response: Any) -> bytes:
        told = response if isinstance(response, dict) else {}
        require_success(told)
        self._ended = True
        finish = self._chunk({}, finish=finish_of(told, called=bool(self._calls)))
        usage = usage_of(told.get("usage"))
        return finish + (_data({**self._head, "choices": [], "usage": usage}) if usage else b"")

    def _chunk(self, delta: dict[str, Any], probabilities: Any = None, finish: str | None = None) -> bytes:
        choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": finish}
        if probabilities:
            choice["logprobs"] = {"content": probabilities, "refusal": None}
        return _data({**self._head, "choices": [choice]})


def _data(chunk: Mapping[str, Any]) -> bytes:
    return b"data: " + to_json(chunk) + b"\n\n"


def _at(told: Mapping[str, Any]) -> int:
    """Give the place of the item that an event is about."""
    at = told.get("output_index")
    return at if isinstance(at, int) else -1
