"""Each limit on its own, with limits so small that waiting for them costs nothing."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator

import pytest

from gaud_core.testing import DONE, Answer, ScriptedUpstream, Signal, Step, chat_chunk, chat_completion, sse

from .support import AcmeSettings, Served, Starter
from .wire import chat, post

SHORT = 0.2
HELLO = sse(chat_chunk({"content": "Hello"}))
FINISH = sse(chat_chunk({}, "stop"))


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port whose backlog is full, so that a connection is neither taken nor refused."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def test_connection_that_never_stands(serve: Starter, full_port: int) -> None:
    """An upstream that does not take the connection is given up after `connect`, with a 504."""
    gaud = serve(acme=AcmeSettings(url=f"http://127.0.0.1:{full_port}", connect_secs=SHORT))
    begun = time.monotonic()
    answered = gaud.chat()
    assert time.monotonic() - begun < 2
    assert answered.status == 504
    assert "could not be reached within 0.2 s" in answered.message
    assert answered.error["code"] == "upstream_timeout"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_answer_that_never_begins(serve: Starter, upstream: ScriptedUpstream, stream: bool) -> None:
    """Without a first byte within `first_byte` the call is a 504 and the upstream is left."""
    upstream.add(Answer.stalled())
    answered = serve(acme=AcmeSettings(url=upstream.url, first_byte_secs=SHORT)).chat(stream=stream)
    assert answered.status == 504
    assert "did not begin to answer within 0.2 s" in answered.message
    assert "raise `providers.acme.timeout_secs`" in answered.message
    assert upstream.wait_call().disconnected.wait_blocking(1)


def test_head_that_never_ends(serve: Starter, upstream: ScriptedUpstream) -> None:
    """Headers that drip in for ever are no first byte of an answer."""
    upstream.add(Answer.raw([b"HTTP/1.1 200 OK\r\nx-slow: ", Signal()]))
    assert serve(acme=AcmeSettings(url=upstream.url, first_byte_secs=SHORT)).chat().status == 504


def test_stream_that_sends_a_head_and_no_event(serve: Starter, upstream: ScriptedUpstream) -> None:
    """As long as no event has come, the stall has a status."""
    upstream.add(Answer.stream([Signal()]))
    answered = serve(acme=AcmeSettings(url=upstream.url, idle_secs=SHORT)).chat(stream=True)
    assert answered.status == 504
    assert "nothing more for 0.2 s" in answered.message


def test_stream_that_stalls(serve: Starter, upstream: ScriptedUpstream) -> None:
    """A stream that falls silent for `idle` ends with an error event and without `[DONE]`."""
    upstream.add(Answer.stream([HELLO, Signal(), FINISH, DONE]))
    answered = serve(acme=AcmeSettings(url=upstream.url, idle_secs=SHORT)).chat(stream=True)
    assert (answered.status, answered.complete) == (200, True)
    error = json.loads(answered.body.removeprefix(HELLO).removeprefix(b"data: "))["error"]
    assert error["code"] == "upstream_timeout"
    assert "sent nothing more for 0.2 s" in error["message"]
    assert upstream.wait_call().disconnected.wait_blocking(1)


def test_slow_stream_that_flows_is_never_cut(serve: Starter, upstream: ScriptedUpstream) -> None:
    """Neither `total` nor `first_byte` ends a stream whose pieces come in time."""
    limits = AcmeSettings(url=upstream.url, timeout_secs=SHORT, first_byte_secs=SHORT, idle_secs=SHORT * 2)
    upstream.add(Answer.drip(HELLO * 2 + FINISH + DONE, seconds=SHORT / 2, size=110))
    begun = time.monotonic()
    answered = serve(acme=limits).chat(stream=True)
    assert time.monotonic() - begun > 2 * SHORT
    assert (answered.body, answered.complete) == (HELLO * 2 + FINISH + DONE, True)


def test_slow_stream_of_comments_is_never_cut(serve: Starter, upstream: ScriptedUpstream) -> None:
    """Comments are a sign of life."""
    body = b": wait\n\n" * 6 + HELLO + DONE
    upstream.add(Answer.drip(body, seconds=SHORT / 2, size=8 * 2 + 200))
    assert serve(acme=AcmeSettings(url=upstream.url, idle_secs=SHORT * 2)).chat(stream=True).body == body


def test_whole_answer_that_drips(serve: Starter, upstream: ScriptedUpstream) -> None:
    """A whole answer has `total` seconds, however steadily it flows."""
    upstream.add(Answer.drip(b" " * 1000, seconds=SHORT / 10, content_type="application/json"))
    answered = serve(acme=AcmeSettings(url=upstream.url, timeout_secs=SHORT)).chat()
    assert answered.status == 504
    assert "did not finish its answer within 0.2 s" in answered.message


def test_total_is_a_limit_on_the_first_byte_too(serve: Starter, upstream: ScriptedUpstream) -> None:
    """A whole answer cannot begin after its time is over."""
    upstream.add(Answer.stalled())
    assert serve(acme=AcmeSettings(url=upstream.url, timeout_secs=SHORT)).chat().status == 504


def test_long_whole_answer_that_stalls_has_no_clean_end(serve: Starter, upstream: ScriptedUpstream) -> None:
    """What is too long to be held back is broken off when the time is over."""
    steps: list[Step] = [b'{"x":"' + b"x" * 3_000_000, Signal()]
    upstream.add(Answer.stream(steps, content_type="application/json"))
    answered = serve(acme=AcmeSettings(url=upstream.url, timeout_secs=SHORT * 2)).chat()
    assert (answered.status, answered.complete) == (200, False)


def test_slow_client_is_no_slow_upstream(serve: Starter, upstream: ScriptedUpstream) -> None:
    """A client who reads slowly does not make a flowing stream time out."""
    events = [sse(chat_chunk({"content": "x" * 50_000})) for _ in range(200)]
    upstream.add(Answer.stream([*events, FINISH, DONE]))
    gaud = serve(acme=AcmeSettings(url=upstream.url, idle_secs=SHORT, timeout_secs=SHORT))
    with gaud.wire() as wire:
        wire.send(post(chat(stream=True)))
        head = wire.head()
        time.sleep(2 * SHORT)
        assert b"".join(wire.pieces(head)).endswith(FINISH + DONE)


def test_gateway_serves_on(serve: Starter, upstream: ScriptedUpstream) -> None:
    """After each kind of timeout the next call is as good as the first."""
    limits = AcmeSettings(url=upstream.url, first_byte_secs=SHORT, idle_secs=SHORT, timeout_secs=SHORT)
    gaud: Served = serve(acme=limits)
    for stalled in (Answer.stalled(), Answer.stream([HELLO, Signal()])):
        upstream.add(stalled, chat_completion())
        gaud.chat(stream=True)
        assert gaud.chat().status == 200
