"""A whole answer is one write, framed as uvicorn would frame it in two."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from gaud_core.gateway.delivery import EVENTS, WHOLE
from gaud_core.gateway.joined import JoinedSend
from gaud_core.testing import Answer, ScriptedUpstream, chat_completion

from .support import Served
from .wire import chat, post

HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"2")]


class _Cycle:
    """As much of uvicorn's cycle as is asked for."""

    def __init__(self, *, keep_alive: bool = True) -> None:
        self.keep_alive = keep_alive
        self.disconnected = self.response_started = self.response_complete = False
        self.waiting_for_100_continue = True
        self.write_paused = self.chunked_encoding = self.more_body = False
        self.body = bytearray()
        self.reads = 0
        self.message_event = asyncio.Event()
        self.written: list[bytes] = []
        self.closed = self.ended = self.drained = 0
        self.flow = self.transport = self

    async def drain(self) -> None:
        self.drained += 1

    def write_at_once(self, data: bytes) -> None:
        self.written.append(data)

    write = write_at_once

    def resume_reading(self) -> None:
        self.reads += 1

    def close(self) -> None:
        self.closed += 1

    def on_response(self) -> None:
        self.ended += 1


def _wire(cycle: _Cycle) -> JoinedSend:
    return JoinedSend(cast("Any", cycle))  # as much of one as it uses


def _send(cycle: _Cycle, headers: list[tuple[bytes, bytes]] = HEADERS) -> None:
    send = _wire(cycle)
    asyncio.run(send({"type": "http.response.start", "status": 200, "headers": headers, WHOLE: b"{}"}))


def test_one_write() -> None:
    """Head and body go out together, and the cycle has ended as after two messages."""
    cycle = _Cycle()
    _send(cycle)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n"
    assert cycle.written == [head + b"{}"]
    assert cycle.response_started
    assert cycle.response_complete
    assert cycle.message_event.is_set()
    assert not cycle.waiting_for_100_continue
    assert (cycle.ended, cycle.closed) == (1, 0)


def test_who_wants_the_connection_closed_is_told_so() -> None:
    """As uvicorn does it."""
    cycle = _Cycle(keep_alive=False)
    _send(cycle)
    assert b"\r\nconnection: close\r\n\r\n{}" in cycle.written[0]
    assert cycle.closed == 1


@pytest.mark.parametrize(
    "bad", [(b"x-a\r\nx-b", b"1"), (b"x-a", b"1\nx-b: 2"), (b"x-a", b"1\r\nx-b: 2"), (b"x-a", b"\0")]
)
def test_no_header_breaks_out_of_its_line(bad: tuple[bytes, bytes]) -> None:
    """Nothing at all is written then."""
    cycle = _Cycle()
    with pytest.raises(RuntimeError):
        _send(cycle, [*HEADERS, bad])
    assert cycle.written == []


def test_a_slow_client_is_waited_for() -> None:
    """As long as what was written before has not gone out."""
    cycle = _Cycle()
    cycle.write_paused = True
    _send(cycle)
    assert cycle.drained == 1


def test_nothing_for_who_has_left() -> None:
    """A connection that is gone takes no bytes."""
    cycle = _Cycle()
    cycle.disconnected = True
    _send(cycle)
    assert cycle.written == []


def _begin(cycle: _Cycle) -> JoinedSend:
    """Begin a stream."""
    send = _wire(cycle)
    headers = [(b"content-type", b"text/event-stream")]
    asyncio.run(send({"type": "http.response.start", "status": 200, "headers": headers, EVENTS: True}))
    return send


def test_a_stream_begins_and_its_pieces_follow_at_once() -> None:
    """In chunks, as uvicorn would frame them."""
    cycle = _Cycle()
    send = _begin(cycle)
    assert send.at_once(b"data: 1\n\n")
    head, piece = cycle.written
    assert head.endswith(b"\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    assert piece == b"9\r\ndata: 1\n\n\r\n"
    assert (cycle.response_started, cycle.response_complete, cycle.ended) == (True, False, 0)


@pytest.mark.parametrize("why_not", ["write_paused", "disconnected", "response_complete"])
def test_no_piece_at_once_to_who_is_slow_or_gone(why_not: str) -> None:
    """Whoever sends it has to wait, or hears of it."""
    cycle = _Cycle()
    send = _begin(cycle)
    setattr(cycle, why_not, True)
    assert not send.at_once(b"data: 1\n\n")
    assert len(cycle.written) == 1


def test_no_piece_at_once_before_the_head_says_chunks() -> None:
    """An answer that has a length is uvicorn's to send."""
    cycle = _Cycle()
    assert not _wire(cycle).at_once(b"piece")
    assert cycle.written == []


def test_a_body_that_is_there_is_taken_once() -> None:
    """And reading goes on, which notices that the client leaves."""
    cycle = _Cycle()
    cycle.body += b"{}"
    cycle.message_event.set()
    wire = _wire(cycle)
    assert (wire.body(), wire.body()) == (b"{}", None)
    assert (bytes(cycle.body), cycle.reads) == (b"", 1)


@pytest.mark.parametrize("why_not", ["more_body", "disconnected"])
def test_no_body_of_which_some_is_missing(why_not: str) -> None:
    """It has to be waited for, or never comes."""
    cycle = _Cycle()
    cycle.body += b"{"
    cycle.message_event.set()
    setattr(cycle, why_not, True)
    assert _wire(cycle).body() is None
    assert bytes(cycle.body) == b"{"


def test_an_old_client_gets_its_answer_and_the_end(gaud: Served, upstream: ScriptedUpstream) -> None:
    """HTTP/1.0, over a socket: the connection closes behind the answer."""
    upstream.add(chat_completion())
    with gaud.wire() as wire:
        wire.send(post(chat()).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        answered = wire.answer()
        assert answered.status == 200
        assert answered.header("connection") == "close"
        assert wire.rest() == b""


def test_an_empty_answer(gaud: Served, upstream: ScriptedUpstream) -> None:
    """204 of an upstream, and then the next call on the same connection."""
    upstream.add(Answer.whole(b"", status=204))
    upstream.add(chat_completion())
    with gaud.wire() as wire:
        wire.send(post(chat()) * 2)
        assert [wire.answer().status for _ in range(2)] == [204, 200]
