"""The messages of a chat as the items of a Responses request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from gaud_core.bridge.base import Dropped
from gaud_core.bridge.chat.thoughts import TEXT_FIELDS
from gaud_core.bridge.completions.shapes import Call, File, Image, Message, Part, Refusal, Text
from gaud_core.bridge.completions.thoughts import items_of
from gaud_core.errors import BadRequest, one_line

__all__ = ["Items"]

_ECHOED = frozenset({"annotations", "index"})
"""What an answer holds besides, and callers send back as it came; nothing is lost without it."""
_THOUGHTS = frozenset(TEXT_FIELDS)
"""Reasoning as text, which a Responses request takes only sealed."""


@attrs.define
class Items:
    """Items as they grow; remembers which calls were of custom tools, whose outputs are of another type."""

    dropped: Dropped
    items: list[dict[str, Any]] = attrs.field(factory=list)
    _custom: set[str] = attrs.field(factory=set)

    def add(self, message: Message) -> None:
        """Put in one message."""
        sealed = _THOUGHTS if message.reasoning_details else frozenset()
        self._note("messages", message.extra, _ECHOED | sealed)
        match message.role:
            case "user" | "system" | "developer":
                self.items.append({"role": message.role, "content": self._content(message.content)})
            case "assistant":
                self._assistant(message)
            case "tool":
                self._output(message)
            case role:
                shown = one_line(role[:50])
                raise BadRequest(f"`messages` holds a role `{shown}`, which cannot cross.", param="messages")

    def _note(self, where: str, extra: Mapping[str, Any], ignored: frozenset[str]) -> None:
        self.dropped.note_all(where, {name: value for name, value in extra.items() if name not in ignored})

    def _assistant(self, message: Message) -> None:
        self.items += items_of(message.reasoning_details)
        said = [part.text if isinstance(part, Text) else part.refusal for part in self._spoken(message)]
        if text := "".join([*said, message.refusal or ""]):
            self.items.append({"role": "assistant", "content": text})
        self.items += [self._call(call) for call in message.tool_calls or ()]

    def _spoken(self, message: Message) -> Iterator[Text | Refusal]:
        for part in message.content or ():
            if not isinstance(part, Text | Refusal):
                raise _cannot_show(f"an assistant's part of the type `{one_line(part.type[:50])}`")
            yield part

    def _call(self, call: Call) -> dict[str, Any]:
        self._note("messages.tool_calls", call.extra, _ECHOED)
        match call:
            case Call(function={"name": str(name), "arguments": str(arguments)}):
                return {"type": "function_call", "call_id": call.id, "name": name, "arguments": arguments}
            case Call(custom={"name": str(name), "input": str(told)}):
                self._custom.add(call.id)
                return {"type": "custom_tool_call", "call_id": call.id, "name": name, "input": told}
        raise BadRequest("`messages` holds a tool call without a name and arguments.", param="messages")

    def _output(self, message: Message) -> None:
        if message.tool_call_id is None:
            raise BadRequest("A message of the role `tool` lacks its `tool_call_id`.", param="messages")
        kind = "custom_tool_call" if message.tool_call_id in self._custom else "function_call"
        output = self._content(message.content)
        self.items.append({"type": f"{kind}_output", "call_id": message.tool_call_id, "output": output})

    def _content(self, parts: list[Part] | None) -> str | list[dict[str, Any]]:
        told = [self._part(part) for part in parts or ()]
        if not told:
            return ""
        plain = told[0].keys() == {"type", "text"} and len(told) == 1
        return str(told[0]["text"]) if plain else told

    def _part(self, part: Part) -> dict[str, Any]:
        self.dropped.note_all("messages.content", part.extra)
        match part:
            case Text(text=text):
                told = {"type": "input_text", "text": text}
            case Image(image_url={"url": str(url)}):
                detail = part.image_url.get("detail") or "auto"
                told = {"type": "input_image", "image_url": url, "detail": detail}
            case File(file=file):
                told = {"type": "input_file", **_known(file, "file_data", "file_id", "filename")}
            case _:
                raise _cannot_show(f"a part of the type `{one_line(part.type[:50])}`")
        mark = part.prompt_cache_breakpoint
        return told | ({"prompt_cache_breakpoint": mark} if mark is not None else {})


def _known(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: fields[name] for name in names if fields.get(name) is not None}


def _cannot_show(what: str) -> BadRequest:
    said = f"`messages` holds {what}, which this model's endpoint, responses, cannot take."
    return BadRequest(said, code="cannot_cross_bridge", param="messages")
