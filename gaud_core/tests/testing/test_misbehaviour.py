"""The scripted upstream really misbehaves when told to, and notices when its peers do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import httpx
import pytest

from gaud_core.testing import (
    Answer,
    Cut,
    Framing,
    Pause,
    ScriptedUpstream,
    Seen,
    Signal,
)

pytestmark = pytest.mark.anyio

Talk = Callable[[bytes], Awaitable[bytes]]

GET = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


async def test_stall_before_the_head(upstream: ScriptedUpstream) -> None:
    """A stalled answer sends not one byte."""
    upstream.add(Answer.stalled())
    reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
    writer.write(GET)
    await upstream.call(1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.05)
    writer.close()


@pytest.mark.parametrize("abort", [False, True], ids=["fin", "rst"])
async def test_notices_that_the_peer_leaves(upstream: ScriptedUpstream, abort: bool) -> None:
    """A peer that leaves in mid answer is noticed at once, whether by FIN or by RST."""
    upstream.add(Answer.stream([b"one", Signal()]))
    reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
    writer.write(GET)
    await reader.readuntil(b"one")
    left = time.monotonic()
    writer.transport.abort() if abort else writer.close()
    seen = upstream.calls[0]
    async with asyncio.timeout(1):
        await seen.disconnected.wait()
    assert seen.disconnected.at is not None
    assert left <= seen.disconnected.at < left + 1
    assert not seen.answered.is_set()


async def test_notices_leaving_during_a_handler(upstream: ScriptedUpstream) -> None:
    """A peer that leaves while an async handler waits is noticed too."""

    async def never(seen: Seen) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    upstream.add(never)
    _, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
    writer.write(GET)
    seen = await upstream.call(1)
    writer.close()
    async with asyncio.timeout(1):
        await seen.disconnected.wait()


async def test_leaving_after_the_answer_is_none(upstream: ScriptedUpstream, talk: Talk) -> None:
    """A peer that closes after the whole answer did not disconnect."""
    upstream.add(Answer.whole(b"x"))
    await talk(GET)
    assert upstream.seen[0].answered.is_set()
    assert not upstream.seen[0].disconnected.is_set()


async def test_reset_before_the_head(upstream: ScriptedUpstream, talk: Talk) -> None:
    """Reset is a RST: the peer gets ECONNRESET, not an end of file."""
    upstream.add(Answer.reset())
    with pytest.raises(ConnectionResetError):
        await talk(GET)


async def test_reset_in_mid_body(upstream: ScriptedUpstream) -> None:
    """What was sent before the reset still arrives."""
    got = Signal()
    upstream.add(Answer.unterminated([b"one", got], Cut.RESET))
    reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
    writer.write(GET)
    assert (await reader.readuntil(b"one\r\n")).endswith(b"3\r\none\r\n")
    got.set()
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 5)
    writer.close()


async def test_close_without_an_answer(upstream: ScriptedUpstream, talk: Talk) -> None:
    """Closed means an end of file and no byte before it."""
    upstream.add(Answer.closed())
    assert await talk(GET) == b""


async def test_body_shorter_than_claimed(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """A content-length larger than the body is an incomplete read for an honest client."""
    upstream.add(Answer.short(b"{}", claims=10))
    with pytest.raises(httpx.RemoteProtocolError, match="received 2 bytes, expected 10"):
        await client.get("/")


async def test_chunked_without_an_end(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """A chunked body without its last chunk is an incomplete read for an honest client."""
    upstream.add(Answer.unterminated([b"one"]))
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        await client.get("/")


async def test_garbage(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """Garbage is no HTTP for an honest client."""
    upstream.add(Answer.garbage())
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get("/")


async def test_raw_is_sent_as_it_is(upstream: ScriptedUpstream, talk: Talk) -> None:
    """A raw answer is everything that goes over the wire."""
    upstream.add(Answer.raw([b"HTTP/1.1 200 OK\r\n", b"bad header\r\n\r\n"]))
    assert await talk(GET) == b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n"


async def test_html(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """HTML comes with the status and type of a reverse proxy."""
    upstream.add(Answer.html())
    answer = await client.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")


@pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.LENGTH, Framing.CLOSE])
async def test_huge_body(upstream: ScriptedUpstream, client: httpx.AsyncClient, framing: Framing) -> None:
    """A body of many megabytes is made as it is sent, to the byte."""
    upstream.add(Answer.endless(total=20_000_001, framing=framing))
    async with client.stream("GET", "/") as answer:
        size = sum([len(piece) async for piece in answer.aiter_raw()])
    assert size == 20_000_001


async def test_endless_body_ends_with_the_peer(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """An endless body is sent for as long as somebody reads it, and no longer."""
    upstream.add(Answer.endless())
    async with client.stream("GET", "/") as answer:
        assert await anext(answer.aiter_raw())
    async with asyncio.timeout(1):
        await upstream.calls[0].disconnected.wait()


def test_endless_has_no_length() -> None:
    """An endless body with a content-length is a mistake in the script."""
    with pytest.raises(ValueError, match="total"):
        Answer.endless(framing=Framing.LENGTH)


async def test_drip(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """A drip arrives in small pieces over time."""
    upstream.add(Answer.drip(b"0123456789", seconds=0.01, size=2))
    start = time.monotonic()
    async with client.stream("GET", "/") as answer:
        pieces = [piece async for piece in answer.aiter_raw()]
    assert pieces == [b"01", b"23", b"45", b"67", b"89"]
    assert time.monotonic() - start >= 0.04


async def test_pause(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """A pause waits by the clock."""
    upstream.add(Answer.stream([Pause(0.03), b"x"]))
    start = time.monotonic()
    assert (await client.get("/")).content == b"x"
    assert time.monotonic() - start >= 0.03
