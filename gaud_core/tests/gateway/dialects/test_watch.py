"""The chat dialect's eye on a stream: usage, errors and ends are seen, and only usage is ever hidden."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaud_core import Body, Usage
from gaud_core.gateway.dialects.chat import ChatCompletions
from gaud_core.testing import DONE, USAGE, chat_chunk, sse

CHAT = ChatCompletions()
FINISH = sse(chat_chunk({}, "stop"))
USAGE_CHUNK = sse(chat_chunk(None, usage=USAGE))


def _body(**options: Any) -> Body:
    return Body.parse(json.dumps({"model": "m", "stream": True, **options}).encode())


ASKING = _body(stream_options={"include_usage": True})
SILENT = _body()


@pytest.mark.parametrize(
    "event",
    [
        sse(chat_chunk({"content": 'say "usage": {} and "error": "x" and [DONE]'})),
        sse(chat_chunk({"content": "x"}, usage=None)),
        sse(chat_chunk({"content": "x"}, usage=USAGE)),
        sse(chat_chunk({}, "stop", usage=USAGE)),
        sse(chat_chunk(None)),
        sse(chat_chunk(None, prompt_filter_results=[])),
        sse({"error": None, "choices": []}),
        sse("[DONE] or not"),
        sse('{"usage":{ broken'),
        sse("[1,2]"),
        b': "usage":{}\n\n',
        b"event: x\n\n",
        sse({"choices": 7, "usage": [1], "finish_reason": "stop"}),
    ],
)
def test_kept(event: bytes) -> None:
    """Whatever is no bare usage chunk reaches a client who did not ask for usage."""
    assert CHAT.watch(SILENT).see(event) == event


@pytest.mark.parametrize(
    "event",
    [
        USAGE_CHUNK,
        sse(chat_chunk(None, usage=USAGE), newline="\r\n"),
        sse(chat_chunk({}, usage=USAGE)),
        sse(chat_chunk({"content": ""}, usage=USAGE)),
        sse(chat_chunk({"content": None, "tool_calls": []}, usage=USAGE)),
        sse({"usage": {"prompt_tokens": 1, "x": 2}}),
        b'data: { "choices" : [] , "usage" :\t{ } }\n\n',
        b'data:{"choices":[],"usage":{"prompt_tokens":1}}\r\r',
    ],
)
def test_hidden_unless_asked(event: bytes) -> None:
    """A chunk that says nothing but usage is for those who asked."""
    assert CHAT.watch(SILENT).see(event) == b""
    assert CHAT.watch(ASKING).see(event) == event


def test_neighbours_of_the_usage_chunk_stay() -> None:
    """Events in the same piece of the stream are judged one by one."""
    content = sse(chat_chunk({"content": "x"}))
    assert CHAT.watch(SILENT).see(content + USAGE_CHUNK + FINISH + DONE) == content + FINISH + DONE


def test_usage_is_read() -> None:
    """Tokens are counted whether the chunk is shown or not, and an unknown cost keeps its spelling."""
    usage: dict[str, Any] = {"prompt_tokens": 5, "completion_tokens": 7, "cost": 0.5}
    usage |= {
        "prompt_tokens_details": {"cached_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    for body in (ASKING, SILENT):
        watch = CHAT.watch(body)
        watch.see(sse(chat_chunk(None, usage=usage)))
        assert watch.usage == Usage(5, 7, 3, 2, "0.5")


@pytest.mark.parametrize(
    "odd", [{"prompt_tokens": "5"}, {"prompt_tokens": -5}, {"prompt_tokens_details": 7}, {}]
)
def test_odd_usage_is_nothing(odd: dict[str, object]) -> None:
    """Counts that are no counts are zero."""
    assert CHAT.usage(json.dumps({"usage": odd}).encode()) == Usage()


@pytest.mark.parametrize(
    ("events", "complete"),
    [
        (b"", False),
        (sse(chat_chunk({"content": "x"})), False),
        (sse(chat_chunk({"content": "x"}, finish=None)), False),
        (FINISH, True),
        (DONE, True),
        (sse(chat_chunk({"content": '"finish_reason":"stop"'})), False),
        (sse(chat_chunk({"content": "[DONE]"})), False),
        (b"data: [DONE]\r\n\r\n", True),
        (b"data:[DONE]\r\r", True),
        (b": [DONE]\n\n", False),
        (sse({"error": {"message": "x"}}) + DONE, False),
        (DONE + sse({"error": "x"}), False),
    ],
)
def test_complete(events: bytes, complete: bool) -> None:
    """A stream is complete when it said so, and never after an error."""
    watch = CHAT.watch(SILENT)
    watch.see(events)
    assert watch.complete() is complete


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        ({"message": "boom", "code": "500"}, 500, "boom"),
        ({"message": "slow down", "code": 429}, 429, "slow down"),
        ({"message": "odd", "code": "rate_limit"}, 502, "odd"),
        ({"message": "odd", "code": 200}, 502, "odd"),
        ({"message": ""}, 502, ""),
        ("just text", 502, "just text"),
        (["a"], 502, "['a']"),
        (True, 502, "True"),
    ],
)
def test_error_event(error: object, status: int, message: str) -> None:
    """An error in the stream is noted with its status, its event is passed on, and `[DONE]` is not."""
    watch = CHAT.watch(SILENT)
    event = sse({"error": error})
    assert watch.see(event + DONE) == event
    assert watch.error is not None
    assert (watch.error.http_status, watch.error.message) == (status, message)


def test_done_after_an_error_is_dropped_later_too() -> None:
    """Also when `[DONE]` comes in a piece of its own."""
    watch = CHAT.watch(ASKING)
    watch.see(sse({"error": {"message": "x"}}))
    assert watch.see(DONE) == b""
    assert watch.see(sse(chat_chunk({"content": "x"}))) != b""


def test_error_code_of_strange_digits() -> None:
    """A code that only looks like a number is no status."""
    watch = CHAT.watch(SILENT)
    watch.see(sse({"error": {"message": "odd", "code": "⁵⁰⁰"}}))
    assert watch.error is not None
    assert watch.error.http_status == 502


def test_error_with_half_a_character() -> None:
    """Python's json writes half an emoji as a lone surrogate; an error text cut there is an error still."""
    watch = CHAT.watch(SILENT)
    watch.see(b'data: {"error":{"message":"cut \\ud83d","code":"500"}}\n\n')
    assert watch.see(DONE) == b""


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from([sse(chat_chunk({"content": "grüße"})), USAGE_CHUNK, FINISH, DONE, b": c\n\n"])
        | st.binary(max_size=20).map(lambda junk: b"data: x" + junk.translate(None, b"\r\n") + b"\n\n"),
        max_size=8,
    )
)
def test_watching_never_invents_and_never_fails(events: list[bytes]) -> None:
    """To one who asked for usage every byte is passed; to one who did not, all but the usage chunks."""
    whole = b"".join(events)
    assert CHAT.watch(ASKING).see(whole) == whole
    assert CHAT.watch(SILENT).see(whole).replace(USAGE_CHUNK, b"") == whole.replace(USAGE_CHUNK, b"")
