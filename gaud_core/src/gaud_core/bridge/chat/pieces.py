"""A message or a delta of Chat Completions as a row of pieces, with the members that upstreams add."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from gaud_core.bridge.chat.thoughts import DEFAULT_FIELD, SIGNATURES, TEXT_FIELDS

__all__ = ["Called", "Hidden", "Piece", "Refused", "Said", "Thinking", "get", "pieces_of", "text_of"]

_CARRIED = ("reasoning_opaque", "reasoning_details")


@attrs.frozen
class Thinking:
    """Reasoning: some text of it, or what belongs to the text so far.

    `signature` closes Anthropic's; `carried` is what other upstreams want back. `field` is where it came.
    """

    text: str = ""
    field: str = DEFAULT_FIELD
    signature: str = ""
    carried: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class Hidden:
    """Reasoning that is encrypted as a whole."""

    data: str


@attrs.frozen
class Said:
    """Text of the answer, what belongs to it, and the probabilities of its tokens."""

    text: str
    annotations: Sequence[Any] = ()
    logprobs: Sequence[Any] = ()


@attrs.frozen
class Refused:
    """Text of a refusal."""

    text: str


@attrs.frozen
class Called:
    """A tool call, or a piece of one; `index` is None when the upstream gave none."""

    index: int | None
    id: str
    name: str
    arguments: str
    custom: bool = False


Piece = Thinking | Hidden | Said | Refused | Called


def pieces_of(message: Mapping[str, Any], logprobs: Any = None) -> Iterator[Piece]:
    """Give the pieces of a message or of a delta, reasoning first."""
    yield from _thinking(message)
    text = text_of(message.get("content"))
    annotations = message.get("annotations")
    found = get(logprobs, "content")
    if text or annotations:
        yield Said(
            text,
            annotations if isinstance(annotations, list) else (),
            found if isinstance(found, list) else (),
        )
    if refusal := text_of(message.get("refusal")):
        yield Refused(refusal)
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            if carried := _carried_by(call):
                yield Thinking(carried={"tool_extras": {_string(call, "id"): carried}})
            yield _called(call)
    function = message.get("function_call")
    if isinstance(function, dict):
        yield Called(0, "", _string(function, "name"), _string(function, "arguments"))


def text_of(content: Any) -> str:
    """Give a content's text, whether it is a string or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(_string(part, "text") for part in content)
    return ""


def get(value: Any, name: str) -> Any:
    """Give a member of what may be no object."""
    return value.get(name) if isinstance(value, dict) else None


def _thinking(message: Mapping[str, Any]) -> Iterator[Piece]:
    blocks = message.get("thinking_blocks")
    blocks = blocks if isinstance(blocks, list) else []
    told = any(_string(block, "thinking") for block in blocks)
    for name in TEXT_FIELDS:
        text = message.get(name)
        if isinstance(text, str) and text and not told:
            yield Thinking(text, name)
            break
    for block in blocks:
        if data := _string(block, "data"):
            yield Hidden(data)
        elif (text := _string(block, "thinking")) or _string(block, "signature"):
            yield Thinking(text, signature=_string(block, "signature"))
    carried = {name: message[name] for name in _CARRIED if message.get(name)}
    if carried:
        yield Thinking(carried=carried)


def _carried_by(call: Mapping[str, Any]) -> dict[str, Any]:
    """Give what an upstream adds to a call and wants back with it: signatures of the thought behind it."""
    function = call.get("function")
    own = {name: call[name] for name in SIGNATURES if call.get(name)}
    inside = {name: function[name] for name in SIGNATURES if get(function, name)} if function else {}
    carried = own | ({"function": inside} if inside else {})
    return carried if _string(call, "id") else {}


def _called(call: Mapping[str, Any]) -> Called:
    custom = call.get("custom")
    index = call.get("index")
    inside = custom if isinstance(custom, dict) else call.get("function")
    arguments = "input" if isinstance(custom, dict) else "arguments"
    return Called(
        index if isinstance(index, int) else None,
        _string(call, "id"),
        _string(inside, "name"),
        _string(inside, arguments),
        isinstance(custom, dict),
    )


def _string(value: Any, name: str) -> str:
    text = get(value, name)
    return text if isinstance(text, str) else ""
