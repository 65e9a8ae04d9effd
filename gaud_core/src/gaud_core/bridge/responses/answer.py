"""A whole chat completion as a response, and the objects that its stream is made of as well."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import attrs

from gaud_core.bridge.base import to_json
from gaud_core.bridge.chat.answer import Counts, Head
from gaud_core.bridge.chat.blocks import Block, Blocks
from gaud_core.bridge.chat.names import Names
from gaud_core.bridge.chat.thoughts import DEFAULT_FIELD, pack

__all__ = ["Answering", "annotations_of", "part_of", "whole"]

_DEFAULTS: Mapping[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


@attrs.frozen
class Answering:
    """What the answer to one request says of the request."""

    call_id: str
    asked: Mapping[str, Any]
    names: Names
    now: int = attrs.field(factory=lambda: int(time.time()))

    @property
    def id(self) -> str:
        """The response's id."""
        return "resp_" + self.call_id.removeprefix("req_")

    def item_id(self, kind: str, at: int) -> str:
        """Give an item's id, 64 characters at most."""
        return f"{kind}_{self.call_id.removeprefix('req_')[:48]}_{at}"

    def response(self, head: Head, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
        """Give the response object; what the request said is told once more, as OpenAI does."""
        said = {
            name: self.asked[name] if self.asked.get(name) is not None else default
            for name, default in _DEFAULTS.items()
        }
        incomplete = {"reason": _INCOMPLETE[head.finish]} if status == "incomplete" else None
        return {
            "id": self.id,
            "object": "response",
            "created_at": head.created or self.now,
            "status": status,
            "completed_at": int(time.time()) if status == "completed" else None,
            "error": None,
            "incomplete_details": incomplete,
            "model": head.model or self.asked["model"],
            "output": output,
            **said,
            "service_tier": head.service_tier or self.asked.get("service_tier") or "default",
            "store": False,  # nobody keeps it
            "usage": _usage(head.counts) if head.counts else None,
        }

    def status(self, head: Head) -> str:
        """Give the status of an answer that has come to its end."""
        return "incomplete" if head.finish in _INCOMPLETE else "completed"

    def item(self, block: Block, status: str) -> dict[str, Any]:
        """Give a block as an output item."""
        match block.kind:
            case "thinking" | "hidden":
                return self._reasoning(block, status)
            case "tool":
                return self._call(block, status)
        content = [part_of(block)] if block.texts else []
        said = {"id": self.item_id("msg", block.at), "type": "message", "role": "assistant"}
        return {**said, "status": status, "content": content}

    def _reasoning(self, block: Block, status: str) -> dict[str, Any]:
        text = "" if block.kind == "hidden" else block.text
        summary = [{"type": "summary_text", "text": text}] if text else []
        item = {"id": self.item_id("rs", block.at), "type": "reasoning", "summary": summary}
        sealed = _sealed(block) if status != "in_progress" else None
        return {**item, "encrypted_content": sealed, "status": status}

    def _call(self, block: Block, status: str) -> dict[str, Any]:
        name, namespace = self.names.here(block.name)
        kind, prefix = ("custom_tool_call", "ctc") if block.custom else ("function_call", "fc")
        told = {"input" if block.custom else "arguments": block.text}
        item = {"id": self.item_id(prefix, block.at), "type": kind, "call_id": block.id, "name": name}
        return {**item, **told, **({"namespace": namespace} if namespace else {}), "status": status}


def whole(told: Mapping[str, Any], answering: Answering) -> bytes:
    """Give the response for a chat completion."""
    head, writer = Head(), _Items()
    blocks = Blocks(writer, answering.call_id)
    head.require_choices(told)
    blocks.put(head.take(told))
    blocks.finish()
    status = answering.status(head)
    items = [answering.item(block, "completed") for block in writer.blocks]
    if status == "incomplete" and items:
        items[-1]["status"] = "incomplete"
    return to_json(answering.response(head, status, items))


@attrs.define
class _Items:
    """Keeps the blocks."""

    blocks: list[Block] = attrs.field(factory=list)

    def open(self, block: Block) -> bytes:
        """Keep it."""
        self.blocks.append(block)
        return b""

    def add(self, block: Block, text: str, logprobs: list[Any]) -> bytes:
        """Do nothing: the block has it."""
        return b""

    def close(self, block: Block) -> bytes:
        """Do nothing."""
        return b""


def part_of(block: Block) -> dict[str, Any]:
    """Give a block of text or of refusal as the part of a message."""
    if block.kind == "refusal":
        return {"type": "refusal", "refusal": block.text}
    annotations = annotations_of(block.annotations)
    text = {"type": "output_text", "text": block.text, "annotations": annotations}
    return {**text, "logprobs": block.logprobs}


def annotations_of(told: list[Any]) -> list[dict[str, Any]]:
    """Give a chat's citations of pages as a response has them: one level flatter."""
    flat: list[dict[str, Any]] = []
    for one in told:
        match one:
            case {"type": "url_citation", "url_citation": dict() as citation}:
                flat.append({"type": "url_citation", **citation})
            case {"type": str()}:
                flat.append(one)
    return flat


def _sealed(block: Block) -> str | None:
    """Give what the caller is to send back with the reasoning, if its upstream wants something back."""
    carried = dict(block.carried)
    if block.kind == "hidden":
        carried["thinking_blocks"] = [{"type": "redacted_thinking", "data": block.text}]
    elif block.signature:
        own = {"type": "thinking", "thinking": block.text, "signature": block.signature}
        carried["thinking_blocks"] = [own]
    return pack(block.field, carried) if carried or block.field != DEFAULT_FIELD else None


def _usage(counts: Counts) -> dict[str, Any]:
    return {
        "input_tokens": counts.prompt,
        "input_tokens_details": {"cached_tokens": counts.cached, "cache_write_tokens": counts.written},
        "output_tokens": counts.completion,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning},
        "total_tokens": counts.prompt + counts.completion,
        **counts.extra,
    }
