"""What is no proper HTTP, or too much of it, is refused in OpenAI's envelope, and the gateway goes on."""

from __future__ import annotations

import threading
import time

import pytest

from gaud_core.config import Server
from gaud_core.testing import ScriptedUpstream, chat_completion

from .support import AcmeSettings, Served, Starter, eventually
from .wire import Wire, chat, head_of, post, post_chunked

CALL = "/v1/chat/completions"

GARBAGE = {
    "binary": b"\x00\x01\x02\xff\xfe\r\n\r\n",
    "tls hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
    "http/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no such version": b"GET / HTTP/9.9\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.6\r\n",
    "words": b"hello there, how are you?\r\n\r\n",
    "bad length": head_of("POST", CALL, [("content-length", "two")]),
    "negative length": head_of("POST", CALL, [("content-length", "-1")]),
    "two lengths": head_of("POST", CALL, [("content-length", "2"), ("content-length", "5")]),
    "length and chunks": head_of("POST", CALL, [("content-length", "5"), ("transfer-encoding", "chunked")])
    + b"0\r\n\r\n",
    "space before the colon": b"GET / HTTP/1.1\r\nhost : x\r\n\r\n",
    "nul in a header": b"GET / HTTP/1.1\r\nhost: x\r\nx-a: a\x00b\r\n\r\n",
    "bare cr in a header": b"GET / HTTP/1.1\r\nhost: x\r\nx-a: a\rx-b: c\r\n\r\n",
    "no name": b"GET / HTTP/1.1\r\n: x\r\n\r\n",
    "no chunk size": head_of("POST", CALL, [("transfer-encoding", "chunked")]) + b"zz\r\n",
    "unknown method": b"BREW / HTTP/1.1\r\nhost: x\r\n\r\n",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_what_is_no_http_is_a_400(gaud: Served, name: str) -> None:
    """The answer is OpenAI's envelope with a request id, and the connection is closed."""
    with gaud.wire() as wire:
        wire.send(GARBAGE[name])
        answered = wire.answer()
        assert wire.rest() == b""
    assert (answered.status, answered.complete) == (400, True)
    assert answered.error["code"] == "invalid_http"
    assert (answered.header("x-request-id") or "").startswith("req_")
    assert gaud.is_well()


@pytest.fixture
def narrow(serve: Starter, upstream: ScriptedUpstream) -> Served:
    """A gateway that takes heads of up to 4096 bytes."""
    upstream.default = chat_completion()
    return serve(acme=AcmeSettings(url=upstream.url), server=Server(max_header_bytes=4096))


TOO_LARGE = {
    "one giant header": head_of("GET", "/health", [("x-big", "x" * 5000)]),
    "giant name": head_of("GET", "/health", [("x" * 5000, "1")]),
    "many headers": head_of("GET", "/health", [(f"x-{n}", "1") for n in range(1000)]),
    "long target": head_of("GET", "/" + "x" * 5000, []),
    "long query": head_of("GET", "/health?" + "x" * 5000, []),
    "giant header of a call": post(chat(), [("x-big", "x" * 5000)]),
    "no end of a header": b"GET / HTTP/1.1\r\nx-big: " + b"x" * 5000,
    "no end of headers": b"GET / HTTP/1.1\r\n" + b"x-a: b\r\n" * 1000,
    "no end of the target": b"GET /" + b"x" * 5000,
}


@pytest.mark.parametrize("name", TOO_LARGE)
@pytest.mark.parametrize("size", [65536, 700], ids=["at once", "in pieces"])
def test_head_over_the_limit_is_a_431(
    narrow: Served, upstream: ScriptedUpstream, name: str, size: int
) -> None:
    """Whatever part of it is too large, in one piece or in many that stop when it is too much."""
    with narrow.wire() as wire:
        for at in range(0, min(len(TOO_LARGE[name]), 4200), size):
            wire.send(TOO_LARGE[name][at : at + size])
            time.sleep(0)
        answered = wire.answer()
    assert answered.status == 431
    assert answered.error["code"] == "headers_too_large"
    assert "4096 bytes (`server.max_header_bytes`)" in answered.message
    assert (answered.header("x-request-id") or "").startswith("req_")
    assert upstream.calls == []
    assert narrow.is_well()


def test_head_below_the_limit_passes(narrow: Served) -> None:
    """Large is not too large."""
    assert narrow.get("/health", [("x-big", "x" * 3500)]).status == 200


def test_limit_counts_each_head_anew(narrow: Served) -> None:
    """Many requests on one connection, and bodies, do not add up to a large head."""
    with narrow.wire() as wire:
        for _ in range(20):
            wire.send(post(chat(text="x" * 3000), [("x-big", "x" * 1000)]))
            assert wire.answer().status == 200


def test_head_without_end_is_given_up(narrow: Served) -> None:
    """A client who sends headers for ever is thrown out soon."""
    with narrow.wire() as wire:
        wire.send(b"GET / HTTP/1.1\r\n")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            wire.send((b"x-more: " + b"y" * 1000 + b"\r\n") * 100_000)
    assert narrow.is_well()


def test_pipelined_requests_are_answered_in_order(gaud: Served, upstream: ScriptedUpstream) -> None:
    """Requests sent at once get their own answers, one after another."""
    upstream.default = lambda seen: chat_completion(seen.json["model"])
    with gaud.wire() as wire:
        wire.send(b"".join(post(chat(f"acme:m{n}")) for n in range(10)) + head_of("GET", "/nothing", []))
        texts = [wire.answer().json["choices"][0]["message"]["content"] for _ in range(10)]
        assert wire.answer().status == 404
    assert texts == [f"m{n}" for n in range(10)]


def test_bad_request_behind_a_good_one(gaud: Served, upstream: ScriptedUpstream) -> None:
    """Garbage on a connection that was good is a 400 and its end."""
    with gaud.wire() as wire:
        wire.send(head_of("GET", "/health", []))
        assert wire.answer().status == 200
        wire.send(b"\x00\x00\r\n\r\n")
        assert wire.answer().status == 400
        assert wire.rest() == b""


def test_trailers_are_no_headers(gaud: Served, upstream: ScriptedUpstream) -> None:
    """What comes behind a body cannot add a header to the call (RFC 9110 §6.5.1)."""
    upstream.add(chat_completion())
    gaud.send(post_chunked([chat()], trailers=b"openai-beta: smuggled\r\n"))
    assert upstream.wait_call().header("openai-beta") is None


def test_upgrade_is_not_taken_up(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A client who would like another protocol gets an ordinary answer."""
    upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-key", "x"),
        ("sec-websocket-version", "13"),
    ]
    assert gaud.get("/health", upgrade).status == 200
    h2c = [
        ("connection", "upgrade, http2-settings"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABkAARAAAAAAAIAAAAA"),
    ]
    assert gaud.get("/health", h2c).status == 200


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/v1", 404, "not_found"),
        ("POST", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/models/../../etc/passwd", 404, "model_not_found"),
        ("GET", "/v1/models/%2e%2e%2fetc%2fpasswd", 404, "model_not_found"),
        ("GET", "/v1/models/a%0d%0ax-evil:%201", 404, "not_found"),
        ("GET", "/v1/models/%ff%fe", 404, "model_not_found"),
        ("GET", "/v1/models/%00", 404, "model_not_found"),
        ("GET", "/v1/models/" + "x" * 20_000, 404, "model_not_found"),
        ("GET", "/%0a%1b[31m", 404, "not_found"),
        ("GET", "//evil.test/%2f..", 404, "not_found"),
        ("GET", "/" + "x" * 20_000, 404, "not_found"),
        ("GET", CALL, 405, "method_not_allowed"),
        ("PUT", CALL, 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
        ("POST", "/health", 405, "method_not_allowed"),
        ("OPTIONS", CALL, 405, "method_not_allowed"),
        ("TRACE", "/", 405, "method_not_allowed"),
    ],
)
def test_no_such_thing(gaud: Served, method: str, target: str, status: int, code: str) -> None:
    """Paths and methods that do not exist are told in the envelope, in bounded length."""
    answered = gaud.get(target, method=method)
    assert (answered.status, answered.error["code"], answered.complete) == (status, code, True)
    assert len(answered.body) < 1000
    assert answered.header("x-evil") is None
    assert (answered.header("x-request-id") or "").startswith("req_")
    if status == 405:
        assert answered.header("allow")


@pytest.mark.parametrize("target", ["/", "/health", "/v1/models"])
def test_head_requests(gaud: Served, target: str) -> None:
    """HEAD is GET without the body."""
    with gaud.wire() as wire:
        wire.send(head_of("HEAD", target, [("connection", "close")]))
        assert wire.head().status == 200
        assert wire.rest() == b""


@pytest.mark.parametrize(
    "host", [b"[", b"[::1", b"a b", b"", b"evil.test/path?x#y", b"\xff\xfe", b"x:99999999", b"@"]
)
@pytest.mark.parametrize("target", ["/nothing", "/v1/models/", "/health/"])
def test_strange_hosts(gaud: Served, host: bytes, target: str) -> None:
    """The host header may hold anything: it leads to no crash."""
    answered = gaud.send(b"GET %b HTTP/1.1\r\nhost: %b\r\n\r\n" % (target.encode(), host))
    assert answered.status < 500
    assert (answered.header("x-request-id") or "").startswith("req_")


def test_trailing_slash_is_a_404_in_the_envelope(gaud: Served) -> None:
    """A path that is nearly right is a 404, and no redirect that is built from the host header."""
    answered = gaud.send(
        b"POST /v1/chat/completions/ HTTP/1.1\r\nhost: evil.test\r\ncontent-length: 0\r\n\r\n"
    )
    assert answered.status == 404
    assert answered.error["code"] == "not_found"


def test_many_idle_connections(gaud: Served) -> None:
    """Connections that say nothing keep nobody from being served."""
    wires = [Wire(gaud.port) for _ in range(200)]
    for number, wire in enumerate(wires):
        wire.send(b"POST /v1/chat/completions HTTP/1.1\r\n"[: number % 40])
    assert gaud.is_well()
    for wire in wires:
        wire.leave()


def test_no_thread_and_no_task_is_left(gaud: Served) -> None:
    """After all of that nothing lingers."""
    for garbage in GARBAGE.values():
        with gaud.wire() as wire:
            wire.send(garbage)
    assert threading.active_count() < 20
    eventually(gaud.is_well)
