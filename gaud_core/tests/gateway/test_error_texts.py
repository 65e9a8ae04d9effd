"""Whatever text an error carries, from an upstream or a plugin, it breaks neither an answer nor a page."""

from __future__ import annotations

import pytest

from gaud_core import Call, ProviderError, Reply
from gaud_core.config import Breaker
from gaud_core.testing import DONE, Answer, ScriptedUpstream

from .guests.providers import JSON, Guest, raising, with_method
from .support import AcmeSettings, Served, Starter

HALF = b'{"error":{"message":"cut \\ud83d"}}'
TEXTS = {
    "nul": "a\x00b",
    "escape": "a\x1b[2Jb",
    "delete": "a\x7fb",
    "line break": "a\r\nx-evil: 1",
    "emoji": "grüße 😀",
    "half a character": "cut \ud83d",
    "undecodable byte": "\udcff",
    "long": "x" * 200_000,
    "empty": "",
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_upstream_cannot_make_health_fail(serve: Starter, upstream: ScriptedUpstream, stream: bool) -> None:
    """An error text cut in mid emoji is shown on /health and by the breaker like any other."""
    gaud = serve(acme=AcmeSettings(url=upstream.url), breaker=Breaker())
    event = b"data: " + HALF + b"\n\n"
    upstream.default = Answer.stream([event, DONE]) if stream else Answer.json(HALF, 500)
    for _ in range(3):
        gaud.chat(stream=stream)
    assert gaud.get("/health").status == 200
    answered = gaud.chat()
    assert (answered.status, answered.error["code"]) == (503, "circuit_breaker_open")


@pytest.mark.parametrize("name", TEXTS)
def test_hint_of_any_text(serve: Starter, name: str) -> None:
    """A cure may hold anything; as a header it holds what a header can."""
    answered = serve(with_method("explain", TEXTS[name])).chat("guest:m")
    assert (answered.status, answered.complete, answered.header("x-evil")) == (502, True, None)
    assert answered.message


@pytest.mark.parametrize("name", TEXTS)
def test_hint_of_an_error_of_any_text(serve: Starter, name: str) -> None:
    """Also a cure that comes with the error."""
    answered = serve(raising(ProviderError("no", hint=TEXTS[name]))).chat("guest:m")
    assert (answered.status, answered.complete, answered.header("x-evil")) == (502, True, None)


@pytest.mark.parametrize("name", TEXTS)
def test_hint_beside_an_answer(serve: Starter, name: str) -> None:
    """Also beside an error answer that passes as bytes."""

    async def send(self: object, call: Call) -> Reply:
        return Reply(500, JSON, b'{"error":"x"}')

    cls = type("Answering", (Guest,), {"send": send, "explain": lambda self, failure: TEXTS[name]})
    answered = serve(cls).chat("guest:m")
    assert (answered.status, answered.body, answered.header("x-evil")) == (500, b'{"error":"x"}', None)


@pytest.mark.parametrize("name", TEXTS)
def test_message_of_any_text(serve: Starter, name: str) -> None:
    """An error's message may hold anything."""
    gaud = serve(raising(ProviderError(TEXTS[name], code=TEXTS[name], param=TEXTS[name])))
    answered = gaud.chat("guest:m")
    assert (answered.status, answered.complete) == (502, True)
    assert answered.error["type"] == "upstream_error" if TEXTS[name] else True
    assert gaud.is_well()


@pytest.mark.parametrize("seconds", ["-1", "soon", "1.5", "", "\xb2", "9" * 100])
@pytest.mark.parametrize("size", [10, 2_000_000])
def test_retry_after_of_any_text(gaud: Served, upstream: ScriptedUpstream, seconds: str, size: int) -> None:
    """A strange retry-after is no reason to fail, however long the answer is."""
    upstream.add(Answer.whole(b"x" * size, 429, {"retry-after": seconds}))
    assert gaud.chat().status == 429


def test_retry_after_of_too_many_digits(gaud: Served, upstream: ScriptedUpstream) -> None:
    """Nor is one that no number can hold."""
    upstream.add(Answer.whole(b"x" * 2_000_000, 429, {"retry-after": "9" * 5000}))
    assert gaud.chat().status == 429


HEADERS = {
    "control character": b"x-a: a\x01b",
    "delete": b"x-a: a\x7fb",
    "no utf-8": b"x-a: \xff",
    "nothing": b"x-a:",
    "folded": b"x-a: b\r\n folded",
    "underscore": b"X_a: b",
    "space in the name": b"x a: b",
    "two types": b"Content-Type: text/html\r\ncontent-type: application/json",
    "unknown coding": b"content-encoding: x-own",
}


@pytest.mark.parametrize("name", HEADERS)
def test_odd_headers_of_an_upstream(gaud: Served, upstream: ScriptedUpstream, name: str) -> None:
    """An odd header of an answer either crosses or makes it a 502; the answer is whole either way."""
    head = b"HTTP/1.1 200 OK\r\n" + HEADERS[name] + b"\r\ncontent-length: 14\r\n\r\n"
    upstream.add(Answer.raw([head + b'{"choices":[]}']))
    answered = gaud.chat()
    assert answered.status in {200, 502}
    assert answered.complete
    assert answered.header("x-request-id")


@pytest.mark.parametrize(
    "start",
    [
        "HTTP/1.1 200",
        "HTTP/1.1 999 X",
        "HTTP/1.1 600 X",
        "HTTP/1.0 200 OK",
        "HTTP/1.1 099 X",
        "HTTP/1.1 1000 X",
        "HTTP/1.1 204 X",
        "HTTP/1.1 205 X",
        "HTTP/1.1 206 X",
        "ICY 200 OK",
        "HTTP/2 200 OK",
        "HTTP/1.1 -20 X",
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_odd_status_lines_of_an_upstream(
    gaud: Served, upstream: ScriptedUpstream, start: str, stream: bool
) -> None:
    """A status that does not exist is no crash."""
    head = f"{start}\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n".encode()
    upstream.add(Answer.raw([head + b'{"choices":[]}']))
    answered = gaud.chat(stream=stream)
    assert answered.complete
    assert answered.status in {200, 204, 205, 206, 502}
    assert answered.header("x-request-id")
