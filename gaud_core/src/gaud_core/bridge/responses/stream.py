"""Chunks of a chat completion as the events of a response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from gaud_core.bridge.base import event
from gaud_core.bridge.chat.answer import Head
from gaud_core.bridge.chat.blocks import Block, Blocks
from gaud_core.bridge.responses.answer import Answering, annotations_of, part_of
from gaud_core.errors import ApiError, one_line

__all__ = ["ResponsesStream"]

_ERRORS = {429: "rate_limit_exceeded", 400: "invalid_prompt"}


@attrs.define
class ResponsesStream:
    """A response as it comes."""

    answering: Answering
    _head: Head = attrs.field(factory=Head)
    _writer: _Events = attrs.field(init=False)
    _blocks: Blocks = attrs.field(init=False)
    _begun: bool = False

    def __attrs_post_init__(self) -> None:
        self._writer = _Events(self.answering)
        self._blocks = Blocks(self._writer, self.answering.call_id)

    def feed(self, told: Mapping[str, Any]) -> bytes:
        """Take a chunk."""
        pieces = list(self._head.take(told))
        return self._begin() + self._blocks.put(pieces)

    def end(self, *, done: bool) -> bytes:
        """Tell the whole response."""
        self._head.require_end(done=done)
        status = self.answering.status(self._head)
        self._writer.last_status = status
        events = self._begin() + self._blocks.finish()
        response = self.answering.response(self._head, status, self._writer.items)
        return events + self._writer.tell(f"response.{status}", response=response)

    def fail(self, error: ApiError) -> bytes:
        """Tell what broke, in both ways in which callers look for it."""
        message, code = one_line(str(error.message)), error.error_code
        kind = _ERRORS.get(error.http_status, "server_error")
        flat = {"code": code or kind, "message": message, "param": error.param}
        # as documented, and in `error` once more: OpenAI's own libraries raise only for the latter
        told = self._writer.tell("error", **flat, error={"type": error.type, **flat})
        response = self.answering.response(self._head, "failed", self._writer.items)
        response["error"] = {"code": kind, "message": message}
        return told + self._writer.tell("response.failed", response=response)

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        response = self.answering.response(attrs.evolve(self._head, counts=None), "in_progress", [])
        created = self._writer.tell("response.created", response=response)
        return created + self._writer.tell("response.in_progress", response=response)


@attrs.define
class _Events:
    """Writes blocks as items, each in the events of its kind."""

    answering: Answering
    items: list[dict[str, Any]] = attrs.field(factory=list)
    last_status: str = "completed"
    _number: int = 0

    def tell(self, kind: str, **data: Any) -> bytes:
        """Give one event with its number."""
        number, self._number = self._number, self._number + 1
        return event(kind, {"type": kind, "sequence_number": number, **data})

    def open(self, block: Block) -> bytes:
        """Tell the item, and the part in it that the text belongs to."""
        item = self.answering.item(attrs.evolve(block, texts=[]), "in_progress")
        added = self.tell("response.output_item.added", output_index=block.at, item=item)
        if block.kind in {"text", "refusal"}:
            part = part_of(attrs.evolve(block, texts=[]))
            return added + self._of_part("response.content_part.added", block, part=part)
        return added

    def add(self, block: Block, text: str, logprobs: list[Any]) -> bytes:
        """Tell a piece of text."""
        match block.kind:
            case "thinking":
                begun = b"" if any(block.texts[:-1]) else self._summary(block)
                kind = "response.reasoning_summary_text.delta"
                return begun + self._of_summary(kind, block, delta=text)
            case "tool":
                return self._of_item(f"{_call_event(block)}.delta", block, delta=text)
            case "refusal":
                return self._of_part("response.refusal.delta", block, delta=text)
        return self._of_part("response.output_text.delta", block, delta=text, logprobs=logprobs)

    def close(self, block: Block) -> bytes:
        """Tell the whole text, the part and the item once more."""
        status = "completed" if self.last_status != "incomplete" else "incomplete"
        item = self.answering.item(block, status)
        self.items.append(item)
        closed = self._closed(block)  # first, for the numbers
        return closed + self.tell("response.output_item.done", output_index=block.at, item=item)

    def _closed(self, block: Block) -> bytes:
        match block.kind:
            case "thinking" if block.text:
                part = {"type": "summary_text", "text": block.text}
                return self._of_summary(
                    "response.reasoning_summary_text.done", block, text=block.text
                ) + self._of_summary("response.reasoning_summary_part.done", block, part=part)
            case "tool":
                told = {"input" if block.custom else "arguments": block.text}
                name = {} if block.custom else {"name": self.answering.names.here(block.name)[0]}
                return self._of_item(f"{_call_event(block)}.done", block, **told, **name)
            case "refusal":
                text = self._of_part("response.refusal.done", block, refusal=block.text)
            case "text":
                text = self._annotations(block)
                text += self._of_part(
                    "response.output_text.done", block, text=block.text, logprobs=block.logprobs
                )
            case _:
                return b""
        return text + self._of_part("response.content_part.done", block, part=part_of(block))

    def _summary(self, block: Block) -> bytes:
        part = {"type": "summary_text", "text": ""}
        return self._of_summary("response.reasoning_summary_part.added", block, part=part)

    def _annotations(self, block: Block) -> bytes:
        kind = "response.output_text.annotation.added"
        found = enumerate(annotations_of(block.annotations))
        return b"".join(
            [self._of_part(kind, block, annotation_index=at, annotation=told) for at, told in found]
        )

    def _of_item(self, kind: str, block: Block, **data: Any) -> bytes:
        item_id = self.answering.item(block, "in_progress")["id"]
        return self.tell(kind, item_id=item_id, output_index=block.at, **data)

    def _of_part(self, kind: str, block: Block, **data: Any) -> bytes:
        return self._of_item(kind, block, content_index=0, **data)

    def _of_summary(self, kind: str, block: Block, **data: Any) -> bytes:
        return self._of_item(kind, block, summary_index=0, **data)


def _call_event(block: Block) -> str:
    return "response.custom_tool_call_input" if block.custom else "response.function_call_arguments"
