"""The relay's client, as far as a served gateway does not show it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Self

import pytest

from gaud_core import Timeouts, UpstreamRequest
from gaud_core.errors import UpstreamFailed
from gaud_core.gateway.client.request import address_of, head_of
from gaud_core.gateway.upstream import Upstream

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
Respond = Callable[[bytes], bytes]


class _Server:
    """Answers each request, once its end is there, with what `respond` makes of it."""

    def __init__(self, respond: Respond = lambda request: ANSWER, end: bytes = b"\r\n\r\n") -> None:
        self.respond, self.end = respond, end
        self.seen: list[bytes] = []
        self.connections = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/x?y=1"
        return self

    async def __aexit__(self, *raised: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.seen.append(await reader.readuntil(self.end))
                writer.write(self.respond(self.seen[-1]))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.mark.parametrize("last", [b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n"], ids=["close", "speak"])
async def test_a_connection_that_was_just_closed_carries_no_call(last: bytes) -> None:
    """Also when the event loop has not heard of it yet: whoever called would get no answer."""
    loop, upstream = asyncio.get_running_loop(), Upstream("acme")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        request = UpstreamRequest(f"http://127.0.0.1:{server.getsockname()[1]}/", {}, b"", method="GET")
        for _ in range(3):
            call = asyncio.create_task(upstream.send(request))
            peer, _ = await loop.sock_accept(server)  # each time a new one
            assert await loop.sock_recv(peer, 1000)
            await loop.sock_sendall(peer, ANSWER)
            assert (await call).status == 200
            peer.send(last)
            peer.close()
    await upstream.aclose()


async def test_an_answer_that_is_there_at_once_is_bytes() -> None:
    """Nothing has to be closed or read then; the connection is free again."""
    async with _Server() as server:
        upstream = Upstream("acme")
        for _ in range(3):
            reply = await upstream.send(UpstreamRequest(server.url, {"x-a": "1"}, b"", method="GET"))
            assert (reply.status, reply.content) == (200, b"ok")
        assert server.connections == 1
        assert server.seen[0].startswith(b"GET /x?y=1 HTTP/1.1\r\nhost: 127.0.0.1:")
        assert b"content-length" not in server.seen[0]
        await upstream.aclose()


async def test_a_body_may_stream() -> None:
    """Its pieces go out in chunks as they come."""

    async def body() -> AsyncIterator[bytes]:
        for piece in (b"one", b"", b"two"):
            yield piece

    async with _Server(end=b"0\r\n\r\n") as server:
        upstream = Upstream("acme")
        reply = await upstream.send(UpstreamRequest(server.url, {}, body()))
        assert reply.content == b"ok"
        head, _, sent = server.seen[0].partition(b"\r\n\r\n")
        assert b"transfer-encoding: chunked" in head
        assert sent == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
        await upstream.aclose()


async def test_a_body_that_breaks_off_breaks_the_request_off() -> None:
    """Whoever sends hears of the body's own mistake, and the upstream never sees an end."""

    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        raise LookupError("gone")

    async with _Server(end=b"0\r\n\r\n") as server:
        with pytest.raises(LookupError):
            await Upstream("acme").send(UpstreamRequest(server.url, {}, body()))
        assert server.seen == []


async def test_idle_connections_are_closed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a server would close them, and nothing is sent into one that is older."""
    monkeypatch.setattr("gaud_core.gateway.client.pool._KEEP_IDLE_SECS", 0.05)
    async with _Server() as server:
        upstream = Upstream("acme")
        request = UpstreamRequest(server.url, {}, b"", method="GET")
        await upstream.send(request)
        pool = upstream._pool
        await asyncio.sleep(0.2)
        assert (pool._idle, pool._all) == ({}, set())
        await upstream.send(request)
        assert server.connections == 2
        await upstream.aclose()


async def test_bytes_that_nobody_asked_for_end_the_connection() -> None:
    """A second answer behind the first must not become that of the next call."""
    async with _Server(lambda request: ANSWER + ANSWER.replace(b"ok", b"no")) as server:
        upstream = Upstream("acme")
        request = UpstreamRequest(server.url, {}, b"", method="GET")
        assert [(await upstream.send(request)).content for _ in range(3)] == [b"ok"] * 3
        assert server.connections == 3


async def test_an_answer_to_head_has_no_body() -> None:
    """Whatever length it names."""
    async with _Server(lambda request: ANSWER[:-2]) as server:
        reply = await Upstream("acme").send(UpstreamRequest(server.url, {}, b"", method="HEAD"))
        assert (reply.status, reply.content) == (200, b"")


async def test_endless_trailers_are_given_up() -> None:
    """They are counted like a head without end."""
    chunk = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
    async with _Server(lambda request: chunk + b"x: " + b"y" * 2_000_000) as server:
        limits = Timeouts(total=5, idle=5)
        upstream = Upstream("acme")
        reply = await upstream.send(UpstreamRequest(server.url, {}, b"", method="GET", timeouts=limits))
        assert not isinstance(reply.content, bytes)
        with pytest.raises(UpstreamFailed):
            [piece async for piece in reply.content]


@pytest.mark.parametrize("value", ["a\r\nx-forged: 1", "a\nb", "a\rb", "a\0b"])
async def test_headers_do_not_break_out_of_their_line(value: str) -> None:
    """Such a request is not sent."""
    async with _Server() as server:
        with pytest.raises(UpstreamFailed, match="line break"):
            await Upstream("acme").send(UpstreamRequest(server.url, {"x-a": value}, b""))
        assert server.seen == []


@pytest.mark.parametrize(
    "url", ["http://a b/", "http://a/\r\nx", "ftp://a/", "http://u:p@a/", "http:///x", "http://a:99999/"]
)
def test_addresses_that_are_none(url: str) -> None:
    """They lead nowhere, and hold nothing that could change a request."""
    with pytest.raises(ValueError, match=r"URL|[Pp]ort"):
        address_of(url)


def test_framing_is_our_own() -> None:
    """What a provider says of length, host and connection is not sent."""
    headers = {"Content-Length": "9", "host": "evil", "connection": "close", "x": "y"}
    head = head_of("POST", address_of("https://[::1]:8443/p"), headers, 2)
    assert head == b"POST /p HTTP/1.1\r\nhost: [::1]:8443\r\nx: y\r\ncontent-length: 2\r\n\r\n"
