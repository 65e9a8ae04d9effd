"""The scripted upstream records what comes, and answers by script."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable

import httpx
import pytest

from gaud_core.testing import (
    Answer,
    Framing,
    ScriptedUpstream,
    Seen,
    Signal,
)

pytestmark = pytest.mark.anyio

Talk = Callable[[bytes], Awaitable[bytes]]

GET = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


async def test_records_a_request_exactly(upstream: ScriptedUpstream, talk: Talk) -> None:
    """Header names keep their case and order, repeated ones their number, the body its bytes."""
    head = b"POST /v1/x?a=%20 HTTP/1.1\r\nHost: x\r\nX-B: 1\r\nx-a:  2 \r\nX-B: 3\r\nConnection: close\r\n"
    await talk(head + b"Content-Length: 5\r\n\r\n{\xff\n 1")
    seen = upstream.seen[0]
    assert (seen.method, seen.target, seen.path) == ("POST", "/v1/x?a=%20", "/v1/x")
    assert seen.request.headers[:4] == ((b"Host", b"x"), (b"X-B", b"1"), (b"x-a", b"2"), (b"X-B", b"3"))
    assert seen.request.headers_named("x-b") == ["1", "3"]
    assert seen.request.head == head + b"Content-Length: 5\r\n\r\n"
    assert seen.body == b"{\xff\n 1"


async def test_reads_a_chunked_request(upstream: ScriptedUpstream, talk: Talk) -> None:
    """Chunk sizes, extensions and trailers are framing; the rest is the body."""
    head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    await talk(head + b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nx-trailer: t\r\n\r\n")
    assert upstream.seen[0].body == b"abc0123456789"


async def test_says_continue(talk: Talk) -> None:
    """A client that expects 100-continue gets it before it sends its body."""
    head = b"POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi"
    assert (await talk(head)).startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 ")


async def test_takes_a_big_request(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """A request of some megabytes arrives whole."""
    body = bytes(range(256)) * 4 * 4096
    await client.post("/", content=body)
    assert upstream.seen[0].body == body


async def test_keeps_alive(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """Requests one after another share a connection."""
    for _ in range(3):
        await client.get("/")
    assert [seen.connection for seen in upstream.seen] == [1, 1, 1]
    assert upstream.connections == 1


async def test_serves_connections_at_once(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """A stalled answer does not hold up another connection."""
    gate = Signal()
    upstream.add(Answer.stalled(gate, Answer.whole(b"slow")), Answer.whole(b"fast"))
    slow = asyncio.create_task(client.get("/slow"))
    await upstream.call(1)
    assert (await client.get("/fast")).content == b"fast"
    assert not slow.done()
    gate.set()
    assert (await slow).content == b"slow"


async def test_without_a_script_says_so(client: httpx.AsyncClient) -> None:
    """An upstream that was told nothing answers 404 with a sentence."""
    answer = await client.get("/")
    assert answer.status_code == 404
    assert "script" in answer.json()["error"]["message"]


async def test_queue_then_default(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """Queued answers are given once, in order, and the default afterwards."""
    upstream.default = Answer.whole(b"default")
    upstream.add(Answer.whole(b"one"), Answer.whole(b"two"))
    assert [(await client.get("/")).content for _ in range(4)] == [b"one", b"two", b"default", b"default"]


async def test_routes_leave_the_queue_alone(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """A routed path (a health check, say) takes nothing from the queue and counts as no call."""
    upstream.on("/health", Answer.json("I'm alive!"))
    upstream.add(Answer.whole(b"one"))
    assert (await client.get("/health?deep=1")).json() == "I'm alive!"
    assert (await client.get("/chat")).content == b"one"
    assert [seen.path for seen in upstream.seen] == ["/health", "/chat"]
    assert [seen.path for seen in upstream.calls] == ["/chat"]


async def test_resets_but_for_its_routes(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """A reset forgets what was seen and queued; calls are counted from 1 again."""
    upstream.on("/health", Answer.whole(b"fine"))
    await client.get("/")
    upstream.add(Answer.whole(b"never"))
    upstream.reset(Answer.whole(b"new"))
    assert upstream.seen == []
    assert (await client.get("/new")).content == b"new"
    assert (await upstream.call(1)).path == "/new"
    assert (await client.get("/health")).content == b"fine"


@pytest.mark.parametrize("waits", [False, True])
async def test_handler_answers_by_request(
    upstream: ScriptedUpstream, client: httpx.AsyncClient, waits: bool
) -> None:
    """A handler, async or not, sees the request and chooses the answer."""

    async def later(seen: Seen) -> Answer:
        await asyncio.sleep(0)
        return Answer.json({"echo": seen.json})

    upstream.default = later if waits else lambda seen: Answer.json({"echo": seen.json})
    assert (await client.post("/", json={"a": 1})).json() == {"echo": {"a": 1}}


async def test_failing_handler_fails_the_test(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """What a handler raises reaches the peer as a 500 and the test when the upstream stops."""

    def broken(seen: Seen) -> Answer:
        raise AssertionError(f"unexpected {seen.path}")

    upstream.add(broken)
    assert (await client.get("/x")).status_code == 500
    with pytest.raises(ExceptionGroup) as caught:
        upstream.raise_errors()
    assert caught.group_contains(AssertionError, match="unexpected /x")
    upstream.errors.clear()


async def test_waiting_for_a_call_has_a_limit(upstream: ScriptedUpstream) -> None:
    """A call that never comes raises TimeoutError."""
    with pytest.raises(TimeoutError):
        await upstream.call(1, timeout=0.01)


async def test_any_status_and_headers(upstream: ScriptedUpstream, talk: Talk) -> None:
    """Status and headers go out as written, in order, and repeated."""
    upstream.add(Answer.whole(b"x", 599, [("X-One", "1"), ("x-one", "2")]))
    head = (await talk(GET)).partition(b"\r\n\r\n")[0]
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 599 Unknown",
        b"content-type: application/octet-stream",
        b"X-One: 1",
        b"x-one: 2",
        b"content-length: 1",
    ]


async def test_head_has_no_body(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """HEAD is answered by the head alone, and the connection lives on."""
    upstream.default = Answer.whole(b"body")
    assert (await client.head("/")).headers["content-length"] == "4"
    assert (await client.get("/")).content == b"body"
    assert upstream.connections == 1


async def test_stream_goes_in_the_chunks_given(upstream: ScriptedUpstream, talk: Talk) -> None:
    """Each bytes object is one chunk on the wire."""
    upstream.add(Answer.stream([b"ab", b"", b"c" * 17]))
    body = (await talk(GET)).partition(b"\r\n\r\n")[2]
    assert body == b"2\r\nab\r\n11\r\n" + b"c" * 17 + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize("kind", [Signal, asyncio.Event])
async def test_gate_holds_a_stream(
    upstream: ScriptedUpstream, client: httpx.AsyncClient, kind: type[Signal | asyncio.Event]
) -> None:
    """What stands behind a gate is not sent before the test opens it."""
    gate = kind()
    upstream.add(Answer.stream([b"one", gate, b"two"]))
    async with client.stream("GET", "/") as answer:
        pieces = answer.aiter_raw()
        assert await anext(pieces) == b"one"
        assert not upstream.seen[0].answered.is_set()
        gate.set()
        assert await anext(pieces) == b"two"
    assert upstream.seen[0].answered.is_set()
    assert not upstream.seen[0].disconnected.is_set()


async def test_close_delimited_body(upstream: ScriptedUpstream, talk: Talk) -> None:
    """A body may end with the connection."""
    upstream.add(Answer.stream([b"a", b"b"], framing=Framing.CLOSE))
    raw = await talk(b"GET / HTTP/1.1\r\n\r\n")
    assert raw.endswith(b"connection: close\r\n\r\nab")


async def test_rate_limited(upstream: ScriptedUpstream, client: httpx.AsyncClient) -> None:
    """A 429 carries retry-after and OpenAI's envelope."""
    upstream.add(Answer.rate_limited(12))
    answer = await client.get("/")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "12")
    assert answer.json()["error"]["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
    ],
)
async def test_keeps_what_is_no_http(upstream: ScriptedUpstream, sent: bytes, talk: Talk) -> None:
    """What is no request is kept apart, and its connection closed."""
    assert await talk(sent) == b""
    assert len(upstream.rejected) == 1
    assert upstream.seen == []


async def test_stops_and_starts_on_its_port(upstream: ScriptedUpstream, talk: Talk) -> None:
    """A stopped upstream refuses connections; started again, it has its old address."""
    upstream.default = Answer.whole(b"x")
    port = upstream.port
    await upstream.stop()
    with pytest.raises(ConnectionRefusedError):
        await talk(GET)
    await upstream.start()
    assert upstream.port == port
    assert (await talk(GET)).endswith(b"x")


async def test_stop_ends_stalled_connections(upstream: ScriptedUpstream, talk: Talk) -> None:
    """Stopping waits for no stalled answer."""
    upstream.add(Answer.stalled())
    calling = asyncio.ensure_future(talk(GET))
    await upstream.call(1)
    await upstream.stop()
    assert await asyncio.wait_for(calling, 1) == b""
    assert upstream.open_connections == 0


def test_runs_in_a_thread() -> None:
    """In a thread of its own it serves tests that have no loop, gates and disconnects included."""
    with ScriptedUpstream.in_thread() as upstream:
        gate = Signal()
        upstream.add(Answer.stream([b"one", gate, b"two", Signal()]))
        with socket.create_connection(("127.0.0.1", upstream.port), 5) as peer:
            peer.sendall(GET)
            seen = upstream.wait_call(1)
            gate.set()
            received = b""
            while b"two" not in received:
                received += peer.recv(1000)
        assert seen.disconnected.wait_blocking(1)


def test_thread_raises_what_handlers_raised() -> None:
    """A handler that fails in the thread fails the test too."""

    def broken(seen: Seen) -> Answer:
        raise AssertionError("no")

    with pytest.raises(ExceptionGroup), ScriptedUpstream.in_thread(broken) as upstream:
        assert httpx.get(upstream.url, trust_env=False).status_code == 500


def test_waiting_in_a_thread_has_a_limit() -> None:
    """A call that never comes raises TimeoutError and says how many came."""
    with ScriptedUpstream.in_thread() as upstream, pytest.raises(TimeoutError, match="there were 0"):
        upstream.wait_call(1, timeout=0.01)


async def test_signal_crosses_threads() -> None:
    """A signal set in one thread wakes those who wait in another's loop, and stays set."""
    signal = Signal()
    waiting = [asyncio.create_task(signal.wait()) for _ in range(2)]
    await asyncio.sleep(0)
    threading.Thread(target=signal.set).start()
    await asyncio.wait_for(asyncio.gather(*waiting), 1)
    at = signal.at
    signal.set()
    await signal.wait()
    assert signal.at == at
    assert "set" in repr(signal)
