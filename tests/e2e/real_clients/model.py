"""A model behind LiteLLM: it repeats what it hears, or calls the first tool and tells its result."""

from __future__ import annotations

import json
from typing import Any

from gaud_core.testing import Answer, Seen, chat_completion, chat_stream, chat_tool_stream, sse, tool_call

__all__ = ["answer"]

_ARGUMENTS = ['{"city": ', '"Köln"}']
_USAGE = {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12}


def answer(seen: Seen) -> Answer:
    """Answer as OpenAI would, on the two paths that LiteLLM calls for the clients' dialects."""
    if seen.path == "/health/liveliness":
        return Answer.json("I'm alive!")
    body = seen.json
    if seen.path.endswith("/responses"):
        return _response(body)
    last = body["messages"][-1]
    if last["role"] != "tool" and body.get("tools"):
        name = body["tools"][0]["function"]["name"]
        if body.get("stream"):
            return chat_tool_stream(name, _ARGUMENTS)
        return chat_completion(tool_calls=[tool_call(name, "".join(_ARGUMENTS))])
    text = f"It is {_text(last)}" if last["role"] == "tool" else _text(last)
    return chat_stream([text[:2], text[2:]]) if body.get("stream") else chat_completion(text)


def _text(message: dict[str, Any]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _response(body: dict[str, Any]) -> Answer:
    """The same in the dialect of /v1/responses, to which LiteLLM turns some calls of Anthropic's."""
    last = (
        body["input"][-1] if isinstance(body["input"], list) else {"role": "user", "content": body["input"]}
    )
    if last.get("type") == "function_call_output":
        output = last["output"]
        text = output if isinstance(output, str) else "".join(part["text"] for part in output)
        item = _message(f"It is {text}")
    elif body.get("tools"):
        item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "status": "completed"}
        item |= {"name": body["tools"][0]["name"], "arguments": "".join(_ARGUMENTS)}
    else:
        item = _message(_text(last))
    return _events(item) if body.get("stream") else Answer.json(_whole([item], "completed"))


def _message(text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}


def _whole(output: list[Any], status: str) -> dict[str, Any]:
    head = {"id": "resp_1", "object": "response", "created_at": 1700000000, "model": "scripted"}
    more = {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True, "temperature": 1.0, "top_p": 1.0}
    usage = _USAGE | {
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    return {**head, "status": status, "error": None, "output": output, **more, "usage": usage}


def _events(item: dict[str, Any]) -> Answer:
    place = {"item_id": item["id"], "output_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": _whole([], "in_progress")},
        {"type": "response.output_item.added", "output_index": 0, "item": _opened(item)},
    ]
    if item["type"] == "message":
        part = item["content"][0]
        at = place | {"content_index": 0}
        events += [
            {"type": "response.content_part.added", **at, "part": part | {"text": ""}},
            {"type": "response.output_text.delta", **at, "delta": part["text"]},
            {"type": "response.output_text.done", **at, "text": part["text"]},
            {"type": "response.content_part.done", **at, "part": part},
        ]
    else:
        events += [
            {"type": "response.function_call_arguments.delta", **place, "delta": d} for d in _ARGUMENTS
        ]
        done = {"type": "response.function_call_arguments.done", **place}
        events.append(done | {"arguments": item["arguments"], "name": item["name"]})
    events += [
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": _whole([item], "completed")},
    ]
    return Answer.stream([sse(e | {"sequence_number": n}, e["type"]) for n, e in enumerate(events)])


def _opened(item: dict[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = {"content": []} if item["type"] == "message" else {"arguments": ""}
    return json.loads(json.dumps(item | {"status": "in_progress"} | empty))  # type: ignore[no-any-return]
