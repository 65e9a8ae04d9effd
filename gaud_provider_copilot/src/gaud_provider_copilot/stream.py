"""Chat streams as OpenAI's clients expect them, event by event; most events stay as they are."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import attrs
import msgspec

from gaud_core import Call, UpstreamFailed, data_of, events_of
from gaud_provider_copilot.answers import (
    BROKEN_OFF,
    REASONING,
    error_of,
    objects,
    with_defaults,
    with_reasoning_content,
)

__all__ = ["mended_stream"]

_NOTHING_MORE = frozenset(
    {"choices", "created", "id", "model", "object", "service_tier", "system_fingerprint", "usage"}
    | {"copilot_confirmation", "copilot_errors", "copilot_references", "prompt_filter_results"}
)
"""The members of a chunk without choices that no client can use: a filter's preamble, or references."""


_MOST_TOOLS, _MOST_CHOICES = 1000, 128


class _Delta(msgspec.Struct):
    tool_calls: Any = None
    reasoning_text: Any = None
    cot_summary: Any = None
    thinking: Any = None


class _Choice(msgspec.Struct):
    index: int
    delta: _Delta
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    id: str
    object: str
    created: int
    model: str
    choices: list[_Choice]
    usage: Any = None
    error: Any = None


_chunk = msgspec.json.Decoder(_Chunk)


async def mended_stream(content: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
    """Mend a stream as it passes; ProviderError where it says that it has failed."""
    mender = _Mender(call)
    async for event in events_of(content):
        if shown := mender.mend(event):
            yield shown


@attrs.define
class _Tools:
    """The tool calls of one choice: a new id begins a new one, whatever index it bears."""

    ids: list[str] = attrs.field(factory=list)
    newest: dict[Any, int] = attrs.field(factory=dict)
    """The newest call that was begun at each of the upstream's indexes."""

    def place(self, fragment: dict[str, Any]) -> dict[str, Any]:
        """Give a fragment with the index of the call that it belongs to."""
        told, name = fragment.get("index"), fragment.get("id")
        index = told if isinstance(told, int) and 0 <= told < _MOST_TOOLS else None
        name = name if isinstance(name, str) else ""
        at = self._place(index, name)
        self.newest[index] = self.newest[None] = at
        placed = {**fragment, "index": at}
        return {"type": "function", **placed} if name else placed

    def _place(self, index: int | None, name: str) -> int:
        if name in self.ids and name:
            return self.ids.index(name)
        if not name and self.ids:
            return self.newest.get(index, self.newest[None])
        if len(self.ids) == _MOST_TOOLS:
            raise UpstreamFailed(f"Copilot calls more than {_MOST_TOOLS} tools in one answer.")
        self.ids.append(name)
        return len(self.ids) - 1


@attrs.define
class _Mender:
    call: Call
    created: int = attrs.field(factory=lambda: int(time.time()))
    tools: dict[int, _Tools] = attrs.field(factory=dict)

    def mend(self, event: bytes) -> bytes:
        """Give the event as it is, mended, or nothing for one that no client can use."""
        data = data_of(event)
        if not data or data == b"[DONE]" or _is_good(data):
            return event
        try:
            chunk = json.loads(data)
        except (ValueError, RecursionError):
            return event  # the gateway judges it
        if not isinstance(chunk, dict) or not chunk.keys() & {"choices", "error", "usage"}:
            return event  # nothing that is known
        mended = self._mended(chunk)
        if mended is None:
            return b""
        return event if mended == chunk else b"data: " + _as_json(mended) + b"\n\n"

    def _mended(self, chunk: dict[str, Any]) -> dict[str, Any] | None:
        choices = objects(chunk.get("choices"))
        if chunk.get("error") and not choices:
            raise error_of(chunk["error"])
        if not choices and not chunk.get("usage"):
            return None if chunk.keys() <= _NOTHING_MORE else {**chunk, "choices": []}
        head = {"id": f"chatcmpl-{self.call.id}", "object": "chat.completion.chunk", "created": self.created}
        whole = with_defaults(chunk, {**head, "model": self.call.model})
        return {**whole, "choices": [self._choice(choice) for choice in choices]}

    def _choice(self, choice: dict[str, Any]) -> dict[str, Any]:
        if choice.get("finish_reason") == "error":
            raise UpstreamFailed(BROKEN_OFF, code="upstream_broke_off")
        given, delta = choice.get("index"), choice.get("delta")
        index = given if isinstance(given, int) and 0 <= given < _MOST_CHOICES else 0
        delta = with_reasoning_content(delta) if isinstance(delta, dict) else {}
        fragments = delta.get("tool_calls")
        if isinstance(fragments, list):
            tools = self.tools.setdefault(index, _Tools())
            placed = [tools.place(each) if isinstance(each, dict) else each for each in fragments]
            delta = {**delta, "tool_calls": placed}
        return {"finish_reason": None, **choice, "index": index, "delta": delta}


def _is_good(data: bytes) -> bool:
    try:
        chunk = _chunk.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return False
    if chunk.error or not (chunk.choices or chunk.usage):
        return False
    for choice in chunk.choices:
        if choice.delta.tool_calls or choice.finish_reason == "error":
            return False
        if any(getattr(choice.delta, name) for name in REASONING):
            return False
    return True


def _as_json(chunk: dict[str, Any]) -> bytes:
    return json.dumps(chunk, separators=(",", ":")).encode()
