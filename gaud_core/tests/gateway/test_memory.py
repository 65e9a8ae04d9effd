"""The gateway's memory stays bounded whatever passes through it, and however slowly it is read."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest

from gaud_core.testing import DONE, Answer, Framing, ScriptedUpstream, chat_chunk, sse

from .support import Served
from .wire import chat, post, post_chunked

MB = 1024 * 1024
STATM = Path("/proc/self/statm")

pytestmark = pytest.mark.skipif(not STATM.exists(), reason="reads the process's memory from /proc")


def _resident() -> int:
    return int(STATM.read_text().split()[1]) * resource.getpagesize()


@pytest.mark.parametrize("framing", [Framing.LENGTH, Framing.CHUNKED])
def test_huge_whole_answer_passes(gaud: Served, upstream: ScriptedUpstream, framing: Framing) -> None:
    """300 MB go through while upstream, gateway and client together grow by less than 40."""
    upstream.add(Answer.endless(total=300 * MB, framing=framing, piece=b"x" * 262144))
    before, most, got = _resident(), 0, 0
    with gaud.wire() as wire:
        wire.send(post(chat()))
        for number, piece in enumerate(wire.pieces(wire.head())):
            got += len(piece)
            if number % 64 == 0:
                most = max(most, _resident() - before)
    assert got == 300 * MB
    assert most < 40 * MB


def test_huge_event_passes(gaud: Served, upstream: ScriptedUpstream) -> None:
    """One event of 100 MB goes through in pieces, and the stream behind it is whole."""
    steps = [b'data: {"x":"', *[b"x" * MB] * 100, b'"}\n\n', sse(chat_chunk({}, "stop")), DONE]
    upstream.add(Answer.stream(steps))
    before, most, got, tail = _resident(), 0, 0, b""
    with gaud.wire() as wire:
        wire.send(post(chat(stream=True)))
        for number, piece in enumerate(wire.pieces(wire.head())):
            got, tail = got + len(piece), (tail + piece)[-100:]
            if number % 64 == 0:
                most = max(most, _resident() - before)
    assert got == sum(len(step) for step in steps)
    assert tail.endswith(DONE)
    assert most < 40 * MB


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_client_who_does_not_read_stops_the_upstream(
    gaud: Served, upstream: ScriptedUpstream, stream: bool
) -> None:
    """What nobody reads is not fetched: the sockets' buffers fill up, and then the upstream waits."""
    sent = _Counter(sse(chat_chunk({"content": "x" * 60_000})) if stream else b"x" * 65536)
    upstream.add(Answer.stream(sent, content_type="text/event-stream" if stream else "application/json"))
    with gaud.wire() as wire:
        wire.send(post(chat(stream=stream)))
        wire.head()
        seen, calm = -1, 0
        while calm < 20:
            time.sleep(0.01)
            calm = calm + 1 if sent.total == seen else 0
            seen = sent.total
            assert seen < 60 * MB
        wire.reset()
    assert upstream.wait_call().disconnected.wait_blocking(2)


class _Counter:
    """An endless body that knows how much of it was made."""

    def __init__(self, piece: bytes) -> None:
        self.piece = piece
        self.total = 0

    def __iter__(self) -> _Counter:
        return self

    def __next__(self) -> bytes:
        self.total += len(self.piece)
        return self.piece


def test_endless_answer_head_is_given_up(gaud: Served, upstream: ScriptedUpstream) -> None:
    """Headers without end are no HTTP, long before they fill the memory."""
    lines = _Counter(b"x-more: " + b"y" * 8000 + b"\r\n")
    upstream.add(Answer.raw(_Chain(b"HTTP/1.1 200 OK\r\n", lines)))
    answered = gaud.chat()
    assert answered.status == 502
    assert lines.total < 20 * MB


class _Chain(_Counter):
    def __init__(self, first: bytes, rest: _Counter) -> None:
        super().__init__(b"")
        self.first, self.rest = first, rest

    def __next__(self) -> bytes:
        first, self.first = self.first, b""
        return first or next(self.rest)


def test_endless_trailers_are_refused(gaud: Served) -> None:
    """A request's trailers count as headers do."""
    trailers = b"".join(b"x-%d: %b\r\n" % (n, b"y" * 1000) for n in range(3000))
    with gaud.wire(timeout=1) as wire:
        wire.send(post_chunked([chat()], trailers=trailers))
        assert wire.answer().status in {400, 431}
