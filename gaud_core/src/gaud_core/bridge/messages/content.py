"""Anthropic's content blocks as parts of chat messages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from gaud_core.bridge.base import Dropped
from gaud_core.bridge.chat.names import Names
from gaud_core.bridge.chat.request import Turns, data_url, function_call, text_part
from gaud_core.bridge.chat.thoughts import DEFAULT_FIELD, Thought, unpack
from gaud_core.bridge.messages.shapes import (
    Block,
    ContentSource,
    DataSource,
    Document,
    Image,
    Message,
    RedactedThinking,
    SearchResult,
    Text,
    ThinkingBlock,
    ToolResult,
    ToolUse,
    UrlSource,
)
from gaud_core.bridge.shapes import Unknown
from gaud_core.errors import BadRequest, one_line

__all__ = ["add_message", "parts_of"]

_WHERE = "messages.content"
_FAILED = "Error: "


def add_message(message: Message, turns: Turns, names: Names, dropped: Dropped) -> None:
    """Put one message into the turns of a chat."""
    dropped.note_all("messages", message.extra)
    match message.role:
        case "user":
            _user(message, turns, dropped)
        case "assistant":
            _assistant(message, turns, names, dropped)
        case "system":
            turns.system(list(parts_of(message.content, dropped)))
        case role:
            shown = one_line(role[:50])
            raise BadRequest(f"`messages` holds a role `{shown}`; there are user, assistant and system.")


def _user(message: Message, turns: Turns, dropped: Dropped) -> None:
    """Results of tools come first, whatever stands before them: they answer the message before."""
    results = [block for block in message.content if isinstance(block, ToolResult)]
    others = [block for block in message.content if not isinstance(block, ToolResult)]
    for result in results:
        dropped.note_all(_WHERE, result.extra)
        parts = list(parts_of(result.content or [], dropped))
        turns.tool(result.tool_use_id, _marked(parts) if result.is_error else parts)
    if others or not results:
        turns.user(list(parts_of(others, dropped)))


def _assistant(message: Message, turns: Turns, names: Names, dropped: Dropped) -> None:
    for block in message.content:
        if isinstance(block, Text | ToolUse | ThinkingBlock | RedactedThinking):
            extra = {name: value for name, value in block.extra.items() if name not in _ECHOED}
            dropped.note_all(_WHERE, extra)
        match block:
            case Text(text=text):
                turns.assistant([text_part(text)])
            case ToolUse():
                name = names.there(block.name)
                turns.assistant(calls=[function_call(block.id, name, _arguments(block.input))])
            case ThinkingBlock():
                turns.assistant(thoughts=[_thought(block)])
            case RedactedThinking(data=data):
                turns.assistant(thoughts=[_hidden(data)])
            case Unknown(type=kind):  # what Anthropic's own tools did in an earlier turn
                dropped.note(f"{_WHERE}[{kind}]")
            case _:
                raise BadRequest(
                    f"An assistant's message holds a block `{block.type}`, which only users send."
                )


_ECHOED = frozenset({"caller", "citations"})
"""What an answer's blocks hold besides, and callers send back as it came."""


def parts_of(blocks: Sequence[Block], dropped: Dropped) -> Iterator[dict[str, Any]]:
    """Give the parts for what users, tools and system prompts say; what cannot be shown is a BadRequest."""
    for block in blocks:
        if not isinstance(block, Unknown):
            dropped.note_all(_WHERE, block.extra)
        match block:
            case Text(text=text):
                yield text_part(text)
            case Image(source=source):
                yield {"type": "image_url", "image_url": {"url": _image_url(source)}}
            case Document():
                yield from _document(block, dropped)
            case SearchResult():
                dropped.note(f"{_WHERE}.citations", block.citations)
                yield text_part(f"{block.title}\n{block.source}")
                yield from parts_of(block.content, dropped)
            case ThinkingBlock() | RedactedThinking() | ToolUse():
                raise BadRequest(
                    f"A user's message holds a block `{block.type}`, which only the model sends."
                )
            case _:
                raise _cannot_show(f"a block of the type `{one_line(block.type[:50])}`")


def _image_url(source: Any) -> str:
    match source:
        case DataSource(type="base64"):
            return data_url(source.media_type, source.data)
        case UrlSource(url=url):
            return url
    raise _cannot_show(f"an image by `{one_line(source.type[:50])}`", "Send it as base64 or by its URL.")


def _document(block: Document, dropped: Dropped) -> Iterator[dict[str, Any]]:
    dropped.note(f"{_WHERE}.context", block.context)
    if block.citations and block.citations.get("enabled"):
        dropped.note(f"{_WHERE}.citations")
    source = block.source
    match source:
        case DataSource(type="base64"):
            name = block.title or "document.pdf"
            yield {
                "type": "file",
                "file": {"filename": name, "file_data": data_url(source.media_type, source.data)},
            }
            return
        case DataSource(data=text):
            inside = [text_part(text)]
        case ContentSource(content=content):
            inside = list(parts_of(content, dropped))
        case _:
            what = f"a document by `{one_line(source.type[:50])}`"
            raise _cannot_show(what, "Send it as base64 or as text.")
    if block.title:
        yield text_part(block.title)
    yield from inside


def _cannot_show(what: str, cure: str = "") -> BadRequest:
    said = f"`messages` holds {what}, which this model's endpoint, chat/completions, cannot take."
    return BadRequest(f"{said} {cure}".rstrip(), code="cannot_cross_bridge", param="messages")


def _marked(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Say that a tool has failed: chat messages have no member for it."""
    if parts and parts[0]["type"] == "text":
        return [text_part(_FAILED + parts[0]["text"]), *parts[1:]]
    return [text_part(_FAILED.strip()), *parts]


def _arguments(told: dict[str, Any]) -> str:
    try:
        return json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        raise BadRequest(
            "A tool call's `input` holds a number that is too large to be translated.",
            code="number_too_large",
        ) from None


def _thought(block: ThinkingBlock) -> Thought:
    held = unpack(block.signature)
    if held is None:
        return Thought(block.thinking, DEFAULT_FIELD, signature=block.signature)
    return Thought(block.thinking, *held)


def _hidden(data: str) -> Thought:
    held = unpack(data)
    return Thought(redacted=data) if held is None else Thought("", *held)
