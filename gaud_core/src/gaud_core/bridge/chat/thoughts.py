"""What an upstream wants back with its reasoning, packed into the one text that a caller sends back.

Chat Completions has no place for reasoning, so upstreams made their own: `reasoning_content`, `reasoning`,
`reasoning_text` with `reasoning_opaque`, `reasoning_details`, `thinking_blocks`. The other dialects have one
opaque text, a `signature` or `encrypted_content`. A text that Gaud has packed begins with `gaud1.`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from gaud_core.bridge.base import to_json

__all__ = [
    "DEFAULT_FIELD",
    "SIGNATURES",
    "TEXT_FIELDS",
    "Thought",
    "joined",
    "pack",
    "thoughts_fields",
    "unpack",
    "with_extras",
]

_BEGINNING = "gaud1."
TEXT_FIELDS = ("reasoning_content", "reasoning_text", "reasoning")
"""Where upstreams put the text of their reasoning."""
DEFAULT_FIELD = TEXT_FIELDS[0]
SIGNATURES = ("extra_content", "thought_signature", "provider_specific_fields")
"""Members in which upstreams sign a tool call, or its function; they come back with the call."""
_CARRIED = ("reasoning_opaque", "reasoning_details", "thinking_blocks", "tool_extras")


@attrs.frozen
class Thought:
    """One piece of reasoning of an earlier turn.

    `carried` is what its upstream wants back beside the text; `signature` and `redacted` are Anthropic's own.
    """

    text: str = ""
    field: str = DEFAULT_FIELD
    carried: Mapping[str, Any] = attrs.field(factory=dict)
    signature: str = ""
    redacted: str = ""


def pack(field: str, carried: Mapping[str, Any]) -> str:
    """Give one text for what has to come back, and for the member in which the reasoning came."""
    return _BEGINNING + base64.urlsafe_b64encode(to_json({"field": field, **carried})).decode()


def unpack(packed: str) -> tuple[str, Mapping[str, Any]] | None:
    """Read such a text; None for one that is not Gaud's."""
    if not packed.startswith(_BEGINNING):
        return None
    try:
        held = json.loads(base64.urlsafe_b64decode(packed.removeprefix(_BEGINNING)))
    except (ValueError, RecursionError):
        return None
    if not isinstance(held, dict):
        return None
    field = held.get("field")
    carried = {name: held[name] for name in _CARRIED if name in held}
    return (field if field in TEXT_FIELDS else DEFAULT_FIELD), carried


def thoughts_fields(thoughts: Iterable[Thought]) -> dict[str, Any]:
    """Give the members of an assistant's message that carry his reasoning back to the upstream."""
    fields: dict[str, Any] = {}
    blocks: list[dict[str, Any]] = []
    for thought in thoughts:
        if thought.text:
            fields[thought.field] = fields.get(thought.field, "") + thought.text
        if thought.signature:
            blocks.append({"type": "thinking", "thinking": thought.text, "signature": thought.signature})
        if thought.redacted:
            blocks.append({"type": "redacted_thinking", "data": thought.redacted})
        for name, value in thought.carried.items():
            fields[name] = joined(fields.get(name), value)
    if blocks:
        fields["thinking_blocks"] = [*fields.get("thinking_blocks", []), *blocks]
    return fields


def joined(held: Any, more: Any) -> Any:
    """Give two values of one member as one: lists and objects grow, of anything else the later one counts."""
    if isinstance(more, list):
        return [*(held if isinstance(held, list) else []), *more]
    if isinstance(more, dict):
        return {**(held if isinstance(held, dict) else {}), **more}
    return more


def with_extras(call: dict[str, Any], extras: Any) -> dict[str, Any]:
    """Give a tool call with what its upstream wants back with it."""
    extra = extras.get(call["id"]) if isinstance(extras, dict) else None
    if not isinstance(extra, dict):
        return call
    own = {name: extra[name] for name in SIGNATURES if name in extra}
    inside = extra.get("function")
    if isinstance(inside, dict) and "function" in call:
        signed = {name: inside[name] for name in SIGNATURES if name in inside}
        own["function"] = {**call["function"], **signed}
    return {**call, **own}
