"""A whole chat completion as a message, and errors in Anthropic's envelope."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import attrs
import msgspec

from gaud_core.bridge.base import to_json
from gaud_core.bridge.chat.answer import Counts, Head
from gaud_core.bridge.chat.blocks import Block, Blocks
from gaud_core.bridge.chat.names import Names
from gaud_core.bridge.chat.thoughts import DEFAULT_FIELD, pack
from gaud_core.errors import UpstreamFailed

__all__ = ["Answering", "error_of", "message_id", "signature_of", "stop_of", "usage_of", "whole"]

_STOPS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


@attrs.frozen
class Answering:
    """What the answer to one request must know of the request."""

    call_id: str
    model: str
    stops: tuple[str, ...]
    names: Names

    def message(self, head: Head, content: list[dict[str, Any]], *stop: str | None) -> dict[str, Any]:
        """Give the message object; `stop` are the reason and the sequence, nothing as long as it comes."""
        reason, sequence = stop or (None, None)
        return {
            "id": message_id(head, self.call_id),
            "type": "message",
            "role": "assistant",
            "model": head.model or self.model,
            "content": content,
            "stop_reason": reason,
            "stop_sequence": sequence,
            "usage": usage_of(head.counts or Counts()),
        }


def whole(told: Mapping[str, Any], answering: Answering) -> bytes:
    """Give the message for a chat completion."""
    head, writer = Head(), _Content()
    blocks = Blocks(writer, answering.call_id)
    head.require_choices(told)
    blocks.put(head.take(told))
    blocks.finish()
    reason, sequence = stop_of(head, blocks.tools, answering.stops, refused=writer.refused)
    content = [_block(block, answering.names, cut=reason == "max_tokens") for block in writer.blocks]
    return to_json(answering.message(head, content, reason, sequence))


@attrs.define
class _Content:
    """Keeps the blocks."""

    blocks: list[Block] = attrs.field(factory=list)
    refused: bool = False

    def open(self, block: Block) -> bytes:
        """Keep it."""
        self.blocks.append(block)
        self.refused = self.refused or block.kind == "refusal"
        return b""

    def add(self, block: Block, text: str, logprobs: list[Any]) -> bytes:
        """Do nothing: the block has it."""
        return b""

    def close(self, block: Block) -> bytes:
        """Do nothing."""
        return b""


def message_id(head: Head, call_id: str) -> str:
    """Give the answer's id in Anthropic's spelling."""
    return "msg_" + (re.sub(r"[^A-Za-z0-9_-]", "", head.id.removeprefix("chatcmpl-"))[:60] or call_id)


def signature_of(block: Block) -> str:
    """Give what the caller is to send back with a block of reasoning, in the one text that he keeps."""
    if block.carried or (not block.signature and block.field != DEFAULT_FIELD):
        carried = dict(block.carried)
        if block.signature:
            own = {"type": "thinking", "thinking": block.text, "signature": block.signature}
            carried["thinking_blocks"] = [own]
        return pack(block.field, carried)
    return block.signature


def stop_of(head: Head, tools: int, stops: tuple[str, ...], *, refused: bool) -> tuple[str, str | None]:
    """Give the reason why the model stopped, and the stop sequence where the upstream told it."""
    if tools and head.finish in {"stop", ""}:  # some upstreams say so when tools are called
        return "tool_use", None
    if refused and head.finish in {"stop", ""}:
        return "refusal", None
    if head.finish == "stop" and head.matched in stops:
        return "stop_sequence", head.matched
    return _STOPS.get(head.finish, "end_turn"), None


def usage_of(counts: Counts) -> dict[str, Any]:
    """Give Anthropic's counts: its input tokens are those that no cache had."""
    usage = {
        "input_tokens": max(counts.prompt - counts.cached - counts.written, 0),
        "cache_creation_input_tokens": counts.written,
        "cache_read_input_tokens": counts.cached,
        "output_tokens": counts.completion,
        **counts.extra,
    }
    if counts.reasoning:
        usage["output_tokens_details"] = {"thinking_tokens": counts.reasoning}
    return usage


def error_of(status: int, message: str, code: str | None, call_id: str) -> dict[str, Any]:
    """Give Anthropic's error envelope; an upstream's code is kept beside the type."""
    kind = _ERRORS.get(status, "invalid_request_error" if 400 <= status < 500 else "api_error")
    error = {"type": kind, "message": message}
    return {"type": "error", "error": error | ({"code": code} if code else {}), "request_id": call_id}


def _block(block: Block, names: Names, *, cut: bool) -> dict[str, Any]:
    match block.kind:
        case "thinking":
            return {"type": "thinking", "thinking": block.text, "signature": signature_of(block)}
        case "hidden":
            return {"type": "redacted_thinking", "data": block.text}
        case "tool":
            name, _ = names.here(block.name)
            return {"type": "tool_use", "id": block.id, "name": name, "input": _input(block, cut=cut)}
    return {"type": "text", "text": block.text}


def _input(block: Block, *, cut: bool) -> Any:
    """Give a call's arguments, a JSON object, with the very bytes that came; cut off ones are no object."""
    text = block.text
    if not text.strip():
        return {}
    try:
        if isinstance(json.loads(text, parse_constant=_no_constant), dict):
            return msgspec.Raw(text.encode())
    except UnicodeEncodeError:  # half a character
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if cut:
        return {}
    raise UpstreamFailed("The upstream's answer holds a tool call whose arguments are no JSON object.")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
