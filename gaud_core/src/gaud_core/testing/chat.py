"""Answers in the shape of OpenAI's chat completions, from the plain to the strange."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .answers import Answer, Framing, Headers, Step

__all__ = [
    "DONE",
    "USAGE",
    "chat_chunk",
    "chat_chunks",
    "chat_completion",
    "chat_error_stream",
    "chat_strange_stream",
    "chat_stream",
    "chat_tool_stream",
    "split_inside_character",
    "sse",
    "tool_call",
]

JSON = dict[str, Any]

DONE = b"data: [DONE]\n\n"
"""The event that ends a good stream."""

USAGE: JSON = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
"""The usage that the builders report."""


def chat_completion(
    text: str | None = "Hello!",
    model: str = "scripted",
    *,
    usage: JSON | None = USAGE,
    tool_calls: Sequence[JSON] = (),
    headers: Headers = (),
    **extra: Any,
) -> Answer:
    """A whole chat completion; `extra` are further fields of the body, known to OpenAI or not."""
    message: JSON = {"role": "assistant", "content": None if tool_calls else text}
    if tool_calls:
        message["tool_calls"] = list(tool_calls)
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if tool_calls else "stop"}
    body: JSON = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": 1700000000,
        "model": model,
    }
    body |= {"choices": [choice]} | ({"usage": usage} if usage else {}) | extra
    return Answer.json(body, headers=headers)


def tool_call(name: str, arguments: str, id: str = "call_scripted") -> JSON:
    """One tool call; `arguments` is JSON in a string, as OpenAI has it."""
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def sse(event: Any, name: str | None = None, newline: str = "\n") -> bytes:
    """One server-sent event; a str is its data as it is, all else becomes JSON."""
    data = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    lines = ([f"event: {name}"] if name else []) + [f"data: {data}", "", ""]
    return newline.join(lines).encode()


def chat_chunk(delta: JSON | None, finish: str | None = None, model: str = "scripted", **extra: Any) -> JSON:
    """One chunk of a streamed completion; a delta of None gives a chunk without choices."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    chunk: JSON = {"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 1700000000}
    return chunk | {"model": model, "choices": choices} | extra


def chat_chunks(texts: Iterable[str], model: str = "scripted", usage: JSON | None = USAGE) -> Iterator[bytes]:
    """The events of a streamed completion: role, one per text, finish, usage unless None, [DONE]."""
    yield sse(chat_chunk({"role": "assistant", "content": ""}, model=model))
    for text in texts:
        yield sse(chat_chunk({"content": text}, model=model))
    yield from _ending("stop", model, usage)


def chat_stream(
    texts: Iterable[str] = ("Hel", "lo!"),
    model: str = "scripted",
    *,
    usage: JSON | None = USAGE,
    gates: Sequence[Step] = (),
    headers: Headers = (),
    framing: Framing = Framing.CHUNKED,
) -> Answer:
    """A streamed completion; the n-th gate is waited for after the n-th event (the first is the role)."""
    steps: list[Step] = []
    for event, gate in itertools.zip_longest(chat_chunks(texts, model, usage), gates):
        steps += [step for step in (event, gate) if step is not None]
    return Answer.stream(steps, headers=headers, framing=framing)


def chat_tool_stream(
    name: str, arguments: Sequence[str], model: str = "scripted", usage: JSON | None = USAGE
) -> Answer:
    """A streamed tool call whose arguments come in pieces."""
    opened = {"index": 0, **tool_call(name, "")}
    steps = [sse(chat_chunk({"role": "assistant", "content": None, "tool_calls": [opened]}, model=model))]
    for piece in arguments:
        call = {"index": 0, "function": {"arguments": piece}}
        steps.append(sse(chat_chunk({"tool_calls": [call]}, model=model)))
    return Answer.stream([*steps, *_ending("tool_calls", model, usage)])


def chat_error_stream(
    texts: Iterable[str] = ("Hel",), message: str = "upstream broke", code: str = "500"
) -> Answer:
    """A stream that fails as some proxies' do: an error event, and `[DONE]` all the same."""
    steps = [sse(chat_chunk({"content": text})) for text in texts]
    error = {"error": {"message": message, "type": "server_error", "param": None, "code": code}}
    return Answer.stream([*steps, sse(error), DONE])


def chat_strange_stream() -> Answer:
    """What clients forget is legal: CRLF, comments, ids, unknown events and fields, a split character."""
    strange = chat_chunk(
        {"content": "a", "x_new": {"deep": [1.50, None]}}, x_unknown="kept", system_fingerprint=None
    )
    steps: list[Step] = [
        b": a comment\r\n\r\n",
        sse(strange, newline="\r\n"),
        b"id: 7\r\nretry: 1000\r\nevent: x-unknown\r\ndata: not json\r\n\r\n",
        *split_inside_character(sse(chat_chunk({"content": "grüße 😀"}), newline="\r\n")),
        b'data: {"choices":[],\r\ndata: "x_two_lines":1}\r\n\r\n',
        sse(chat_chunk({}, "stop"), newline="\r\n"),
        b"data:[DONE]\r\n\r\n",
    ]
    return Answer.stream(steps)


def split_inside_character(data: bytes) -> tuple[bytes, bytes]:
    """Cut UTF-8 in two within its last character of several bytes."""
    for at in range(len(data) - 1, 0, -1):
        if 0x80 <= data[at] < 0xC0:
            return data[:at], data[at:]
    raise ValueError("there is no character of several bytes")


def _ending(finish: str, model: str, usage: JSON | None) -> Iterator[bytes]:
    yield sse(chat_chunk({}, finish, model))
    if usage is not None:
        yield sse(chat_chunk(None, model=model, usage=usage))
    yield DONE
