"""What a `ChatProvider` yields, and the two OpenAI answers that are made of it.

Shapes: `chat.completion` and `chat.completion.chunk` of OpenAI's Chat Completions API.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import attrs

from gaud_core.call import Call, Usage

__all__ = ["Event", "Finish", "Reasoning", "Text", "ToolCall"]


@attrs.frozen
class Text:
    """A piece of the answer's text."""

    text: str


@attrs.frozen
class Reasoning:
    """A piece of the model's reasoning, sent as `reasoning_content`.

    A `signature` is the upstream's proof of all the reasoning so far, which it wants back with it in later
    calls; it is sent as `thinking_blocks`, as other gateways do.
    """

    text: str
    signature: str = ""


@attrs.frozen
class ToolCall:
    """A tool call, or a piece of one: the first piece of an `index` has `id` and `name`.

    `arguments` is a piece of JSON text; the pieces of one index are joined in order.
    """

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@attrs.frozen
class Finish:
    """Why the model stopped: `stop`, `length`, `tool_calls` or `content_filter`."""

    reason: str = "stop"


Event = str | Text | Reasoning | ToolCall | Finish | Usage


@attrs.define
class ChunkWriter:
    """Turns events into the chunks of a stream."""

    call: Call
    created: int = attrs.field(factory=lambda: int(time.time()))
    finished: bool = False
    tools: bool = False
    _started: bool = False

    def write(self, event: Event) -> dict[str, Any]:
        """Give the chunk that carries this event."""
        if isinstance(event, Usage):
            return self._chunk([], usage=usage_object(event))
        if isinstance(event, Finish):
            self.finished = True
            return self._chunk([_choice({}, event.reason)])
        self.tools = self.tools or isinstance(event, ToolCall)
        delta = _delta(event)
        if not self._started:
            self._started, delta = True, {"role": "assistant", **delta}
        return self._chunk([_choice(delta, None)])

    def finish(self) -> dict[str, Any] | None:
        """Give the closing chunk when the generator ended without a Finish."""
        return None if self.finished else self.write(Finish("tool_calls" if self.tools else "stop"))

    def _chunk(self, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        head = {"id": f"chatcmpl-{self.call.id}", "object": "chat.completion.chunk", "created": self.created}
        return {**head, "model": self.call.model, "choices": choices, **more}


@attrs.define
class CompletionWriter:
    """Joins events into a whole answer."""

    call: Call
    text: list[str] = attrs.field(factory=list)
    reasoning: list[str] = attrs.field(factory=list)
    signature: str = ""
    tools: dict[int, dict[str, Any]] = attrs.field(factory=dict)
    reason: str = ""
    usage: Usage | None = None

    def write(self, event: Event) -> None:
        """Take one event in."""
        match event:
            case str(text) | Text(text=text):
                self.text.append(text)
            case Reasoning(text=text):
                self.reasoning.append(text)
                self.signature = event.signature or self.signature
            case ToolCall():
                self._write_tool(event)
            case Finish(reason=reason):
                self.reason = reason
            case Usage():
                self.usage = event

    def completion(self) -> dict[str, Any]:
        """Give the whole answer."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self.text) or None}
        if self.reasoning:
            message["reasoning_content"] = "".join(self.reasoning)
        if self.signature:
            message["thinking_blocks"] = [_block("".join(self.reasoning), self.signature)]
        if self.tools:
            message["tool_calls"] = [self.tools[index] for index in sorted(self.tools)]
        elif message["content"] is None:
            message["content"] = ""
        reason = self.reason or ("tool_calls" if self.tools else "stop")
        choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
        head = {"id": f"chatcmpl-{self.call.id}", "object": "chat.completion", "created": int(time.time())}
        whole = {**head, "model": self.call.model, "choices": [choice]}
        return {**whole, "usage": usage_object(self.usage)} if self.usage else whole

    def _write_tool(self, event: ToolCall) -> None:
        empty = {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
        tool = self.tools.setdefault(event.index, empty)
        tool["id"] = tool["id"] or event.id
        tool["function"]["name"] = tool["function"]["name"] or event.name
        tool["function"]["arguments"] += event.arguments


def usage_object(usage: Usage) -> dict[str, Any]:
    """Give OpenAI's `usage` object."""
    total = usage.input_tokens + usage.output_tokens
    counts: dict[str, Any] = {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens}
    counts["total_tokens"] = total
    if usage.cached_tokens:
        counts["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    if usage.reasoning_tokens:
        counts["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    if usage.estimated:
        counts["estimated"] = True
    if usage.milliunits is not None:
        counts["units"] = usage.milliunits / 1000
    return {**usage.extra, **counts}


def as_json(value: Mapping[str, Any]) -> bytes:
    """Write JSON as the upstreams do: compact, with the characters themselves."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # a piece of text that ends in the middle of a character outside the BMP
        return json.dumps(value, separators=(",", ":")).encode()


def _choice(delta: dict[str, Any], reason: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": reason}


def _delta(event: str | Text | Reasoning | ToolCall) -> dict[str, Any]:
    match event:
        case str(text) | Text(text=text):
            return {"content": text}
        case Reasoning(text=text, signature=""):
            return {"reasoning_content": text}
        case Reasoning(text=text, signature=signature):
            return {"reasoning_content": text, "thinking_blocks": [_block("", signature)]}
        case ToolCall():
            return {"tool_calls": [_tool_delta(event)]}


def _block(thinking: str, signature: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": thinking, "signature": signature}


def _tool_delta(event: ToolCall) -> dict[str, Any]:
    function: dict[str, Any] = {"arguments": event.arguments}
    tool: dict[str, Any] = {"index": event.index}
    if event.id:
        tool |= {"id": event.id, "type": "function"}
        function = {"name": event.name, "arguments": event.arguments}
    return {**tool, "function": function}
