"""A stream that breaks says so in an event, keeps what was good, and never ends as if it were whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gaud_core.testing import (
    DONE,
    Answer,
    Cut,
    Framing,
    ScriptedUpstream,
    Signal,
    Step,
    chat_chunk,
    chat_error_stream,
    sse,
)

from .support import Served
from .wire import Answered, chat, post

HELLO = sse(chat_chunk({"content": "Hello"}))
FINISH = sse(chat_chunk({}, "stop"))
ERROR = sse({"error": {"message": "boom", "type": "server_error", "param": None, "code": "500"}})


def _last_error(answered: Answered) -> dict[str, Any]:
    """The error that the stream ends with."""
    *_, last, nothing = answered.body.split(b"\n\n")
    assert nothing == b""
    envelope: dict[str, Any] = json.loads(last.strip().removeprefix(b"data: "))
    assert set(envelope) == {"error"}
    error: dict[str, Any] = envelope["error"]
    return error


BREAKS = {
    "no last chunk": Answer.unterminated([HELLO]),
    "reset": Answer.unterminated([HELLO], Cut.RESET),
    "reset after half an event": Answer.unterminated([HELLO, b'data: {"choi'], Cut.RESET),
    "half an event": Answer.unterminated([HELLO, b'data: {"choi']),
    "clean end without [DONE]": Answer.stream([HELLO]),
}


@pytest.mark.parametrize("name", BREAKS)
def test_break_ends_with_an_error_event(gaud: Served, upstream: ScriptedUpstream, name: str) -> None:
    """Whole events so far arrive, then one error event, then the end: no half event and no `[DONE]`."""
    upstream.add(BREAKS[name])
    answered = gaud.chat(stream=True)
    assert (answered.status, answered.complete) == (200, True)
    assert answered.body.startswith(HELLO)
    assert b"[DO" not in answered.body
    assert answered.body.removeprefix(HELLO).startswith(b'data: {"error"')
    error = _last_error(answered)
    assert (error["type"], error["code"]) == ("upstream_error", "upstream_broke_off")


def test_garbage_instead_of_a_chunk_is_noticed_at_once(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A stream whose framing breaks is broken when that is seen, not when the idle limit is over."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    read = Signal()
    upstream.add(Answer.raw([head + b"%x\r\n%b\r\n" % (len(HELLO), HELLO), read, b"no chunk\r\n"]))
    with gaud.wire(timeout=0.5) as wire:
        wire.send(post(chat(stream=True)))
        pieces = wire.pieces(wire.head())
        assert next(pieces) == HELLO
        read.set()
        assert b'"error"' in next(pieces)


def test_clean_end_in_half_an_event(gaud: Served, upstream: ScriptedUpstream) -> None:
    """What is left of an event at a clean end is not glued to the error event, where nobody can read it."""
    upstream.add(Answer.stream([HELLO, b'data: {"choi']))
    answered = gaud.chat(stream=True)
    assert b'\n\ndata: {"error"' in answered.body
    assert _last_error(answered)["code"] == "upstream_broke_off"


def test_error_event_and_done_is_no_success(gaud: Served, upstream: ScriptedUpstream) -> None:
    """An error event of the upstream passes as bytes, and the `[DONE]` behind it does not."""
    answer = chat_error_stream()
    upstream.add(answer)
    events = [step for step in answer.steps if isinstance(step, bytes)]
    assert gaud.chat(stream=True).body == b"".join(events[:-1])


@pytest.mark.parametrize(
    "pieces", [[HELLO + ERROR + DONE], [HELLO, ERROR, DONE], [HELLO + ERROR[:9], ERROR[9:] + DONE]]
)
def test_error_event_in_any_chunks(gaud: Served, upstream: ScriptedUpstream, pieces: list[bytes]) -> None:
    """The same however it is cut."""
    upstream.add(Answer.stream(pieces))
    assert gaud.chat(stream=True).body == HELLO + ERROR


def test_error_event_and_break(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A break behind an error event is told as well, and still nothing looks like success."""
    upstream.add(Answer.unterminated([HELLO, ERROR]))
    body = gaud.chat(stream=True).body
    assert body.startswith(HELLO + ERROR)
    assert b"[DONE]" not in body


@pytest.mark.parametrize("ending", [[FINISH], [FINISH, DONE], [DONE], [FINISH + DONE[:-1], b"\n"]])
def test_good_ends(gaud: Served, upstream: ScriptedUpstream, ending: list[bytes]) -> None:
    """A finish reason or `[DONE]` before a clean end is a whole stream; nothing is added."""
    upstream.add(Answer.stream([HELLO, *ending]))
    assert gaud.chat(stream=True).body == HELLO + b"".join(ending)


def test_finish_reason_and_then_a_break(gaud: Served, upstream: ScriptedUpstream) -> None:
    """The connection's break is told even though the model had finished: usage may be missing."""
    upstream.add(Answer.unterminated([HELLO, FINISH]))
    assert _last_error(gaud.chat(stream=True))["code"] == "upstream_broke_off"


def test_break_inside_a_long_event(gaud: Served, upstream: ScriptedUpstream) -> None:
    """The beginning of a long event that has been sent is ended, so that the error stands alone."""
    upstream.add(Answer.unterminated([b'data: {"x":"' + b"x" * 200_000]))
    answered = gaud.chat(stream=True)
    assert b"x\n\ndata: {" in answered.body
    assert _last_error(answered)["code"] == "upstream_broke_off"


@pytest.mark.parametrize("framing", [Framing.LENGTH, Framing.CHUNKED])
def test_long_whole_answer_that_breaks_has_no_clean_end(
    gaud: Served, upstream: ScriptedUpstream, framing: Framing
) -> None:
    """An answer too long to be held back cannot be mended, so its framing tells that it is not whole."""
    steps: list[Step] = [b'{"x":"' + b"x" * 3_000_000, Cut.CLOSE]
    upstream.add(Answer(steps, 200, {"content-type": "application/json"}, framing, claims=9_000_000))
    answered = gaud.chat()
    assert (answered.status, answered.complete) == (200, False)
    assert len(answered.body) > 1_000_000


def test_broken_compressed_stream_has_no_clean_end(gaud: Served, upstream: ScriptedUpstream) -> None:
    """Events that cannot be read cannot be mended either."""
    answer = Answer.stream([b"\x1f\x8b junk", Cut.CLOSE], headers={"content-encoding": "gzip"})
    upstream.add(answer)
    answered = gaud.chat(stream=True)
    assert (answered.body, answered.complete) == (b"\x1f\x8b junk", False)


def test_error_with_a_strange_code(gaud: Served, upstream: ScriptedUpstream) -> None:
    """An error event of any shape ends the stream in order."""
    upstream.add(Answer.stream([HELLO, sse({"error": {"message": "odd", "code": "⁵⁰⁰"}}), DONE]))
    answered = gaud.chat(stream=True)
    assert answered.complete
    assert answered.body.endswith('⁵⁰⁰"}}\n\n'.encode())
