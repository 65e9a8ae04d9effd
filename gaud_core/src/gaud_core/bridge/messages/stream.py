"""Chunks of a chat completion as Anthropic's events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from gaud_core.bridge.base import event
from gaud_core.bridge.chat.answer import Counts, Head
from gaud_core.bridge.chat.blocks import Block, Blocks
from gaud_core.bridge.chat.names import Names
from gaud_core.bridge.messages.answer import Answering, error_of, signature_of, stop_of, usage_of
from gaud_core.errors import ApiError, one_line

__all__ = ["MessagesStream"]


@attrs.define
class MessagesStream:
    """A message as it comes."""

    answering: Answering
    _head: Head = attrs.field(factory=Head)
    _writer: _Events = attrs.field(init=False)
    _blocks: Blocks = attrs.field(init=False)
    _begun: bool = False

    def __attrs_post_init__(self) -> None:
        self._writer = _Events(self.answering.names)
        self._blocks = Blocks(self._writer, self.answering.call_id)

    def feed(self, told: Mapping[str, Any]) -> bytes:
        """Take a chunk."""
        events = self._blocks.put(self._head.take(told))
        return self._begin() + events

    def end(self, *, done: bool) -> bytes:
        """Tell why the model stopped, and what it has used."""
        self._head.require_end(done=done)
        events = self._begin() + self._blocks.finish()
        stops, refused = self.answering.stops, self._writer.refused
        reason, sequence = stop_of(self._head, self._blocks.tools, stops, refused=refused)
        delta = {"stop_reason": reason, "stop_sequence": sequence}
        usage = usage_of(self._head.counts or Counts())
        last = {"type": "message_delta", "delta": delta, "usage": usage}
        return events + event("message_delta", last) + event("message_stop", {"type": "message_stop"})

    def fail(self, error: ApiError) -> bytes:
        """Tell what broke."""
        message, call_id = one_line(str(error.message)), self.answering.call_id
        return event("error", error_of(error.http_status, message, error.error_code, call_id))

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        message = self.answering.message(self._head, [])
        return event("message_start", {"type": "message_start", "message": message})


@attrs.define
class _Events:
    """Writes blocks as events."""

    names: Names
    refused: bool = False

    def open(self, block: Block) -> bytes:
        """Tell the block without its text; an encrypted one as a whole."""
        content: dict[str, Any]
        match block.kind:
            case "thinking":
                content = {"type": "thinking", "thinking": "", "signature": ""}
            case "hidden":
                content = {"type": "redacted_thinking", "data": block.text}
            case "tool":
                name, _ = self.names.here(block.name)
                content = {"type": "tool_use", "id": block.id, "name": name, "input": {}}
            case _:
                self.refused = self.refused or block.kind == "refusal"
                content = {"type": "text", "text": ""}
        started = {"type": "content_block_start", "index": block.at, "content_block": content}
        return event("content_block_start", started)

    def add(self, block: Block, text: str, logprobs: list[Any]) -> bytes:
        """Tell a piece of text."""
        match block.kind:
            case "thinking":
                return _delta(block, {"type": "thinking_delta", "thinking": text})
            case "tool":
                return _delta(block, {"type": "input_json_delta", "partial_json": text})
        return _delta(block, {"type": "text_delta", "text": text})

    def close(self, block: Block) -> bytes:
        """Tell the signature, right before the end."""
        signature = signature_of(block) if block.kind == "thinking" else ""
        signed = _delta(block, {"type": "signature_delta", "signature": signature}) if signature else b""
        stopped = {"type": "content_block_stop", "index": block.at}
        return signed + event("content_block_stop", stopped)


def _delta(block: Block, delta: dict[str, Any]) -> bytes:
    return event("content_block_delta", {"type": "content_block_delta", "index": block.at, "delta": delta})
