"""The items of a Responses request as the messages of a chat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gaud_core.bridge.base import Dropped
from gaud_core.bridge.chat.names import Names
from gaud_core.bridge.chat.request import Turns, function_call, text_part
from gaud_core.bridge.chat.thoughts import Thought, unpack
from gaud_core.bridge.responses.shapes import (
    CustomCall,
    FunctionCall,
    InputAudio,
    InputFile,
    InputImage,
    Item,
    Message,
    Part,
    ReasoningItem,
    Refusal,
    Text,
    ToolOutput,
)
from gaud_core.errors import BadRequest, one_line

__all__ = ["add_item", "cannot_cross"]

_HANDLES = frozenset({"id", "status", "annotations", "logprobs", "caller", "name", "created_by"})
"""What an answer's items hold besides, and callers send back as it came; nothing is lost without it."""
_DETAILS = frozenset({"auto", "low", "high"})
_CANNOT = {
    "item_reference": "a reference to an item that only the upstream which made it remembers",
    "compaction": "a compacted conversation that only the upstream which made it can read",
}


def add_item(item: Item, turns: Turns, names: Names, dropped: Dropped) -> None:
    """Put one item into the turns of a chat."""
    _note(item.extra, "input", dropped)
    match item:
        case Message():
            _message(item, turns, dropped)
        case FunctionCall():
            name = names.there(item.name, item.namespace)
            turns.assistant(calls=[function_call(item.call_id, name, item.arguments)])
        case CustomCall():
            custom = {"name": names.there(item.name, item.namespace), "input": item.input}
            turns.assistant(calls=[{"id": item.call_id, "type": "custom", "custom": custom}])
        case ToolOutput():
            turns.tool(item.call_id, list(_parts(item.output, dropped)))
        case ReasoningItem():
            turns.assistant(thoughts=[_thought(item, dropped)])


def cannot_cross(kind: str) -> BadRequest | None:
    """Give the reason against an item of a type without which the rest would mean something else."""
    if kind not in _CANNOT:
        return None
    said = f"`input` holds {_CANNOT[kind]} (`{kind}`), and this model is not served on `responses` there."
    return BadRequest(f"{said} Send the items themselves.", param="input", code="cannot_cross_bridge")


def _message(message: Message, turns: Turns, dropped: Dropped) -> None:
    match message.role:
        case "user":
            turns.user(list(_parts(message.content, dropped)))
        case "system" | "developer":
            turns.system(list(_parts(message.content, dropped)))
        case "assistant":
            turns.assistant(list(_parts(message.content, dropped, of_model=True)))
        case role:
            raise BadRequest(
                f"`input` holds a message of an unknown role `{one_line(role[:50])}`.", param="input"
            )


def _parts(parts: list[Part], dropped: Dropped, *, of_model: bool = False) -> Iterator[dict[str, Any]]:
    for part in parts:
        match part:
            case Text(text=text):
                marks = _marks(part.extra.get("prompt_cache_breakpoint"))
                _note(part.extra, "input.content", dropped)
                yield text_part(text, **marks)
                continue
            case Refusal(refusal=text) if of_model:
                yield {"type": "refusal", "refusal": text}
            case InputImage() if not of_model:
                yield {"type": "image_url", "image_url": _image(part, dropped)} | _marks(
                    part.prompt_cache_breakpoint
                )
            case InputFile() if not of_model:
                yield {"type": "file", "file": _file(part)} | _marks(part.prompt_cache_breakpoint)
            case InputAudio() if not of_model:
                yield {"type": "input_audio", "input_audio": part.input_audio}
            case _:
                what = f"a part of the type `{one_line(part.type[:50])}`"
                raise _cannot_show(what)
        _note(part.extra, "input.content", dropped)


def _marks(breakpoint_: Any) -> dict[str, Any]:
    return {"prompt_cache_breakpoint": breakpoint_} if breakpoint_ is not None else {}


def _image(part: InputImage, dropped: Dropped) -> dict[str, Any]:
    if part.image_url is None:
        raise _cannot_show("an image by its file id", "Send it by URL or as base64 in a data URL.")
    if part.detail is not None and part.detail not in _DETAILS:
        dropped.note("input.content.detail")
        return {"url": part.image_url}
    return {"url": part.image_url} | ({"detail": part.detail} if part.detail else {})


def _file(part: InputFile) -> dict[str, Any]:
    if part.file_url is not None:
        raise _cannot_show("a file by its URL", "Send its data.")
    told = {"file_data": part.file_data, "file_id": part.file_id, "filename": part.filename}
    return {name: value for name, value in told.items() if value is not None}


def _cannot_show(what: str, cure: str = "") -> BadRequest:
    said = f"`input` holds {what}, which this model's endpoint, chat/completions, cannot take."
    return BadRequest(f"{said} {cure}".rstrip(), code="cannot_cross_bridge", param="input")


def _note(extra: Mapping[str, Any], where: str, dropped: Dropped) -> None:
    ignored = _HANDLES | {"prompt_cache_breakpoint"}
    dropped.note_all(where, {name: value for name, value in extra.items() if name not in ignored})


def _thought(item: ReasoningItem, dropped: Dropped) -> Thought:
    """Give reasoning back; what another upstream has encrypted has no place in a chat."""
    told = item.summary or item.content or []
    text = "\n\n".join(part.text for part in told if isinstance(part, Text))
    held = unpack(item.encrypted_content) if item.encrypted_content else None
    if item.encrypted_content and held is None:
        dropped.note("input.encrypted_content")
    return Thought(text, *held) if held else Thought(text)
