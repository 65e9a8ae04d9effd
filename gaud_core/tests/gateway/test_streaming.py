"""Streams flow while they are made, and stop being made when nobody listens."""

from __future__ import annotations

import time

import pytest

from gaud_core.testing import (
    DONE,
    Answer,
    Framing,
    ScriptedUpstream,
    Signal,
    Step,
    chat_chunk,
    chat_stream,
    sse,
)

from .support import Served, eventually
from .wire import chat, post

HELLO = sse(chat_chunk({"content": "Hello"}))
FINISH = sse(chat_chunk({}, "stop"))


def test_each_event_arrives_before_the_next_is_made(gaud: Served, upstream: ScriptedUpstream) -> None:
    """The first chunk is read by the client while the upstream still waits to send the second."""
    gates = [Signal() for _ in range(4)]
    upstream.add(chat_stream(["a", "b"], usage=None, gates=gates))
    with gaud.wire() as wire:
        wire.send(post(chat(stream=True)))
        pieces = wire.pieces(wire.head())
        for gate in gates:
            assert next(pieces).endswith(b"\n\n")
            gate.set()
        assert next(pieces) == DONE
        assert list(pieces) == []


def test_comments_keep_the_line_warm(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A comment is passed on at once, so that nobody in between gives up."""
    gate = Signal()
    upstream.add(Answer.stream([b": waiting\n\n", gate, HELLO, FINISH, DONE]))
    with gaud.wire() as wire:
        wire.send(post(chat(stream=True)))
        pieces = wire.pieces(wire.head())
        assert next(pieces) == b": waiting\n\n"
        gate.set()
        assert b"".join(pieces) == HELLO + FINISH + DONE


@pytest.mark.parametrize("content_type", ["text/event-stream; charset=utf-8", "TEXT/Event-Stream"])
def test_content_type_in_any_spelling_streams(
    gaud: Served, upstream: ScriptedUpstream, content_type: str
) -> None:
    """Media types have parameters and no case (RFC 9110 §8.3.1)."""
    gate = Signal()
    upstream.add(Answer.stream([HELLO, gate, FINISH, DONE], content_type=content_type))
    with gaud.wire(timeout=0.5) as wire:
        wire.send(post(chat(stream=True)))
        try:
            pieces = wire.pieces(wire.head())
            assert next(pieces) == HELLO
        finally:
            gate.set()


def test_long_whole_answers_flow_as_well(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A whole answer beyond what is held back is passed on while it comes."""
    gate = Signal()
    steps: list[Step] = [b'{"x":"' + b"x" * 3_000_000, gate, b'"}']
    upstream.add(Answer.stream(steps, content_type="application/json", framing=Framing.CHUNKED))
    with gaud.wire() as wire:
        wire.send(post(chat()))
        pieces = wire.pieces(wire.head())
        assert len(next(pieces)) > 1_000_000
        gate.set()
        assert b"".join(pieces).endswith(b'x"}')


@pytest.mark.parametrize("abort", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_client_that_leaves_while_waiting(
    gaud: Served, upstream: ScriptedUpstream, stream: bool, abort: bool
) -> None:
    """The upstream call is closed within a second when the client leaves before the answer begins."""
    upstream.add(Answer.stalled())
    wire = gaud.wire()
    wire.send(post(chat(stream=stream)))
    seen = upstream.wait_call()
    left = time.monotonic()
    wire.reset() if abort else wire.leave()
    assert seen.disconnected.wait_blocking(2)
    assert (seen.disconnected.at or 0) - left < 1


@pytest.mark.parametrize("abort", [False, True], ids=["fin", "rst"])
def test_client_that_leaves_in_mid_stream(gaud: Served, upstream: ScriptedUpstream, abort: bool) -> None:
    """The same in the middle of a stream, even if the upstream says nothing at the time."""
    upstream.add(Answer.stream([HELLO, Signal()]))
    wire = gaud.wire()
    wire.send(post(chat(stream=True)))
    next(wire.pieces(wire.head()))
    left = time.monotonic()
    wire.reset() if abort else wire.leave()
    seen = upstream.wait_call()
    assert seen.disconnected.wait_blocking(2)
    assert (seen.disconnected.at or 0) - left < 1


def test_client_that_leaves_during_a_long_answer(gaud: Served, upstream: ScriptedUpstream) -> None:
    """And while bytes are rushing through."""
    upstream.add(Answer.endless())
    wire = gaud.wire()
    wire.send(post(chat()))
    next(wire.pieces(wire.head()))
    wire.reset()
    assert upstream.wait_call().disconnected.wait_blocking(2)


def test_client_that_leaves_before_his_body_is_there(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A request that never becomes whole never reaches the upstream."""
    with gaud.wire() as wire:
        wire.send(post(chat())[:-5])
    assert gaud.is_well()
    assert upstream.calls == []


def test_client_that_leaves_with_a_second_request_queued(gaud: Served, upstream: ScriptedUpstream) -> None:
    """Also a client who has sent his next request already is noticed when he leaves."""
    gate = Signal()
    upstream.add(Answer.stalled(gate))
    wire = gaud.wire()
    wire.send(post(chat()) * 2)
    seen = upstream.wait_call()
    wire.reset()
    try:
        assert seen.disconnected.wait_blocking(0.5)
    finally:
        gate.set()


def test_connections_are_used_again(gaud: Served, upstream: ScriptedUpstream) -> None:
    """Calls one after another share a connection to the upstream, streams included."""
    upstream.default = chat_stream(usage=None)
    before = upstream.connections
    for _ in range(10):
        assert gaud.chat(stream=True).complete
    assert upstream.connections - before <= 2


def test_nothing_is_left_open(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A connection in the middle of an answer is closed, not put back into the pool."""
    before = upstream.open_connections
    for _ in range(5):
        upstream.add(Answer.stream([HELLO, Signal()]))
        wire = gaud.wire()
        wire.send(post(chat(stream=True)))
        next(wire.pieces(wire.head()))
        wire.leave()
    eventually(lambda: upstream.open_connections <= before, seconds=2)
