"""Pieces of a stream pass to a sink while their reader waits, and only what it asks him for wakes him."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gaud_core.errors import UpstreamFailed, UpstreamTimeout
from gaud_core.gateway.client.answer import Answer
from gaud_core.gateway.upstream import Pieces
from gaud_core.provider import Timeouts

from .wires import connected, sent

pytestmark = pytest.mark.anyio
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


class Sink:
    """Takes every piece, and lets the reader wait on or asks for him."""

    def __init__(self, *, goes_on: bool) -> None:
        self.goes_on = goes_on
        self.taken: list[bytes] = []

    def __call__(self, piece: bytes) -> bool:
        """Take one."""
        self.taken.append(piece)
        return self.goes_on


class Reader:
    """Reads a stream whose pieces `sink` may take; `got` is what came out for the reader."""

    def __init__(
        self, sink: Callable[[bytes], bool], deadline: float | None = None, idle: float = 60.0
    ) -> None:
        self.connection, self.wire = connected()
        self.answer: Answer = sent(self.connection)
        self.connection.data_received(HEAD)
        self.pieces = Pieces("acme", self.answer, Timeouts(idle=idle), deadline)
        self.pieces.offer(sink)
        self.got: list[bytes] = []
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for piece in self.pieces:
            self.got.append(piece)

    async def hears(self, *texts: bytes) -> None:
        """Let chunks come, each on its own, while the reader waits."""
        await asyncio.sleep(0)
        for text in texts:
            self.connection.data_received(b"%x\r\n%b\r\n" % (len(text), text))

    async def ends(self) -> None:
        """Let the stream end well."""
        self.connection.data_received(END)
        await self.task


async def test_pieces_pass_while_the_reader_waits() -> None:
    """He hears of the end only."""
    sink = Sink(goes_on=True)
    reader = Reader(sink)
    await reader.hears(b"one", b"two")
    assert sink.taken == [b"one", b"two"]
    await reader.ends()
    assert reader.got == []


async def test_what_comes_while_the_reader_works_is_his() -> None:
    """Else a later piece would overtake an earlier one that has to wait for a slow client."""
    sink = Sink(goes_on=False)
    reader = Reader(sink)
    await reader.hears(b"one", b"two")  # he has been asked for, and has not come yet
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (sink.taken, reader.got) == ([b"one"], [b"", b"two"])
    await reader.ends()
    assert reader.got == [b"", b"two"]


async def test_a_piece_that_comes_with_the_end() -> None:
    """Both in one: the sink takes the piece, and the reader hears of the end."""
    sink = Sink(goes_on=True)
    reader = Reader(sink)
    await asyncio.sleep(0)
    reader.connection.data_received(b"3\r\nend\r\n" + END)
    await reader.task
    assert (sink.taken, reader.got) == ([b"end"], [])


async def test_a_mistake_in_the_sink_is_the_readers() -> None:
    """It does not come out in the event loop, where nobody would know whose call it was."""

    def sink(piece: bytes) -> bool:
        raise LookupError(piece)

    reader = Reader(sink)
    await reader.hears(b"one")
    with pytest.raises(LookupError):
        await reader.task


async def test_a_break_comes_after_what_came_before_it() -> None:
    """And is the same failure as without a sink."""
    sink = Sink(goes_on=True)
    reader = Reader(sink)
    await reader.hears(b"one")
    reader.connection.connection_lost(None)
    with pytest.raises(UpstreamFailed, match="in the middle of its answer"):
        await reader.task
    assert sink.taken == [b"one"]


@pytest.mark.parametrize("is_whole", [False, True], ids=["silence", "the whole"])
async def test_each_piece_gives_more_time_but_not_for_the_whole(
    monkeypatch: pytest.MonkeyPatch, *, is_whole: bool
) -> None:
    """Silence counts from the last piece on; a deadline for the whole answer stands."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    monkeypatch.setattr(loop, "time", lambda: begun)
    reader = Reader(Sink(goes_on=True), begun + 50 if is_whole else None, idle=60)
    await reader.hears(b"one")
    monkeypatch.setattr(loop, "time", lambda: begun + 30)
    await reader.hears(b"two")
    assert reader.connection._deadline == begun + (50 if is_whole else 90)
    await reader.ends()


async def test_silence_ends_a_stream_whose_pieces_pass() -> None:
    """The reader's patience holds although he has not been woken since."""
    reader = Reader(Sink(goes_on=True), idle=0.02)
    await reader.hears(b"one")
    with pytest.raises(UpstreamTimeout, match=r"sent nothing more for 0\.02 s"):
        await asyncio.wait_for(reader.task, 5)
    assert reader.wire.aborted


async def test_nothing_passes_to_a_reader_who_has_left() -> None:
    """A cancelled call is told no more."""
    sink = Sink(goes_on=True)
    reader = Reader(sink)
    await asyncio.sleep(0)
    reader.task.cancel()
    await reader.hears(b"one")
    assert (sink.taken, reader.wire.aborted) == ([], True)
