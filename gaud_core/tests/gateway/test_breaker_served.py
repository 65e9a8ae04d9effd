"""The circuit breaker through the whole gateway, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import aiohttp
import httpx
import pytest

from gaud_core import Call, Event, Provider, Reply, UpstreamFailed
from gaud_core.config import Breaker
from gaud_core.testing import (
    DONE,
    Answer,
    ScriptedUpstream,
    Signal,
    chat_chunk,
    chat_completion,
    chat_error_stream,
    sse,
)

from .guests.providers import JSON, Guest, Speaker
from .support import AcmeSettings, Clock, Served, Starter, eventually
from .wire import chat, post

HELLO = sse(chat_chunk({"content": "Hello"}))


@pytest.fixture
def gaud(serve: Starter, upstream: ScriptedUpstream, clock: Clock) -> Served:
    """A gateway with the guide's thresholds."""
    return serve(acme=AcmeSettings(url=upstream.url, idle_secs=0.1), breaker=Breaker(), clock=clock)


def _state(gaud: Served) -> str:
    state: str = gaud.get("/health").json["providers"][0]["breaker"]
    return state


def _fail(gaud: Served, upstream: ScriptedUpstream, times: int = 3) -> None:
    upstream.add(*[Answer.error(500)] * times)
    assert [gaud.chat().status for _ in range(times)] == [500] * times
    _state(gaud)  # an answer is there before its call is judged; whoever asks now comes after that


FAILURES = {
    "500": (Answer.error(500), False),
    "503": (Answer.error(503), False),
    "529": (Answer.error(529), False),
    "html 502": (Answer.html(), False),
    "html 200": (Answer.whole(b"<html>", 200, content_type="text/html"), False),
    "reset": (Answer.reset(), False),
    "garbage": (Answer.garbage(), False),
    "redirect": (Answer.whole(b"", 301), False),
    "empty stream": (Answer.stream([]), True),
    "broken stream": (Answer.unterminated([HELLO]), True),
    "unfinished stream": (Answer.stream([HELLO]), True),
    "error event": (chat_error_stream(), True),
    "stalled stream": (Answer.stream([HELLO, Signal()]), True),
    "broken long answer": (Answer.short(b"x" * 2_000_000, 3_000_000), False),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_counts(gaud: Served, upstream: ScriptedUpstream, name: str) -> None:
    """Three failures of each kind open it; the fourth call is a 503 that the upstream never sees."""
    answer, stream = FAILURES[name]
    upstream.add(answer, answer, answer)
    for _ in range(3):
        assert _state(gaud) == "closed"
        gaud.chat(stream=stream)
    eventually(lambda: _state(gaud) == "open")
    answered = gaud.chat()
    assert (answered.status, answered.header("retry-after")) == (503, "30")
    assert answered.error["code"] == "circuit_breaker_open"
    assert len(upstream.calls) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 422, 429])
def test_refusals_never_count(gaud: Served, upstream: ScriptedUpstream, status: int) -> None:
    """A 4xx is an answer like any other, also as HTML, also in a stream."""
    error_event = sse({"error": {"message": "no", "code": status}})
    for answer in (
        Answer.error(status),
        Answer.html(status=status),
        Answer.stream([HELLO, error_event, DONE]),
    ):
        upstream.add(*[answer] * 4)
        for _ in range(4):
            gaud.chat(stream=True)
    assert _state(gaud) == "closed"


def test_bad_requests_never_count(gaud: Served, upstream: ScriptedUpstream) -> None:
    """Mistakes of clients say nothing about the upstream."""
    for _ in range(5):
        gaud.post(b"not json")
        gaud.chat(model="nothing")
    assert _state(gaud) == "closed"


def test_whole_cycle(gaud: Served, upstream: ScriptedUpstream, clock: Clock) -> None:
    """Closed, open for 30 s, two successes, closed again."""
    _fail(gaud, upstream)
    clock.now += 12.5
    assert gaud.chat().header("retry-after") == "18"
    clock.now += 17.5
    assert _state(gaud) == "half-open"
    upstream.default = chat_completion()
    assert gaud.chat().status == 200
    assert _state(gaud) == "half-open"
    assert gaud.chat().status == 200
    assert _state(gaud) == "closed"


def test_failed_test_call_reopens(gaud: Served, upstream: ScriptedUpstream, clock: Clock) -> None:
    """A success and a failure in half-open: open again."""
    _fail(gaud, upstream)
    clock.now += 30
    upstream.add(chat_completion(), Answer.error(500))
    gaud.chat()
    gaud.chat()
    assert _state(gaud) == "open"


def test_one_test_call_at_a_time(gaud: Served, upstream: ScriptedUpstream, clock: Clock) -> None:
    """While the test call runs, others get a 503 that says when to come back."""
    _fail(gaud, upstream)
    clock.now += 30
    gate = Signal()
    upstream.add(Answer.stalled(gate, chat_completion()))
    with gaud.wire() as wire:
        wire.send(post(chat()))
        upstream.wait_call(4)
        refused = gaud.chat()
        assert (refused.status, refused.header("retry-after")) == (503, "1")
        gate.set()
        assert wire.answer().status == 200


@pytest.mark.parametrize(
    "answer", [Answer.stalled(), Answer.stream([HELLO] * 3 + [Signal()])], ids=["wait", "stream"]
)
def test_client_that_leaves_counts_nothing(
    serve: Starter, upstream: ScriptedUpstream, answer: Answer
) -> None:
    """Neither as a failure when closed, nor as a success or a wedge when half-open."""
    clock = Clock()
    gaud = serve(acme=AcmeSettings(url=upstream.url), breaker=Breaker(), clock=clock)
    _leave(gaud, upstream, answer, 4)
    assert _state(gaud) == "closed"
    _fail(gaud, upstream)
    clock.now += 30
    _leave(gaud, upstream, answer, 3)
    assert _state(gaud) == "half-open"
    upstream.add(chat_completion(), chat_completion())
    assert [gaud.chat().status, gaud.chat().status] == [200, 200]
    assert _state(gaud) == "closed"


def _leave(gaud: Served, upstream: ScriptedUpstream, answer: Answer, times: int) -> None:
    for _ in range(times):
        upstream.add(answer)
        before = len(upstream.calls)
        wire = gaud.wire()
        wire.send(post(chat(stream=True)))
        seen = upstream.wait_call(before + 1)
        if not answer.before:
            next(wire.pieces(wire.head()))
        wire.reset()
        assert seen.disconnected.wait_blocking(2)


def test_thresholds_are_settings(serve: Starter, upstream: ScriptedUpstream, clock: Clock) -> None:
    """All three numbers of the guide can be set."""
    limits = Breaker(failure_threshold=1, open_secs=5, success_threshold=1)
    gaud = serve(acme=AcmeSettings(url=upstream.url), breaker=limits, clock=clock)
    _fail(gaud, upstream, 1)
    assert gaud.chat().header("retry-after") == "5"
    clock.now += 5
    upstream.add(chat_completion())
    gaud.chat()
    assert _state(gaud) == "closed"


def test_refusal_says_why(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A client who is refused learns what the last error was."""
    upstream.add(*[Answer.error(500, "the database is on fire")] * 3)
    for _ in range(3):
        gaud.chat()
    assert "the database is on fire" in gaud.chat().message


BEYOND_PYTHON = [b'{"model":"reader:m","n":%b}' % (b"1" * 5000)]
BEYOND_PYTHON += [
    b'{"model":"reader:m","n":%b}' % (b"[" * depth + b"]" * depth) for depth in range(900, 1001, 4)
]


def test_client_cannot_open_it(serve: Starter) -> None:
    """A body that Python's parser refuses is its sender's mistake: a 400, and no failure."""

    async def talk(self: object, call: Call) -> AsyncGenerator[Event, None]:
        yield str(len(call.body.json()))

    gaud = serve(type("Reader", (Speaker,), {"name": "reader", "chat": talk}), breaker=Breaker())
    statuses = {gaud.post(body).status for body in BEYOND_PYTHON * 3}
    assert _state(gaud) == "closed"
    assert statuses <= {200, 400}


def test_long_5xx_counts_too(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A failure is a failure however many words it makes."""
    upstream.add(*[Answer.whole(b" " * 2_000_000, 500)] * 3)
    for _ in range(3):
        gaud.chat()
    assert _state(gaud) == "open"


def _crashing(error: BaseException) -> type[Provider[Any]]:
    """Make a provider that takes every input but one."""

    async def send(self: object, call: Call) -> Reply:
        if call.model == "crash":
            raise error
        if call.model == "down":
            raise UpstreamFailed("down")
        return Reply(200, JSON, b'{"choices":[]}')

    return type("Crashing", (Guest,), {"send": send})


def test_one_input_does_not_close_a_provider_for_all(serve: Starter) -> None:
    """A crash of the plugin says nothing about the upstream: calls that do not crash it go on."""
    gaud = serve(_crashing(KeyError("choices")), breaker=Breaker())
    assert [gaud.chat("guest:crash").status for _ in range(10)] == [502] * 10
    assert _state(gaud) == "closed"
    assert gaud.chat("guest:fine").status == 200
    page = gaud.get("/health").json["providers"][0]
    assert page["last_error"].startswith("The provider `guest` failed with KeyError")
    assert (page["warnings"][0]["kind"], page["warnings"][0]["count"]) == ("crash", 10)


def test_crash_is_no_success_either(serve: Starter, clock: Clock) -> None:
    """It neither interrupts a row of failures nor closes a breaker that is half open, nor wedges it."""
    gaud = serve(_crashing(KeyError("choices")), breaker=Breaker(), clock=clock)
    for model in ("down", "crash", "down", "crash", "down"):
        gaud.chat(f"guest:{model}")
    assert _state(gaud) == "open"
    clock.now += 30
    for _ in range(3):
        assert gaud.chat("guest:crash").error["code"] == "provider_crashed"
    assert _state(gaud) == "half-open"
    assert [gaud.chat("guest:fine").status for _ in range(2)] == [200, 200]
    assert _state(gaud) == "closed"


@pytest.mark.parametrize(
    "error",
    [ConnectionResetError(), TimeoutError(), httpx.ConnectTimeout("late"), aiohttp.ServerDisconnectedError()],
)
def test_network_errors_that_a_plugin_lets_through_count(serve: Starter, error: Exception) -> None:
    """The plugin should have caught them, but it is the upstream that is down."""
    gaud = serve(_crashing(error), breaker=Breaker())
    for _ in range(3):
        gaud.chat("guest:crash")
    assert _state(gaud) == "open"
