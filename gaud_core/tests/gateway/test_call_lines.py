"""One line in the log for each call, which says how it went and holds nothing that it should not."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from gaud_core.testing import Answer, ScriptedUpstream, Signal, chat_chunk, chat_completion, chat_stream, sse

from .support import UPSTREAM_KEY, AcmeSettings, Served, Starter, eventually
from .wire import chat, post

Lines = Callable[[int], list[dict[str, Any]]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture, gaud: Served) -> Lines:
    """The fields of so many lines about calls, as soon as they are there."""
    caplog.set_level(logging.INFO, "gaud.calls")
    begun = time.time()

    def is_new(record: logging.LogRecord) -> bool:
        """Whether its call began in this test; one of an earlier test may end only now."""
        ended: float = record.created
        seconds: float = record.__dict__["fields"]["ms"] / 1000
        return ended - seconds >= begun - 0.002

    def found() -> list[dict[str, Any]]:
        calls = (record for record in caplog.records if record.name == "gaud.calls")
        return [record.__dict__["fields"] for record in calls if is_new(record)]

    def lines(count: int) -> list[dict[str, Any]]:
        eventually(lambda: len(found()) >= count)
        assert len(found()) == count
        return found()

    return lines


@pytest.mark.parametrize("stream", [False, True])
def test_good_call(gaud: Served, upstream: ScriptedUpstream, lines: Lines, stream: bool) -> None:
    """Who, what, how long, how many tokens."""
    upstream.add(chat_stream() if stream else chat_completion())
    answered = gaud.chat(stream=stream)
    (line,) = lines(1)
    expected: dict[str, Any] = {
        "id": answered.header("x-request-id"),
        "provider": "acme",
        "model": "acme:m",
        "stream": stream,
    }
    expected |= {"status": 200, "in": 5, "out": 7, "path": "/v1/chat/completions"}
    assert {name: line[name] for name in expected} == expected
    assert line["ms"] >= line["first_byte_ms"] > 0
    assert "error" not in line


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (Answer.error(429, "slow down"), 429, "slow down"),
        (Answer.error(500, "on fire"), 500, "on fire"),
        (Answer.html(), 502, "The upstream answered 502 with text/html instead of JSON."),
        (Answer.reset(), 502, "`acme` closed the connection without an answer."),
        (Answer.stream([sse(chat_chunk({"content": "x"}))]), 200, "ended the stream before it was complete"),
        (Answer.short(b"x" * 2_000_000, 3_000_000), 200, "broke the connection in the middle of its answer"),
    ],
)
def test_failed_call(
    gaud: Served, upstream: ScriptedUpstream, lines: Lines, answer: Answer, status: int, error: str
) -> None:
    """The status that the client got, and what went wrong, also behind a 200."""
    upstream.add(answer)
    gaud.chat(stream=True)
    (line,) = lines(1)
    assert line["status"] == status
    assert error in line["error"]


def test_client_who_left(gaud: Served, upstream: ScriptedUpstream, lines: Lines) -> None:
    """Logged as 499, which no server sends."""
    upstream.add(Answer.stream([sse(chat_chunk({"content": "x"})), Signal()]))
    with gaud.wire() as wire:
        wire.send(post(chat(stream=True)))
        next(wire.pieces(wire.head()))
    (line,) = lines(1)
    assert line["status"] == 499
    assert "error" not in line


def test_refused_calls_have_lines_too(gaud: Served, lines: Lines) -> None:
    """Bad bodies, unknown models and unknown paths."""
    gaud.post(b"nonsense")
    gaud.chat(model="nobody:x")
    gaud.get("/nothing")
    assert [line["status"] for line in lines(3)] == [400, 404, 404]
    assert all(line["error"] for line in lines(3))


def test_nothing_secret_in_the_lines(
    serve: Starter, upstream: ScriptedUpstream, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the client's key nor the upstream's nor what was said."""
    upstream.add(Answer.reset(), Answer.error(401, "bad key"))
    gaud = serve(acme=AcmeSettings(url=upstream.url), key="sk-prx-test-secret")
    for _ in range(2):
        gaud.chat(headers=[("authorization", "Bearer sk-prx-test-secret")], secret="my diary")
    gaud.chat(headers=[("authorization", "Bearer sk-prx-test-wrong")])
    lines(3)
    for word in ("sk-prx-test-secret", "sk-prx-test-wrong", UPSTREAM_KEY, "my diary"):
        assert word not in caplog.text
        assert word not in str(lines(3))


def test_lines_are_of_bounded_length(gaud: Served, upstream: ScriptedUpstream, lines: Lines) -> None:
    """A name of a megabyte does not make a line of a megabyte."""
    upstream.add(chat_completion())
    gaud.chat(model="acme:" + "x" * 1_000_000)
    (line,) = lines(1)
    assert len(str(line)) < 5000
