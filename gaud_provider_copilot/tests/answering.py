"""What Copilot answers, in the shape of each endpoint, and with the quirks that each model has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from gaud_core.testing import DONE, Answer, Seen, sse

__all__ = ["MODELS", "answer_to", "model"]

TEXT = ("Hel", "lo!")
CHAT_USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
RESPONSES_USAGE = {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}
MESSAGES_USAGE = {"input_tokens": 5, "output_tokens": 7}

PREAMBLE = {
    "id": "",
    "created": 0,
    "choices": [],
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}],
}
"""The first chunk of the models that run at Azure."""


def model(name: str, vendor: str = "OpenAI", **more: Any) -> dict[str, Any]:
    """One entry of the list of models, whole and good."""
    supports = {"streaming": True, "tool_calls": True, "vision": True}
    limits = {"max_context_window_tokens": 128000, "max_prompt_tokens": 64000, "max_output_tokens": 4096}
    capabilities = {"type": "chat", "family": name, "limits": limits, "supports": supports}
    return {
        "id": name,
        "object": "model",
        "name": name.title(),
        "vendor": vendor,
        "version": name,
        "preview": False,
        "model_picker_enabled": True,
        "billing": {"is_premium": True, "multiplier": 1},
        "policy": {"state": "enabled", "terms": ""},
        "capabilities": capabilities,
        **more,
    }


MODELS: list[Any] = [
    model("gpt-4o", "Azure OpenAI", billing={"is_premium": False, "multiplier": 0}),
    model("gpt-5", supported_endpoints=["/chat/completions", "/responses"]),
    model("gpt-5-codex", supported_endpoints=["/responses"]),
    model("claude-sonnet-4.5", "Anthropic", supported_endpoints=["/chat/completions", "/v1/messages"]),
    model("gemini-2.5-pro", "Google", policy={"state": "unconfigured"}),
    model("grok-mini", "xAI", billing={"is_premium": True, "multiplier": 0.25}, policy=None),
    {"id": "bare"},
    {"object": "model", "name": "without an id"},
    "rubbish",
    {
        "id": "text-embedding-3-small",
        "vendor": "Azure OpenAI",
        "capabilities": {
            "type": "embeddings",
            "limits": {"max_inputs": 512},
            "supports": {"dimensions": True},
        },
    },
    {"id": "gpt-41-copilot", "capabilities": {"type": "completion"}},
]
"""A list as Copilot gives it, with entries that nobody can use."""


def answer_to(seen: Seen) -> Answer:
    """Answer a good call: to a user with a call of every tool that is offered, else with text."""
    told = json.loads(seen.body)
    match seen.path:
        case "/embeddings":
            return _embeddings(told)
        case "/responses":
            return _responses(told)
        case "/v1/messages":
            return _messages(told)
    return _chat(told)


def _embeddings(told: dict[str, Any]) -> Answer:
    rows = [{"object": "embedding", "index": at, "embedding": [0.5]} for at, _ in enumerate(told["input"])]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return Answer.json({"object": "list", "data": rows, "model": told["model"], "usage": usage})


def _chat(told: dict[str, Any]) -> Answer:
    asked = all(message["role"] != "tool" for message in told["messages"])
    names = [tool["function"]["name"] for tool in told.get("tools", ())] if asked else []
    tools = [
        {"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": '{"at":1}'}}
        for at, name in enumerate(names)
    ]
    if told.get("stream"):
        return Answer.stream([*_chunks(told, tools), DONE])
    head = {"id": "chatcmpl-test", "created": 1767225600, "model": f"{told['model']}-2026-01-01"}
    return Answer.json({**head, "choices": _choices(told["model"], tools), "usage": CHAT_USAGE})


def _choices(name: str, tools: Sequence[Any]) -> list[Any]:
    """Give one choice; of Claude one for the text and one for each tool call, without an index."""
    reason = "tool_calls" if tools else "stop"
    text = {"role": "assistant", "content": "".join(TEXT)}
    if not name.startswith("claude") or not tools:
        message = {**text, **({"tool_calls": list(tools)} if tools else {})}
        return [{"index": 0, "finish_reason": reason, "message": message}]
    calls = [{"role": "assistant", "tool_calls": [tool]} for tool in tools]
    return [{"finish_reason": reason, "message": message} for message in (text, *calls)]


def _chunks(told: dict[str, Any], tools: Sequence[Any]) -> Iterator[bytes]:
    head = {"id": "chatcmpl-test", "created": 1767225600, "model": f"{told['model']}-2026-01-01"}
    if told["model"].startswith("gpt"):
        yield sse(PREAMBLE)
    for at, piece in enumerate(TEXT):
        delta = {"content": piece, **({"role": "assistant"} if at == 0 else {})}
        yield sse({**head, "choices": [{"index": 0, "delta": delta}]})
    for index, tool in enumerate(tools):
        name, arguments = tool["function"]["name"], tool["function"]["arguments"]
        begun = {**tool, "index": index, "function": {"name": name, "arguments": ""}}
        for fragment in (begun, {"index": index, "function": {"arguments": arguments}}):
            yield sse({**head, "choices": [{"index": 0, "delta": {"tool_calls": [fragment]}}]})
    reason = "tool_calls" if tools else "stop"
    last = {"index": 0, "delta": {"content": None}, "finish_reason": reason}
    yield sse({**head, "choices": [last], "usage": CHAT_USAGE})


def _responses(told: dict[str, Any]) -> Answer:
    part = {"type": "output_text", "text": "".join(TEXT), "annotations": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    whole = {
        "id": "resp_test",
        "object": "response",
        "created_at": 1767225600,
        "status": "completed",
        "model": told["model"],
        "output": [item],
        "usage": RESPONSES_USAGE,
    }
    if not told.get("stream"):
        return Answer.json(whole)
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    place = {"output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        # the id is another one than before, as it happens there
        *({"type": "response.output_text.delta", "item_id": "msg_2", **place, "delta": t} for t in TEXT),
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    return Answer.stream(
        [sse({**event, "sequence_number": at}, str(event["type"])) for at, event in enumerate(events)]
    )


def _messages(told: dict[str, Any]) -> Answer:
    whole = {
        "id": "msg_test",
        "type": "message",
        "role": "assistant",
        "model": told["model"],
        "content": [{"type": "text", "text": "".join(TEXT)}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": MESSAGES_USAGE,
    }
    if not told.get("stream"):
        return Answer.json(whole)
    begun = {**whole, "content": [], "stop_reason": None, "usage": {"input_tokens": 5, "output_tokens": 1}}
    texts = ({"type": "text_delta", "text": text} for text in TEXT)
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in texts),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ]
    return Answer.stream([sse(event, str(event["type"])) for event in events])
