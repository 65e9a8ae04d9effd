"""A request of Chat Completions, as bridges write it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from gaud_core.bridge.chat.thoughts import Thought, thoughts_fields, with_extras

__all__ = [
    "KNOWN_EXTRAS",
    "Turns",
    "content_of",
    "data_url",
    "function_call",
    "known_extras",
    "named_schema",
    "text_part",
    "user_id",
]

KNOWN_EXTRAS = frozenset(
    {"frequency_penalty", "presence_penalty", "logit_bias", "seed", "stop", "prediction", "verbosity"}
    | {"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier"}
    | {"moderation", "reasoning_effort", "service_tier", "temperature", "top_p", "user"}
    | {"web_search_options"}
)
"""Members that mean in Chat Completions what they say, so that they cross from any dialect as they are."""

_LONGEST_USER = 64

Part = dict[str, Any]


@attrs.define
class Turns:
    """The messages of a request, as they grow: what belongs to one turn is put into one message.

    Images and files of tool results wait for the end of the results, because only users may show them.
    """

    messages: list[dict[str, Any]] = attrs.field(factory=list)
    _said: list[Part] = attrs.field(factory=list)
    _calls: list[dict[str, Any]] = attrs.field(factory=list)
    _thoughts: list[Thought] = attrs.field(factory=list)
    _speaking: bool = False
    _shown: list[Part] = attrs.field(factory=list)

    def system(self, parts: Sequence[Part]) -> None:
        """Tell the model how to behave."""
        self._end_turn()
        self.messages.append({"role": "system", "content": content_of(parts)})

    def user(self, parts: Sequence[Part]) -> None:
        """Let the user speak, after what tool results are to show."""
        self._end_speech()
        shown, self._shown = self._shown, []
        self.messages.append({"role": "user", "content": content_of([*shown, *parts])})

    def assistant(
        self,
        parts: Iterable[Part] = (),
        calls: Iterable[dict[str, Any]] = (),
        thoughts: Iterable[Thought] = (),
    ) -> None:
        """Let the model speak; what it says without a break is one message."""
        if not self._speaking:
            self._end_turn()
        self._speaking = True
        self._said += parts
        self._calls += calls
        self._thoughts += thoughts

    def tool(self, call_id: str, parts: Sequence[Part]) -> None:
        """Give a tool's result; what is not text follows in a message of the user's, with the call's id."""
        self._end_speech()
        text = [part if part["type"] == "text" else text_part(_PLACE[part["type"]]) for part in parts]
        shown = [part for part in parts if part["type"] != "text"]
        self.messages.append({"role": "tool", "tool_call_id": call_id, "content": content_of(text)})
        if shown:
            self._shown += [text_part(f"[of the result of tool call {call_id}]"), *shown]

    def done(self) -> list[dict[str, Any]]:
        """Give all messages."""
        self._end_turn()
        return self.messages

    def _end_turn(self) -> None:
        self._end_speech()
        if self._shown:
            self.user([])

    def _end_speech(self) -> None:
        if not self._speaking:
            return
        message: dict[str, Any] = {"role": "assistant", "content": content_of(self._said)}
        fields = thoughts_fields(self._thoughts)
        extras = fields.pop("tool_extras", None)
        if self._calls:
            message["content"] = message["content"] or None
            message["tool_calls"] = [with_extras(call, extras) for call in self._calls]
        if message["content"] or self._calls or fields:
            self.messages.append({**message, **fields})
        self._speaking, self._said, self._calls, self._thoughts = False, [], [], []


_PLACE = {
    "image_url": "[image: in the next message]",
    "file": "[file: in the next message]",
    "input_audio": "[audio: in the next message]",
}


def content_of(parts: Sequence[Part]) -> str | list[Part]:
    """Give one plain text as a string, which every upstream takes, and anything else as its parts."""
    if not parts:
        return ""
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        text: str = parts[0]["text"]
        return text
    return list(parts)


def text_part(text: str, **more: Any) -> Part:
    """Give a part of text."""
    return {"type": "text", "text": text, **more}


def data_url(media_type: str, data: str) -> str:
    """Give base64 as a URL (RFC 2397)."""
    return f"data:{media_type};base64,{data}"


def function_call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    """Give a call of a function in an assistant's message."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def named_schema(name: str, schema: Any, **more: Any) -> dict[str, Any]:
    """Ask for JSON of a schema."""
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, **more}}


def user_id(told: str) -> str:
    """Give an end user's id as upstreams take it: 64 characters at most, so a longer one becomes its hash."""
    return told if len(told) <= _LONGEST_USER else hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()


def known_extras(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Give the members of a request that Chat Completions knows by the same name."""
    return {name: value for name, value in extra.items() if name in KNOWN_EXTRAS}
