"""Bodies that cannot be used: a clear error in OpenAI's envelope, and nothing for the upstream."""

from __future__ import annotations

import gzip
import socket

import pytest

from gaud_core.config import Server
from gaud_core.testing import ScriptedUpstream, chat_completion

from .support import AcmeSettings, Served, Starter
from .wire import chat, head_of, post, post_chunked

DEEP = 100_000
BAD = {
    "empty": (b"", 400, None),
    "not json": (b"hello", 400, None),
    "form": (b"model=m&stream=true", 400, None),
    "array": (b"[]", 400, None),
    "no model": (b"{}", 400, "missing_model"),
    "model a number": (b'{"model":7}', 400, "invalid_model"),
    "model null": (b'{"model":null}', 400, "invalid_model"),
    "model empty": (b'{"model":""}', 400, "missing_model"),
    "newline in model": (b'{"model":"acme:a\\nb"}', 400, "invalid_model"),
    "header in model": (b'{"model":"acme:a\\r\\nx-evil: 1"}', 400, "invalid_model"),
    "nul in model": (b'{"model":"acme:\\u0000"}', 400, "invalid_model"),
    "surrogate in model": (b'{"model":"acme:\\ud800","messages":[]}', 400, "invalid_model"),
    "nul bytes": (b"\x00" * 100, 400, None),
    "nul behind": (b'{"model":"acme:m"}\x00', 400, None),
    "not utf-8": (b'{"model":"acme:m","a":"\xff"}', 400, None),
    "deep arrays": (b'{"model":"acme:m","a":' + b"[" * DEEP + b"]" * DEEP + b"}", 400, None),
    "deep objects": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, 400, None),
    "deep and open": (b'{"model":' + b"[" * DEEP, 400, None),
    "two values": (b'{"model":"acme:m"}{"model":"acme:m"}', 400, None),
    "unknown prefix": (b'{"model":"nobody:m"}', 404, "model_not_found"),
    "unknown model": (b'{"model":"m"}', 404, "model_not_found"),
    "nothing behind the prefix": (b'{"model":"acme:"}', 404, "model_not_found"),
    "nothing before the colon": (b'{"model":":m"}', 404, "model_not_found"),
}


@pytest.mark.parametrize("name", BAD)
def test_refused_in_the_envelope(gaud: Served, upstream: ScriptedUpstream, name: str) -> None:
    """Each has its status, its code, its request id, and never reaches the upstream."""
    body, status, code = BAD[name]
    answered = gaud.post(body)
    assert (answered.status, answered.complete) == (status, True)
    assert answered.error["code"] == code
    assert answered.error["type"] == "invalid_request_error"
    assert (answered.header("x-request-id") or "").startswith("req_")
    assert "Traceback" not in answered.message
    assert upstream.calls == []
    assert gaud.is_well()


@pytest.mark.parametrize("size", [1000, 100_000, 5_000_000])
def test_long_names_are_cut_in_messages(gaud: Served, size: int) -> None:
    """A model's name of any length is a 404 whose message is of bounded length."""
    answered = gaud.chat(model="x" * size)
    assert (answered.status, answered.error["param"]) == (404, "model")
    assert len(answered.body) < 1000


def test_long_names_travel(gaud: Served, upstream: ScriptedUpstream) -> None:
    """Behind a good prefix the name is the upstream's business, however long."""
    upstream.add(chat_completion())
    assert gaud.chat(model="acme:" + "x" * 1_000_000).status == 200
    assert len(upstream.wait_call().json["model"]) == 1_000_000


@pytest.fixture
def narrow(serve: Starter, upstream: ScriptedUpstream) -> Served:
    """A gateway that takes bodies of up to 1000 bytes."""
    return serve(acme=AcmeSettings(url=upstream.url), server=Server(max_body_bytes=1000))


def test_body_over_the_limit_by_length(narrow: Served) -> None:
    """The length alone is enough to refuse, before a byte of the body has come."""
    with narrow.wire() as wire:
        wire.send(head_of("POST", "/v1/chat/completions", [("content-length", "1001")]))
        answered = wire.answer()
    assert (answered.status, answered.error["code"]) == (413, "body_too_large")
    assert (answered.header("x-request-id") or "").startswith("req_")
    assert "longer than 1000 bytes (`server.max_body_bytes`)" in answered.message


def test_body_over_the_limit_in_chunks(narrow: Served) -> None:
    """A body without a length is refused once it is too long, not at its end, which may never come."""
    with narrow.wire() as wire:
        wire.send(post_chunked([b" " * 500] * 3)[:-5])
        assert wire.answer().status == 413


@pytest.mark.parametrize("over", [0, 1])
def test_the_limit_is_exact(narrow: Served, upstream: ScriptedUpstream, over: int) -> None:
    """Exactly as many bytes as allowed pass, one more does not, by length or in chunks."""
    upstream.default = chat_completion()
    body = chat()
    body = body[:-1] + b" " * (1000 + over - len(body)) + b"}"
    expected = 413 if over else 200
    assert narrow.post(body).status == expected
    assert narrow.send(post_chunked([body[:10], body[10:]])).status == expected


@pytest.mark.parametrize("length", ["99999999999999999999999999", "9" * 4000])
def test_absurd_lengths(narrow: Served, length: str) -> None:
    """A length that fits no number is no crash."""
    with narrow.wire() as wire:
        wire.send(head_of("POST", "/v1/chat/completions", [("content-length", length)]))
        assert wire.answer().status in {400, 413}
    assert narrow.is_well()


def test_connection_survives_a_refused_body(narrow: Served, upstream: ScriptedUpstream) -> None:
    """The rest of a body that was too long is not taken for the next request."""
    upstream.default = chat_completion()
    with narrow.wire() as wire:
        wire.send(post(post(chat()) * 20))
        assert wire.answer().status == 413
        wire.send(post(chat()))
        assert wire.answer().status == 200
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "identity, gzip", "nonsense", "GZIP"])
def test_compressed_body_is_refused(gaud: Served, encoding: str) -> None:
    """A body that would have to be unpacked is a 415 that says what to do."""
    answered = gaud.post(gzip.compress(chat()), [("content-encoding", encoding)])
    assert (answered.status, answered.error["code"]) == (415, "unsupported_content_encoding")
    assert "send it uncompressed" in answered.message


@pytest.mark.parametrize("encoding", ["identity", "Identity", ""])
def test_identity_is_no_compression(gaud: Served, upstream: ScriptedUpstream, encoding: str) -> None:
    """`identity` says that the body is plain (RFC 9110 §8.4.1, without case)."""
    upstream.add(chat_completion())
    assert gaud.post(chat(), [("content-encoding", encoding)]).status == 200


def test_chunked_body_arrives(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A body in chunks of any size goes up as one."""
    upstream.add(chat_completion())
    body = chat(text="grüße")
    assert gaud.send(post_chunked([body[at : at + 1] for at in range(len(body))])).status == 200
    assert upstream.wait_call().body == body.replace(b"acme:m", b"m")


def test_expect_continue(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A client who asks first is told to go on, and `expect` does not travel."""
    upstream.add(chat_completion())
    body = chat()
    with gaud.wire() as wire:
        headers = [("content-length", str(len(body))), ("expect", "100-continue")]
        wire.send(head_of("POST", "/v1/chat/completions", headers))
        assert wire.head().status == 100
        wire.send(body)
        assert wire.answer().status == 200
    assert upstream.wait_call().header("expect") is None


def test_expect_continue_for_what_is_refused(narrow: Served) -> None:
    """A client who asks first need not send what is too long."""
    with narrow.wire() as wire:
        headers = [("content-length", "5000"), ("expect", "100-continue")]
        wire.send(head_of("POST", "/v1/chat/completions", headers))
        assert wire.head().status == 413


def test_half_a_body_and_no_more(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A client who stops in the middle of his body reaches nothing."""
    with gaud.wire() as wire:
        wire.send(post(chat())[:-3])
        wire.socket.shutdown(socket.SHUT_WR)
        assert wire.rest() == b""
    assert upstream.calls == []


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x", ""])
def test_any_content_type_will_do(gaud: Served, upstream: ScriptedUpstream, content_type: str) -> None:
    """What counts is the body; many small clients name no type or a wrong one."""
    upstream.add(chat_completion())
    body = chat()
    head = [("content-length", str(len(body))), ("content-type", content_type)]
    assert gaud.send(head_of("POST", "/v1/chat/completions", head) + body).status == 200
