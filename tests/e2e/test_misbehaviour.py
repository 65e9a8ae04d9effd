"""What becomes of an upstream's misbehaviour: its own status, its own sentence, and no memory lost."""

from __future__ import annotations

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from gaud_core.testing import Answer, Cut, Framing, ScriptedUpstream, Signal, chat_chunk, chat_completion, sse

from .gaud_server import KEY, Gaud
from .processes import until

pytestmark = pytest.mark.litellm

HEADERS = {"authorization": f"Bearer {KEY}"}
MEGABYTE = 2**20
linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")

FAILURES = {
    "reset": (Answer.reset(), "closed the connection"),
    "closed": (Answer.closed(), "closed the connection"),
    "garbage": (Answer.garbage(), "not HTTP"),
    "bad header": (Answer.raw([b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n{}"]), "not HTTP"),
    "html": (Answer.html(), "text/html"),
    "html as success": (Answer.html(status=200), "text/html"),
    "redirect": (Answer.whole(b"", 302, {"location": "http://127.0.0.1:9/"}), "redirect"),
    "empty": (Answer.whole(b""), "empty"),
    "half a body": (Answer.short(b'{"id":', claims=1000), "middle of its answer"),
    "half of JSON": (Answer.json(b'{"id":'), "instead of JSON"),
    "no last chunk": (
        Answer.stream([b'{"id":', Cut.CLOSE], content_type="application/json"),
        "middle of its answer",
    ),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("how", FAILURES)
def test_failure(gaud: Gaud, upstream: ScriptedUpstream, how: str, stream: bool) -> None:
    """Each is a 502 in OpenAI's envelope with a sentence of its own, asked for a stream or not."""
    answer, sentence = FAILURES[how]
    upstream.add(answer)
    got = gaud.chat("direct:x", stream=stream)
    assert got.status_code == 502
    assert got.headers["content-type"] == "application/json"
    assert sentence in got.json()["error"]["message"]


def test_works_after_failures(gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """After every kind of failure the next call is as good as ever."""
    for answer, _ in FAILURES.values():
        upstream.add(answer, chat_completion("fine"))
        gaud.chat("direct:x")
        assert gaud.chat("direct:x").json()["choices"][0]["message"]["content"] == "fine"


def test_upstream_that_closes_after_each_answer(gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """An upstream that closes its connections without having said so costs no call."""
    body = b'{"choices":[]}'
    upstream.reset(Answer([body, Cut.CLOSE], headers={"content-type": "application/json"}))
    for _ in range(20):
        assert gaud.chat("direct:x").status_code == 200
        assert upstream.calls[-1].answered.wait_blocking()  # else the next call may be faster than the FIN
    assert len({call.connection for call in upstream.calls}) == 20


def test_many_at_once(gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """A hundred calls at once each get their own answer."""
    upstream.reset(lambda seen: chat_completion(seen.json["user"]))
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda number: gaud.chat("direct:x", user=str(number)), range(100)))
    texts = [answer.json()["choices"][0]["message"]["content"] for answer in answers]
    assert texts == [str(number) for number in range(100)]


@linux
@pytest.mark.parametrize("framing", [Framing.LENGTH, Framing.CHUNKED])
def test_huge_answer(gaud: Gaud, upstream: ScriptedUpstream, framing: Framing) -> None:
    """A huge answer goes through to its last byte, without being held in memory."""
    before = gaud.server.resident_bytes()
    upstream.add(Answer.endless(total=200 * MEGABYTE, framing=framing))
    size, most = 0, 0
    body = {"model": "direct:x", "messages": []}
    url = f"{gaud.url}/v1/chat/completions"
    with httpx.stream("POST", url, json=body, headers=HEADERS, timeout=60, trust_env=False) as answer:
        for piece in answer.iter_raw(MEGABYTE):
            size += len(piece)
            most = max(most, gaud.server.resident_bytes())
    assert size == 200 * MEGABYTE
    assert most - before < 50 * MEGABYTE


@linux
def test_client_that_does_not_read(gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """A client that stops reading an endless stream stops the upstream, not fills the gateway's memory."""
    before = gaud.server.resident_bytes()
    event = sse(chat_chunk({"content": "x" * 10_000}))
    sent = 0

    def counted() -> bytes:
        nonlocal sent
        sent += len(event)
        return event

    upstream.add(Answer.stream(iter(counted, b"")))
    with socket.create_connection(("127.0.0.1", int(gaud.url.rpartition(":")[2])), 10) as client:
        client.sendall(_request({"model": "direct:x", "messages": [], "stream": True}))
        client.recv(10)
        settled = _settle(lambda: sent)
        assert settled < 50 * MEGABYTE
        assert gaud.server.resident_bytes() - before < 50 * MEGABYTE
    assert upstream.calls[0].disconnected.wait_blocking(2)


def test_event_without_end(gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """An event far longer than any buffer still arrives whole."""
    event = sse(chat_chunk({"content": "x" * MEGABYTE * 3}))
    upstream.add(Answer.stream([event, sse(chat_chunk({}, "stop")), b"data: [DONE]\n\n"]))
    assert gaud.chat("direct:x", stream=True).content.startswith(event)


def test_event_before_the_next_one(gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """A finished event is with the client before the upstream sends another."""
    gate = Signal()
    first = sse(chat_chunk({"content": "a"}))
    upstream.add(Answer.stream([first, gate, sse(chat_chunk({}, "stop")), b"data: [DONE]\n\n"]))
    body = {"model": "direct:x", "messages": [], "stream": True}
    url = f"{gaud.url}/v1/chat/completions"
    with httpx.stream("POST", url, json=body, headers=HEADERS, timeout=5, trust_env=False) as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == first
        gate.set()
        assert b"".join(pieces).endswith(b"data: [DONE]\n\n")


def _request(body: dict[str, object]) -> bytes:
    raw = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
    return f"{head}content-length: {len(raw)}\r\n\r\n".encode() + raw


def _settle(value: object) -> int:
    """Wait until a number has not changed for a while; return it."""
    assert callable(value)
    seen = [-1, -2, -3, -4]

    def same() -> bool:
        seen.append(value())
        return seen[-1] == seen[-4]

    until(same, "the upstream to be stopped", 10, every=0.1)
    return seen[-1]
