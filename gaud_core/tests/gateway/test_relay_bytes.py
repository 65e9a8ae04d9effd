"""Over real sockets, what goes in on one side comes out on the other."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from gaud_core.testing import (
    DONE,
    Answer,
    Framing,
    ScriptedUpstream,
    chat_chunks,
    chat_completion,
    chat_strange_stream,
    chat_tool_stream,
    sse,
)

from .support import Served
from .wire import chat

ODD_REQUEST = (
    b'{ "seed" :12345678901234567890123,"temperature":1.50, "model":\t"acme:a/b:c" ,"top_p":1E5,\r\n'
    b'"messages":[{"role":"user","content":"\\"model\\":\\"acme:x\\"","model":"acme:y"}],"x":[1.0,-0,1e-7],'
    b'"model":"acme:a/b:c","y":"\\ud800 \\u0041","z":{"model":null}}'
)
ODD_ANSWER = (
    b'\n {"id":"x" , "choices":[{"message":{"content":"gr\xc3\xbc\xc3\x9fe \\ud83d"},"finish_reason":"stop",'
    b'"n":1.50}],"big":123456789012345678901234567890,"usage":{"prompt_tokens":1},"id":"twice"}\r\n'
)


def test_request_bytes_arrive_but_for_the_model(gaud: Served, upstream: ScriptedUpstream) -> None:
    """Numbers, spaces, escapes, repeated keys and unknown fields reach the upstream as they were."""
    upstream.add(chat_completion())
    assert gaud.post(ODD_REQUEST).status == 200
    expected = ODD_REQUEST.replace(b'"model":\t"acme:a/b:c"', b'"model":\t"a/b:c"').replace(
        b'"model":"acme:a/b:c"', b'"model":"a/b:c"'
    )
    assert upstream.wait_call().body == expected


def test_answer_bytes_arrive(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A whole answer reaches the client byte for byte, with its content type and its length."""
    upstream.add(Answer.whole(ODD_ANSWER, content_type="application/json; x=y"))
    answered = gaud.chat()
    assert (answered.status, answered.body, answered.complete) == (200, ODD_ANSWER, True)
    assert answered.header("content-type") == "application/json; x=y"
    assert answered.header("content-length") == str(len(ODD_ANSWER))


@pytest.mark.parametrize("framing", [Framing.LENGTH, Framing.CHUNKED, Framing.CLOSE])
def test_any_framing_of_a_whole_answer(gaud: Served, upstream: ScriptedUpstream, framing: Framing) -> None:
    """Whether by length, in chunks or until the end of the connection, the same bytes arrive."""
    upstream.add(
        Answer.stream([ODD_ANSWER[:7], ODD_ANSWER[7:]], content_type="application/json", framing=framing)
    )
    answered = gaud.chat()
    assert (answered.status, answered.body, answered.complete) == (200, ODD_ANSWER, True)


def test_compressed_answer_arrives_compressed(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A gzip answer crosses as it is, with its content-encoding."""
    packed = gzip.compress(ODD_ANSWER)
    upstream.add(Answer.whole(packed, headers={"content-encoding": "gzip"}, content_type="application/json"))
    answered = gaud.chat(headers=[("accept-encoding", "gzip, br")])
    assert answered.body == packed
    assert answered.header("content-encoding") == "gzip"
    assert upstream.wait_call().header("accept-encoding") == "gzip"


def test_very_compressible_answer_is_an_answer(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A gzip answer that is long when it is unpacked is as good as any."""
    packed = gzip.compress(json.dumps({"choices": [], "text": "a" * 12_000_000}).encode())
    upstream.add(Answer.whole(packed, headers={"content-encoding": "gzip"}, content_type="application/json"))
    answered = gaud.chat(headers=[("accept-encoding", "gzip")])
    assert (answered.status, answered.body) == (200, packed)


def test_strange_stream_arrives(gaud: Served, upstream: ScriptedUpstream) -> None:
    """Comments, CRLF, unknown events, ids and a character cut in two survive."""
    upstream.add(chat_strange_stream())
    answered = gaud.chat(stream=True)
    assert answered.complete
    assert answered.body == b"".join(step for step in chat_strange_stream().steps if isinstance(step, bytes))
    assert answered.header("content-type") == "text/event-stream"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_stream_cut_anywhere_arrives(gaud: Served, upstream: ScriptedUpstream, size: int) -> None:
    """However the upstream cuts its chunks, the client gets the same bytes."""
    whole = b"".join(chat_chunks(["grüße ", "😀"], usage=None))
    upstream.add(Answer.stream([whole[at : at + size] for at in range(0, len(whole), size)]))
    assert gaud.chat(stream=True).body == whole


def test_tool_stream_arrives(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A tool call in pieces crosses as it is."""
    answer = chat_tool_stream("look", ['{"a"', ": 1}"], usage=None)
    upstream.add(answer)
    assert gaud.chat(stream=True).body == b"".join(step for step in answer.steps if isinstance(step, bytes))


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, False),
        ({"stream_options": None}, False),
        ({"stream_options": {}}, False),
        ({"stream_options": {"include_usage": False}}, False),
        ({"stream_options": {"include_usage": None, "x": 1}}, False),
        ({"stream_options": {"include_usage": True}}, True),
        ({"stream_options": {"x": 1, "include_usage": True}}, True),
    ],
)
def test_usage_chunk_is_for_those_who_asked(
    gaud: Served, upstream: ScriptedUpstream, options: dict[str, Any], shown: bool
) -> None:
    """The upstream is always asked for usage; the client sees the chunk exactly if he asked."""
    upstream.add(Answer.stream(list(chat_chunks(["Hi"]))))
    expected = b"".join(event for event in chat_chunks(["Hi"]) if shown or b'"usage"' not in event)
    assert gaud.chat(stream=True, **options).body == expected
    assert upstream.wait_call().json["stream_options"]["include_usage"] is True


def test_whole_call_is_not_asked_for_usage(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A call that is no stream goes up without stream_options: upstreams refuse them there."""
    upstream.add(chat_completion())
    body = chat("acme:m", stream=False)
    gaud.post(body)
    assert upstream.wait_call().body == body.replace(b'"acme:m"', b'"m"')


def test_event_larger_than_the_hold_arrives(gaud: Served, upstream: ScriptedUpstream) -> None:
    """An event too long to be held back crosses in pieces."""
    events = [sse({"choices": [{"delta": {"content": "x" * 300_000}}]}), sse({"choices": []}), DONE]
    upstream.add(Answer.stream(events))
    answered = gaud.chat(stream=True)
    assert (answered.body, answered.complete) == (b"".join(events), True)


def test_path_and_method_at_the_upstream(gaud: Served, upstream: ScriptedUpstream) -> None:
    """The call goes to the endpoint below the provider's URL."""
    upstream.add(chat_completion())
    gaud.chat()
    seen = upstream.wait_call()
    assert (seen.method, seen.target) == ("POST", "/v1/chat/completions")
