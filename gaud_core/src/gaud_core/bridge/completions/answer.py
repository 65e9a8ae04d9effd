"""A whole response as a chat completion."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from gaud_core.bridge.base import to_json
from gaud_core.bridge.chat.answer import OF_THE_COST, count, failure_of
from gaud_core.bridge.chat.pieces import get
from gaud_core.bridge.completions.thoughts import details_of, text_of_item
from gaud_core.errors import UpstreamFailed

__all__ = ["annotation_of", "finish_of", "head_of", "require_success", "usage_of", "whole"]

_FINISHES = {"max_output_tokens": "length", "content_filter": "content_filter"}


def whole(told: Mapping[str, Any], call_id: str, model: str) -> bytes:
    """Give the chat completion for a response."""
    require_success(told)
    output = told.get("output")
    if not isinstance(output, list):
        raise UpstreamFailed("The upstream answered with JSON that is no response.")
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    probabilities: list[Any] = []
    for item in output:
        _take(item, message, probabilities)
    logprobs = {"content": probabilities, "refusal": None} if probabilities else None
    finish = finish_of(told, called="tool_calls" in message)
    choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": finish}
    head = head_of(told, call_id, model, "chat.completion")
    return to_json({**head, "choices": [choice], "usage": usage_of(told.get("usage"))})


def require_success(told: Mapping[str, Any]) -> None:
    """Raise the error that a response tells of."""
    if told.get("error") or told.get("status") == "failed":
        raise failure_of(told.get("error") or "The upstream says that it has failed.")


def head_of(told: Mapping[str, Any], call_id: str, model: str, kind: str) -> dict[str, Any]:
    """Give the members that every completion and every chunk has."""
    made, created = told.get("id"), told.get("created_at")
    head = {
        "id": "chatcmpl-" + (made.removeprefix("resp_") if isinstance(made, str) else call_id),
        "object": kind,
        "created": int(created) if isinstance(created, int | float) else int(time.time()),
        "model": told.get("model") if isinstance(told.get("model"), str) else model,
    }
    tier = told.get("service_tier")
    return head | ({"service_tier": tier} if isinstance(tier, str) else {})


def finish_of(told: Mapping[str, Any], *, called: bool) -> str:
    """Give the reason why the model stopped."""
    if told.get("status") == "incomplete":
        reason = get(told.get("incomplete_details"), "reason")
        return _FINISHES.get(reason, "length") if isinstance(reason, str) else "length"
    return "tool_calls" if called else "stop"


def usage_of(told: Any) -> dict[str, Any] | None:
    """Give a chat's counts."""
    if not isinstance(told, dict):
        return None
    prompt, completion = count(told, "input_tokens"), count(told, "output_tokens")
    inside, outside = told.get("input_tokens_details"), told.get("output_tokens_details")
    read, written = count(inside, "cached_tokens"), count(inside, "cache_write_tokens")
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": count(told, "total_tokens") or prompt + completion,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
        "completion_tokens_details": {"reasoning_tokens": count(outside, "reasoning_tokens")},
    }
    return usage | {name: told[name] for name in OF_THE_COST if told.get(name) is not None}


def annotation_of(told: Any) -> dict[str, Any] | None:
    """Give a citation of a page as a chat has it; chats have no others."""
    if get(told, "type") != "url_citation":
        return None
    return {"type": "url_citation", "url_citation": {key: told[key] for key in told if key != "type"}}


def _take(item: Any, message: dict[str, Any], probabilities: list[Any]) -> None:
    match item:
        case {"type": "message", "content": [*parts]}:
            for part in parts:
                _say(part, message, probabilities)
        case {"type": "reasoning"}:
            if text := text_of_item(item):
                message["reasoning_content"] = message.get("reasoning_content", "") + text
            if details := details_of(item):
                message["reasoning_details"] = [*message.get("reasoning_details", []), *details]
        case {"type": "function_call", "call_id": call, "name": name, "arguments": arguments}:
            function = {"name": name, "arguments": arguments}
            called = {"id": call, "type": "function", "function": function}
            message.setdefault("tool_calls", []).append(called)
        case {"type": "custom_tool_call", "call_id": call, "name": name, "input": text}:
            custom = {"name": name, "input": text}
            message.setdefault("tool_calls", []).append({"id": call, "type": "custom", "custom": custom})


def _say(part: Any, message: dict[str, Any], probabilities: list[Any]) -> None:
    match part:
        case {"type": "output_text", "text": str(text)}:
            message["content"] = (message["content"] or "") + text
            if isinstance(found := part.get("logprobs"), list):
                probabilities += found
            marks = part.get("annotations")
            told = [annotation_of(one) for one in marks] if isinstance(marks, list) else []
            if kept := [one for one in told if one]:
                message["annotations"] = [*message.get("annotations", []), *kept]
        case {"type": "refusal", "refusal": str(text)}:
            message["refusal"] = (message["refusal"] or "") + text
