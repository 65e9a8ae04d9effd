"""Each way in which an upstream can fail has its status and its sentence."""

from __future__ import annotations

import gzip
import socket
import threading

import pytest

from gaud_core.testing import Answer, Cut, Framing, ScriptedUpstream, chat_completion

from .support import AcmeSettings, Served, Starter

RAW_HEAD = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n"
GOOD = b'{"choices":[]}'


def _whole(body: bytes, content_type: str = "application/json", **headers: str) -> Answer:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Answer.whole(body, headers=pairs, content_type=content_type)


BROKEN = {
    "reset": (Answer.reset(), 502, "closed the connection without an answer"),
    "closed": (Answer.closed(), 502, "closed the connection without an answer"),
    "garbage": (Answer.garbage(), 502, "not HTTP"),
    "half a head": (Answer.raw([RAW_HEAD]), 502, "`acme`"),
    "header without a name": (Answer.raw([RAW_HEAD, b": x\r\n\r\n{}"]), 502, "not HTTP"),
    "two lengths": (
        Answer.raw([RAW_HEAD, b"content-length: 2\r\ncontent-length: 9\r\n\r\n{}"]),
        502,
        "not HTTP",
    ),
    "length no number": (Answer.raw([RAW_HEAD, b"content-length: two\r\n\r\n{}"]), 502, "not HTTP"),
    "giant header": (Answer.raw([RAW_HEAD, b"x-big: " + b"x" * 200_000 + b"\r\n\r\n"]), 502, "not HTTP"),
    "bad chunk": (
        Answer.raw([RAW_HEAD, b"transfer-encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n"]),
        502,
        "`acme`",
    ),
    "short by length": (
        Answer.short(GOOD, claims=100),
        502,
        "broke the connection in the middle of its answer",
    ),
    "chunks without end": (
        Answer(
            steps=[GOOD, Cut.CLOSE], headers={"content-type": "application/json"}, framing=Framing.CHUNKED
        ),
        502,
        "broke the connection in the middle of its answer",
    ),
    "reset in the body": (
        Answer(
            steps=[GOOD, Cut.RESET], headers={"content-type": "application/json"}, framing=Framing.CHUNKED
        ),
        502,
        "broke the connection in the middle of its answer",
    ),
    "empty 200": (_whole(b""), 502, "answered 200 with an empty body"),
    "html 200": (
        _whole(b"<html>Log in</html>", "text/html; charset=x"),
        502,
        "19 bytes of text/html instead of JSON",
    ),
    "text 200": (_whole(b"OK", ""), 502, "instead of JSON"),
    "half json": (_whole(b'{"choices":['), 502, "instead of JSON"),
    "broken gzip": (_whole(gzip.compress(GOOD)[:-12], content_encoding="gzip"), 502, "instead of JSON"),
    "no gzip at all": (_whole(GOOD, content_encoding="gzip"), 502, "instead of JSON"),
    "redirect": (Answer.whole(b"", 302, {"location": "http://evil.test/"}), 502, "redirect (302)"),
    "permanent redirect": (Answer.json({}, 308, {"location": "/v2"}), 502, "redirect (308)"),
    "not modified": (Answer.whole(b"", 304), 502, "redirect (304)"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_broken_answer_is_a_502(gaud: Served, upstream: ScriptedUpstream, name: str, stream: bool) -> None:
    """What is no answer becomes a 502 in OpenAI's envelope that says what came instead."""
    answer, status, said = BROKEN[name]
    upstream.add(answer)
    answered = gaud.chat(stream=stream)
    assert (answered.status, answered.complete) == (status, True)
    assert said in answered.message
    assert answered.error["type"] == "upstream_error"
    assert answered.header("content-type") == "application/json"
    assert answered.header("location") is None
    assert upstream.url.removeprefix("http://") not in answered.message


def test_gateway_serves_on_after_all_of_that(gaud: Served, upstream: ScriptedUpstream) -> None:
    """Broken connections are not used again, and good ones are."""
    for answer, _, _ in BROKEN.values():
        upstream.add(answer, chat_completion())
    statuses = [gaud.chat().status for _ in range(2 * len(BROKEN))]
    assert statuses == [502, 200] * len(BROKEN)


def test_upstream_that_is_not_there(serve: Starter) -> None:
    """A refused connection is a 502 that says so, and the hint names the setting."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    answered = serve(acme=AcmeSettings(url=f"http://127.0.0.1:{port}")).chat()
    assert answered.status == 502
    assert "cannot be reached: connection refused" in answered.message
    assert "Check that Acme runs and that `providers.acme.url` is right." in answered.message
    assert answered.header("x-gaud-hint") == "Check that Acme runs and that `providers.acme.url` is right."
    assert str(port) not in answered.message


@pytest.mark.parametrize(
    "url", ["http://", "http://[::1", "http://acme.invalid", "http://127.0.0.1:99999", "nonsense"]
)
def test_upstream_whose_address_is_none(serve: Starter, url: str) -> None:
    """A URL that leads nowhere is a 502 for its caller and no crash."""
    gaud = serve(acme=AcmeSettings(url=url))
    answered = gaud.chat()
    assert answered.status == 502
    assert answered.error["type"] == "upstream_error"
    assert gaud.is_well()


def test_tls_against_a_plain_server(serve: Starter) -> None:
    """A server without TLS behind an https URL is named as such."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer_plainly, args=(server,))
        thread.start()
        answered = serve(acme=AcmeSettings(url=f"https://127.0.0.1:{server.getsockname()[1]}")).chat()
        thread.join()
    assert answered.status == 502
    assert "TLS" in answered.message


def _answer_plainly(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")


@pytest.mark.parametrize(
    "body", [b'{"error":{"message":"no","x":1.50}}', b'["odd"]', b' {"detail":"no"}\n', b'"no"']
)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 429, 451, 500, 502, 503, 529])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_refusals_pass_as_bytes(
    gaud: Served, upstream: ScriptedUpstream, status: int, body: bytes, stream: bool
) -> None:
    """An upstream's own JSON error crosses as it is, whatever its shape."""
    upstream.add(Answer.json(body, status))
    answered = gaud.chat(stream=stream)
    assert (answered.status, answered.body, answered.complete) == (status, body, True)


def test_rate_limit_passes(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A 429 keeps its body, its retry-after and what else it says about limits."""
    answer = Answer.error(
        429, "slow", headers={"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT", "x-ratelimit-limit": "5"}
    )
    upstream.add(answer)
    answered = gaud.chat()
    assert (answered.status, answered.body) == (
        429,
        b"".join(s for s in answer.steps if isinstance(s, bytes)),
    )
    assert answered.header("retry-after") == "Wed, 21 Oct 2026 07:28:00 GMT"
    assert answered.header("x-ratelimit-limit") == "5"


def test_html_error_is_put_into_the_envelope(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A proxy's error page keeps its status and its retry-after, and becomes JSON that an SDK can read."""
    upstream.add(
        Answer.whole(b"<h1>Bad Gateway</h1>", 503, {"retry-after": "3", "x-other": "1"}, "text/html")
    )
    answered = gaud.chat()
    assert answered.status == 503
    assert answered.message == "The upstream answered 503 with text/html instead of JSON."
    assert (answered.header("retry-after"), answered.header("x-other")) == ("3", None)
    assert answered.header("content-type") == "application/json"


def test_refusal_with_half_a_character_passes(gaud: Served, upstream: ScriptedUpstream) -> None:
    """An error text cut in mid emoji, as Python's json writes it, is JSON like any other."""
    body = b'{"error":{"message":"cut \\ud83d"}}'
    upstream.add(Answer.json(body, 400))
    assert gaud.chat().body == body


@pytest.mark.parametrize("size", [10, 2_000_000])
@pytest.mark.parametrize("status", [301, 500])
def test_size_does_not_change_the_verdict(
    gaud: Served, upstream: ScriptedUpstream, size: int, status: int
) -> None:
    """A long answer that is a failure is treated like a short one: no redirect crosses."""
    upstream.add(Answer.whole(b"x" * size, status, {"location": "http://evil.test/"}, "text/html"))
    answered = gaud.chat()
    assert answered.status == (502 if status == 301 else 500)
    assert answered.header("location") is None
    assert answered.header("content-type") == "application/json"


@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n" * 5,
    ],
)
def test_interim_answers_are_no_answers(gaud: Served, upstream: ScriptedUpstream, interim: bytes) -> None:
    """What comes before the real head stays inside."""
    upstream.add(Answer.raw([interim, RAW_HEAD, b"content-length: 14\r\n\r\n" + GOOD]))
    answered = gaud.chat()
    assert (answered.status, answered.body, answered.header("link")) == (200, GOOD, None)


def test_switching_protocols_is_no_answer(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A 101 that nobody asked for is a 502."""
    upstream.add(
        Answer.raw([b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nhello"])
    )
    assert gaud.chat().status == 502


def test_empty_stream_is_a_502(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A stream that ends before it begins keeps the status of an error."""
    upstream.add(Answer.stream([]))
    answered = gaud.chat(stream=True)
    assert answered.status == 502
    assert "empty stream" in answered.message


def test_stream_that_breaks_before_its_first_byte_is_a_502(gaud: Served, upstream: ScriptedUpstream) -> None:
    """As long as nothing has been sent, a break has a status of its own."""
    upstream.add(Answer.unterminated([]))
    assert gaud.chat(stream=True).status == 502


def test_connection_that_died_while_it_was_idle(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A kept connection that the upstream has closed meanwhile costs no call."""
    for _ in range(5):
        upstream.add(Answer.stream([GOOD], content_type="application/json", framing=Framing.CLOSE))
    assert [gaud.chat().status for _ in range(5)] == [200] * 5
