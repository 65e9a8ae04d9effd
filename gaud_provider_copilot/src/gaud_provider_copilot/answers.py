"""Whole chat answers as OpenAI's clients expect them; most need nothing and stay as they are.

What Copilot does otherwise: text and each tool call of one answer in choices of their own, members left out,
`reasoning_text` for what others call `reasoning_content`, a finish reason `error`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gaud_core import Call, ProviderError, UpstreamFailed
from gaud_provider_copilot.words import sentence

__all__ = [
    "BROKEN_OFF",
    "REASONING",
    "error_of",
    "mended",
    "objects",
    "with_defaults",
    "with_reasoning_content",
]

REASONING = ("reasoning_text", "cot_summary", "thinking")
"""What Copilot calls what others call `reasoning_content`."""

BROKEN_OFF = "Copilot broke the answer off with the finish reason `error`."


class _Tool(msgspec.Struct):
    id: str
    type: str


class _Message(msgspec.Struct):
    role: str
    content: str | None
    tool_calls: list[_Tool] | None = None
    reasoning_text: Any = None
    cot_summary: Any = None
    thinking: Any = None


class _Choice(msgspec.Struct):
    index: int
    message: _Message
    finish_reason: str


class _Answer(msgspec.Struct):
    id: str
    object: str
    created: int
    model: str
    choices: list[_Choice]
    error: Any = None


_answer = msgspec.json.Decoder(_Answer)


def mended(raw: bytes, call: Call) -> bytes:
    """Give a whole answer in OpenAI's shape; ProviderError for one that says that it failed."""
    if _is_good(raw, call):
        return raw
    try:
        answer = json.loads(raw)
    except (ValueError, RecursionError):
        return raw  # the gateway says what is wrong with it
    if not isinstance(answer, dict):
        return raw
    if answer.get("error"):
        raise error_of(answer["error"])
    choices = objects(answer.get("choices"))
    if not choices:
        raise UpstreamFailed("Copilot answered without any choice.")
    merged = [_merged(choices)] if _is_split(choices, call) else choices
    head = {"id": f"chatcmpl-{call.id}", "object": "chat.completion", "created": int(time.time())}
    whole = with_defaults(answer, {**head, "model": call.model})
    whole["choices"] = [_filled(choice, at) for at, choice in enumerate(merged)]
    return json.dumps(whole, ensure_ascii=True, separators=(",", ":")).encode()


def error_of(error: Any) -> ProviderError:
    """Turn an `error` object inside of an answer into a ProviderError."""
    members = error if isinstance(error, dict) else {"message": error}
    code = members.get("code")
    status = code if isinstance(code, int) and 400 <= code < 600 else 502
    words = sentence(members.get("message")) or "no more is said"
    return ProviderError(f"Copilot answered with an error: {words}", status=status, code="error_in_answer")


def objects(value: Any) -> list[dict[str, Any]]:
    """Give the objects of what should be a list of them."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def with_defaults(members: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in what is missing or null; all else stays."""
    return {**members, **{name: value for name, value in defaults.items() if members.get(name) is None}}


def with_reasoning_content(message: dict[str, Any]) -> dict[str, Any]:
    """Add reasoning under the name that clients know; Copilot's own stays, to be sent back."""
    told = [message[name] for name in REASONING if isinstance(message.get(name), str)]
    if not told or "reasoning_content" in message:
        return message
    return {**message, "reasoning_content": told[0]}


def _is_good(raw: bytes, call: Call) -> bool:
    try:
        answer = _answer.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    if answer.error or not answer.choices or _choices_wanted(call) < len(answer.choices):
        return False
    return all(
        choice.finish_reason != "error" and all(getattr(choice.message, name) is None for name in REASONING)
        for choice in answer.choices
    )


def _choices_wanted(call: Call) -> int:
    wanted = call.body.lengths.get("n")
    return int(wanted) if isinstance(wanted, int | float) and wanted >= 1 else 1


def _is_split(choices: Sequence[dict[str, Any]], call: Call) -> bool:
    return len(choices) > 1 and _choices_wanted(call) == 1


def _merged(choices: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Make one choice of the pieces of one answer, in their order."""
    messages = [message for choice in choices if isinstance(message := choice.get("message"), dict)]
    joined: dict[str, Any] = {}
    for message in messages:
        joined |= {name: value for name, value in message.items() if value is not None}
    for name in ("content", "reasoning_opaque", *REASONING):
        texts = [message[name] for message in messages if isinstance(message.get(name), str)]
        if texts:
            joined[name] = "".join(texts)
    tools = [tool for message in messages for tool in objects(message.get("tool_calls"))]
    if tools:
        joined["tool_calls"] = tools
    reasons = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
    worst = next((reason for reason in ("error", "tool_calls") if reason in reasons), None)
    reason = worst or (reasons[-1] if reasons else None)
    return {**choices[0], "index": 0, "message": joined, "finish_reason": reason}


def _filled(choice: dict[str, Any], at: int) -> dict[str, Any]:
    message = choice.get("message")
    message = dict(message) if isinstance(message, dict) else {}
    tools = message.get("tool_calls")
    if isinstance(tools, list):
        message["tool_calls"] = [
            {"type": "function", **tool} if isinstance(tool, dict) else tool for tool in tools
        ]
    message = {"content": None if tools else "", **with_defaults(message, {"role": "assistant"})}
    index = choice.get("index")
    reason = choice.get("finish_reason") or ("tool_calls" if tools else "stop")
    if reason == "error":
        raise UpstreamFailed(BROKEN_OFF, code="upstream_broke_off")
    return {
        **choice,
        "index": index if isinstance(index, int) else at,
        "message": with_reasoning_content(message),
        "finish_reason": reason,
    }
