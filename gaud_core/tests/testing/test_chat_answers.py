"""The ready-made chat answers have the shape that they claim."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import httpx
import pytest

from gaud_core.testing import (
    DONE,
    USAGE,
    Pause,
    ScriptedUpstream,
    Signal,
    chat_chunk,
    chat_completion,
    chat_error_stream,
    chat_strange_stream,
    chat_stream,
    chat_tool_stream,
    split_inside_character,
    sse,
    tool_call,
)

pytestmark = pytest.mark.anyio

Talk = Callable[[bytes], Awaitable[bytes]]

GET = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


async def test_chat_completion(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """A whole completion has OpenAI's shape, usage, and whatever else the test adds."""
    upstream.add(chat_completion("Grüße", x_unknown=1))
    body = (await client.get("/")).json()
    assert body["choices"][0]["message"] == {"role": "assistant", "content": "Grüße"}
    assert (body["usage"], body["x_unknown"]) == (USAGE, 1)


async def test_chat_tool_call(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """A completion with tool calls has no text and says why it finished."""
    upstream.add(chat_completion(tool_calls=[tool_call("look", '{"at":1}')]))
    choice = (await client.get("/")).json()["choices"][0]
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"at":1}'}
    assert (choice["message"]["content"], choice["finish_reason"]) == (None, "tool_calls")


def events(raw: bytes) -> list[dict[str, object]]:
    """Parse the JSON events of a stream that ends in [DONE]."""
    assert raw.endswith(DONE)
    lines = raw.removesuffix(DONE).decode().split("\n\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines if line]


async def test_chat_stream(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """A streamed completion has its texts, then usage in a chunk without choices, then [DONE]."""
    upstream.add(chat_stream(["a", "b"]))
    parsed = events((await client.get("/")).content)
    assert [event.get("usage") for event in parsed] == [None, None, None, None, USAGE]
    assert parsed[-1]["choices"] == []
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in parsed[:-1]) == "ab"  # type: ignore[index]


async def test_chat_stream_without_usage(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """An upstream may never tell its usage."""
    upstream.add(chat_stream(["a"], usage=None))
    assert all("usage" not in event for event in events((await client.get("/")).content))


async def test_chat_stream_with_gates(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """A gate holds a streamed completion after the event of its number."""
    gate = Signal()
    upstream.add(chat_stream(["a", "b"], gates=[Pause(0), gate]))
    async with client.stream("GET", "/") as answer:
        pieces = answer.aiter_raw()
        got = await anext(pieces)
        while b'"a"' not in got:
            got += await anext(pieces)
        assert b'"b"' not in got
        gate.set()
        assert b'"b"' in b"".join([piece async for piece in pieces])


async def test_chat_tool_stream(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """A streamed tool call gives its arguments in the pieces told."""
    upstream.add(chat_tool_stream("look", ['{"at"', ":1}"]))
    raw = (await client.get("/")).content
    pieces = [event["choices"][0]["delta"]["tool_calls"][0]["function"] for event in events(raw)[:3]]  # type: ignore[index]
    assert pieces == [{"name": "look", "arguments": ""}, {"arguments": '{"at"'}, {"arguments": ":1}"}]


async def test_chat_error_stream(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """A failing stream has an error event, and [DONE] after it all the same."""
    upstream.add(chat_error_stream(["a"], message="it broke"))
    parsed = events((await client.get("/")).content)
    assert [next(iter(event)) for event in parsed] == ["id", "error"]


async def test_chat_strange_stream(upstream: ScriptedUpstream, talk: Talk) -> None:
    """The strange stream has CRLF, a comment, an unknown event, and a chunk that ends within a character."""
    upstream.add(chat_strange_stream())
    raw = await talk(GET)
    for strange in (b": a comment\r\n\r\n", b"event: x-unknown\r\n", b'"x_unknown":"kept"', b"data:[DONE]"):
        assert strange in raw
    smile = "😀".encode()
    assert smile not in raw
    assert smile[:3] + b"\r\n" in raw


def test_split_inside_character() -> None:
    """The two halves are no UTF-8 by themselves, and together what they were."""
    left, right = split_inside_character("a grüße 😀 z".encode())
    assert (left + right).decode() == "a grüße 😀 z"
    for half in (left, right):
        with pytest.raises(UnicodeDecodeError):
            half.decode()


def test_split_needs_a_character() -> None:
    """ASCII has no character to split."""
    with pytest.raises(ValueError, match="several bytes"):
        split_inside_character(b"ascii")


def test_sse_forms() -> None:
    """An event may have a name, CRLF, and data that is no JSON."""
    assert sse("x", name="ping", newline="\r\n") == b"event: ping\r\ndata: x\r\n\r\n"
    assert json.loads(sse(chat_chunk({"content": "é"}))[6:])["choices"][0]["delta"] == {"content": "é"}
