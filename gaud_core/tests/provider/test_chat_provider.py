"""ChatProvider: one generator, two answers, and neither loses a word."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gaud_core import (
    Body,
    Call,
    ChatProvider,
    Context,
    Event,
    Finish,
    Reasoning,
    Reply,
    Text,
    ToolCall,
    UpstreamFailed,
    UpstreamRequest,
    Usage,
    option,
    settings,
)

pytestmark = pytest.mark.anyio


@settings
class NoSettings:
    """Nothing to set."""

    note: str = option(default="", help="Nothing.")


class Scripted(ChatProvider[NoSettings]):
    """Says what the test wrote down."""

    name = "scripted"
    script: tuple[Event | Exception, ...] = ()
    closed = 0

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Give the script's events; raise its exceptions."""
        try:
            for event in self.script:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            type(self).closed += 1


@pytest.fixture
def anyio_backend() -> str:
    """Providers live in asyncio."""
    return "asyncio"


def _provider(*script: Event | Exception) -> Scripted:
    async def send(request: UpstreamRequest) -> Reply:
        raise AssertionError

    def http() -> Any:
        raise AssertionError

    cls = type("Once", (Scripted,), {"script": script, "closed": 0})
    provider: Scripted = cls(
        NoSettings(), Context("scripted", send, http, Path("x"), logging.getLogger("test"))
    )
    return provider


def _call(stream: bool) -> Call:
    body = {"model": "m", "stream": stream, "messages": []}
    return Call("req_test", "chat/completions", "m", Body.parse(json.dumps(body).encode()))


async def _whole(*script: Event | Exception) -> dict[str, Any]:
    reply = await _provider(*script).send(_call(False))
    assert reply.status == 200
    assert isinstance(reply.content, bytes)
    answer: dict[str, Any] = json.loads(reply.content)
    return answer


async def _events(reply: Reply) -> list[bytes]:
    assert not isinstance(reply.content, bytes)
    return [piece async for piece in reply.content]


async def _stream(*script: Event | Exception) -> list[dict[str, Any]]:
    events = await _events(await _provider(*script).send(_call(True)))
    assert events[-1] == b"data: [DONE]\n\n"
    assert all(event.startswith(b"data: ") and event.endswith(b"\n\n") for event in events)
    return [json.loads(event[6:]) for event in events[:-1]]


PIECES = st.text(max_size=8) | st.text(max_size=5).map(Text) | st.text(max_size=5).map(Reasoning)


@examples(max_examples=80, deadline=None)
@given(st.lists(PIECES, max_size=8))
async def test_same_words_whole_and_streamed(script: list[Event]) -> None:
    """Text and reasoning are the same, in any characters, however they are cut."""
    message = (await _whole(*script))["choices"][0]["message"]
    deltas = [choice["delta"] for chunk in await _stream(*script) for choice in chunk["choices"]]
    assert "".join(delta.get("content", "") for delta in deltas) == (message["content"] or "")
    thoughts = "".join(delta.get("reasoning_content", "") for delta in deltas)
    assert thoughts == message.get("reasoning_content", "")


async def test_shape_of_a_whole_answer() -> None:
    """OpenAI's chat.completion."""
    answer = await _whole("Hi", Finish("length"), Usage(3, 2, cached_tokens=1, reasoning_tokens=1))
    assert (answer["object"], answer["model"], answer["id"]) == ("chat.completion", "m", "chatcmpl-req_test")
    message = {"role": "assistant", "content": "Hi"}
    choice = {"index": 0, "message": message, "finish_reason": "length", "logprobs": None}
    assert answer["choices"] == [choice]
    assert answer["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "total_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }


async def test_shape_of_a_stream() -> None:
    """The role comes first and once, the finish reason alone, the usage last and without choices."""
    chunks = await _stream(Usage(3, 2), "a", "b", Finish())
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    assert deltas == [{"role": "assistant", "content": "a"}, {"content": "b"}, {}]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None, None, "stop"]
    assert (chunks[-1]["choices"], chunks[-1]["usage"]["total_tokens"]) == ([], 5)


async def test_what_a_usage_says_besides() -> None:
    """That it is an estimate, what was taken of an allowance, and members that replace none."""
    usage = Usage(3, 2, estimated=True, milliunits=1500, extra={"window": 0.5, "prompt_tokens": 9})
    told = {"window": 0.5, "prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "units": 1.5}
    assert (await _whole("Hi", usage))["usage"] == {**told, "estimated": True}
    assert (await _stream("Hi", usage))[-1]["usage"] == {**told, "estimated": True}


async def test_a_signature_of_the_reasoning() -> None:
    """It is in a block: with the whole reasoning, or alone at its place in the stream."""
    script = (Reasoning("a"), Reasoning("b"), Reasoning("", signature="c2ln"), "Hi")
    message = (await _whole(*script))["choices"][0]["message"]
    assert message["reasoning_content"] == "ab"
    assert message["thinking_blocks"] == [{"type": "thinking", "thinking": "ab", "signature": "c2ln"}]
    deltas = [chunk["choices"][0]["delta"] for chunk in await _stream(*script)]
    blocks = [delta["thinking_blocks"] for delta in deltas if "thinking_blocks" in delta]
    assert blocks == [[{"type": "thinking", "thinking": "", "signature": "c2ln"}]]


TOOLS: tuple[Event, ...] = (
    ToolCall(0, "call_1", "look", ""),
    ToolCall(1, "call_2", "buy"),
    ToolCall(0, arguments='{"a"'),
    ToolCall(1, arguments="{}"),
    ToolCall(0, arguments=": 1}"),
)


async def test_tool_calls_in_pieces() -> None:
    """Pieces of several calls, mixed, are joined by their index, and the reason is `tool_calls`."""
    choice = (await _whole(*TOOLS))["choices"][0]
    assert choice["message"]["content"] is None
    assert choice["message"]["tool_calls"] == [
        {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}},
        {"id": "call_2", "type": "function", "function": {"name": "buy", "arguments": "{}"}},
    ]
    assert choice["finish_reason"] == "tool_calls"


async def test_tool_calls_in_a_stream() -> None:
    """Names come once, arguments in pieces, as the SDKs put them together."""
    chunks = await _stream(*TOOLS)
    pieces = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", [])]
    assert [piece["function"].get("name") for piece in pieces] == ["look", "buy", None, None, None]
    first = [piece["function"]["arguments"] for piece in pieces if piece["index"] == 0]
    assert "".join(first) == '{"a": 1}'
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("stream", [False, True])
async def test_early_error(stream: bool) -> None:
    """It is raised by `send`, and the generator is closed."""
    provider = _provider(UpstreamFailed("no"))
    with pytest.raises(UpstreamFailed, match="no"):
        await provider.send(_call(stream))
    assert type(provider).closed == 1


async def test_late_error_in_a_whole_answer() -> None:
    """Half an answer is none."""
    provider = _provider("Hi", UpstreamFailed("no"))
    with pytest.raises(UpstreamFailed, match="no"):
        await provider.send(_call(False))
    assert type(provider).closed == 1


async def test_late_error_in_a_stream() -> None:
    """It comes out of the stream behind what was good."""
    reply = await _provider("Hi", UpstreamFailed("no")).send(_call(True))
    assert not isinstance(reply.content, bytes)
    assert b"Hi" in await anext(reply.content)
    with pytest.raises(UpstreamFailed, match="no"):
        await anext(reply.content)


async def test_closing_a_stream_closes_the_generator() -> None:
    """Whoever leaves in the middle ends the author's generator at once."""
    provider = _provider("a", "b")
    reply = await provider.send(_call(True))
    assert type(provider).closed == 0
    await reply.aclose()
    assert type(provider).closed == 1


async def test_stream_that_was_never_read_is_closed_too() -> None:
    """The same before the first piece was taken."""
    provider = _provider("a")
    reply = await provider.send(_call(True))
    await reply.aclose()
    assert type(provider).closed == 1


async def test_no_chat_method() -> None:
    """An author who forgot it is told which one."""
    cls = type("Empty", (ChatProvider,), {"name": "empty"})
    provider = _provider()
    with pytest.raises(NotImplementedError, match="Empty does not define chat"):
        await cls(provider.settings, provider.ctx).send(_call(False))
