"""Plugins are guests: whatever one does, its callers get an error that names it; its neighbours, nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gaud_core import (
    ApiError,
    Call,
    Health,
    Model,
    Price,
    Provider,
    ProviderError,
    Reply,
    Unavailable,
    UpstreamRefused,
)
from gaud_core.config import Breaker
from gaud_core.testing import DONE, chat_chunk, sse

from ..support import Starter, eventually
from ..wire import chat, post
from .providers import EVENTS, JSON, Fine, Guest, Mishap, giving, raising, streaming, with_method

HELLO = sse(chat_chunk({"content": "Hello"}))


@pytest.mark.parametrize("stream", [False, True])
def test_exception_in_send(serve: Starter, caplog: pytest.LogCaptureFixture, stream: bool) -> None:
    """The client learns who failed and with what class, never the details, which are in the log."""
    answered = serve(raising(Mishap("secret details"))).chat("guest:m", stream=stream)
    assert (answered.status, answered.error["code"]) == (502, "provider_crashed")
    assert answered.message.startswith("The provider `guest` failed with Mishap; Gaud's log has the details.")
    assert "secret" not in answered.body.decode()
    assert "secret details" in caplog.text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ProviderError("no"), 502),
        (UpstreamRefused("no", status=429, retry_after=3), 429),
        (UpstreamRefused("no", status=404), 404),
        (Unavailable("no", retry_after=7), 503),
        (ApiError("no", status=418), 418),
    ],
)
def test_errors_on_purpose_keep_their_status(serve: Starter, error: ApiError, status: int) -> None:
    """An ApiError is told as it is."""
    answered = serve(raising(error)).chat("guest:m")
    assert (answered.status, answered.message) == (status, "no")
    expected = None if error.retry_after is None else str(error.retry_after)
    assert answered.header("retry-after") == expected


NO_REPLIES: dict[str, Any] = {
    "nothing": None,
    "text": "hello",
    "dict": {"choices": []},
    "content text": Reply(200, JSON, "text"),  # type: ignore[arg-type]
    "content nothing": Reply(200, JSON, None),  # type: ignore[arg-type]
    "content dict": Reply(200, JSON, {"choices": []}),  # type: ignore[arg-type]
    "headers nothing": Reply(200, None, b"{}"),  # type: ignore[arg-type]
    "header no text": Reply(200, (("x-n", 7),), b"{}"),  # type: ignore[arg-type]
    "header with a line break": Reply(200, (("x-n", "a\r\nx-evil: 1"),), b"{}"),
    "header name with a space": Reply(200, (("x n", "a"),), b"{}"),
    "header name empty": Reply(200, (("", "a"),), b"{}"),
    "header with a control character": Reply(200, (("x-n", "a\x01b"),), b"{}"),
    "status text": Reply("200", JSON, b"{}"),  # type: ignore[arg-type]
    "status zero": Reply(0, JSON, b"{}"),
    "status huge": Reply(1000, JSON, b"{}"),
    "half a milliunit": Reply(200, JSON, b"{}", milliunits=0.5),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", NO_REPLIES)
def test_what_is_no_reply(serve: Starter, name: str) -> None:
    """A wrong return value is the plugin's crash, named as such, and not Gaud's own."""
    gaud = serve(giving(NO_REPLIES[name]) if NO_REPLIES[name] is not None else Guest, Fine)
    answered = gaud.chat("guest:m")
    assert (answered.status, answered.header("x-evil")) == (502, None)
    assert "`guest`" in answered.message
    assert gaud.chat("fine:m").status == 200


@pytest.mark.parametrize("piece", ["text", None, 7])
def test_stream_of_something_else(serve: Starter, piece: object) -> None:
    """A piece that is no bytes ends the stream with an error event that names the plugin."""
    answered = serve(streaming(HELLO, piece)).chat("guest:m", stream=True)
    assert answered.complete
    assert b"`guest`" in answered.body


def test_exception_in_the_stream(serve: Starter) -> None:
    """The stream ends with an error event, without details and without `[DONE]`."""
    answered = serve(streaming(HELLO, Mishap("secret details"))).chat("guest:m", stream=True)
    assert (answered.status, answered.complete) == (200, True)
    assert answered.body.startswith(HELLO + b'data: {"error"')
    assert b"`guest` failed with Mishap" in answered.body
    assert b"secret" not in answered.body


def test_exception_before_the_first_piece(serve: Starter) -> None:
    """It keeps a status."""
    assert serve(streaming(Mishap())).chat("guest:m", stream=True).status == 502


def test_half_an_event_and_an_exception(serve: Starter) -> None:
    """What a plugin yields is cut into events like any upstream's bytes."""
    answered = serve(streaming(HELLO + b"data: {", Mishap())).chat("guest:m", stream=True)
    assert answered.body.startswith(HELLO + b'data: {"error"')


@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError()], ids=repr)
def test_base_exception_in_send(serve: Starter, error: BaseException) -> None:
    """`sys.exit()` or a cancelled inner task of a plugin is its crash like any other."""
    gaud = serve(raising(error), Fine)
    answered = gaud.chat("guest:m")
    assert answered.error["code"] == "provider_crashed"
    assert gaud.chat("fine:m").status == 200


ODD_METHODS = {
    "exception in start": ("start", Mishap("start")),
    "exception in models": ("models", Mishap("models")),
    "models nothing": ("models", None),
    "models of text": ("models", ["m"]),
    "exception in health": ("health", Mishap("health")),
    "exception in explain": ("explain", Mishap("explain")),
    "exception in known_models": ("known_models", Mishap("known")),
    "known_models nothing": ("known_models", None),
    "exception in models_interval": ("models_interval", Mishap("interval")),
    "exception in stop": ("stop", Mishap("stop")),
}
ODD_RESULTS = {
    "health true": ("health", True),
    "health text": ("health", "fine"),
    "explain a number": ("explain", 7),
    "model id a number": ("models", [Model(7)]),  # type: ignore[arg-type]
    "model extra no json": ("models", [Model("m", extra={"x": object()})]),
    "model extra not a number": ("models", [Model("m", extra={"x": float("nan")})]),
    "model created text": ("models", [Model("m", created=object())]),  # type: ignore[arg-type]
}


DEEP_RESULTS = {
    "model id half a character": ("models", [Model("\ud800")]),
    "model extra half a character": ("models", [Model("m", extra={"x": "\ud800"})]),
    "model owner no text": ("models", [Model("m", owned_by=object())]),  # type: ignore[arg-type]
    "model limit no number": ("models", [Model("m", max_input_tokens=object())]),  # type: ignore[arg-type]
    "model price no price": ("models", [Model("m", price=7)]),  # type: ignore[arg-type]
    "model price no number": ("models", [Model("m", price=Price("7"))]),  # type: ignore[arg-type]
    "model price not a number": ("models", [Model("m", price=Price(float("nan")))]),  # type: ignore[arg-type]
    "health half a character": ("health", Health(healthy=False, detail="\ud800")),
    "health neither": ("health", Health(healthy=object())),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", ODD_METHODS)
def test_odd_methods_hurt_nobody_else(serve: Starter, name: str) -> None:
    """Whichever method fails: health, models and the neighbour's calls go on."""
    _neighbours_are_well(serve, with_method(*ODD_METHODS[name]))


@pytest.mark.parametrize("name", ODD_RESULTS)
def test_odd_results_hurt_nobody_else(serve: Starter, name: str) -> None:
    """The same for results of the wrong type."""
    _neighbours_are_well(serve, with_method(*ODD_RESULTS[name]))


@pytest.mark.parametrize("name", DEEP_RESULTS)
def test_deep_results_hurt_nobody_else(serve: Starter, name: str) -> None:
    """The same for results that are wrong further inside: what cannot become JSON breaks the list for all."""
    _neighbours_are_well(serve, with_method(*DEEP_RESULTS[name]))


def _neighbours_are_well(serve: Starter, odd: type[Provider[Any]]) -> None:
    gaud = serve(odd, Fine)
    assert gaud.get("/health").status == 200
    assert "fine:plain" in [model["id"] for model in gaud.get("/v1/models").json["data"]]
    assert gaud.chat("fine:plain").status == 200
    assert gaud.chat("fine:other").status == 200
    assert gaud.chat("plain").status == 200
    assert gaud.chat("nothing-like-it").status == 404
    assert gaud.chat("guest:m").status in {502, 503}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway opens at once, whoever is still starting."""
    monkeypatch.setattr("gaud_core.gateway.gateway._START_GRACE_SECS", 0.01)


@pytest.mark.usefixtures("impatient")
def test_slow_start_keeps_nobody_waiting(serve: Starter) -> None:
    """A provider that hangs in start says so to its callers, and the others serve meanwhile."""

    async def start(self: object) -> None:
        await asyncio.Event().wait()

    gaud = serve(type("Slow", (Guest,), {"start": start}), Fine)
    assert gaud.chat("fine:m").status == 200
    answered = gaud.chat("guest:m")
    assert (answered.status, answered.header("retry-after")) == (503, "5")
    assert "is still starting" in answered.message


@pytest.mark.usefixtures("impatient")
def test_calls_during_the_start_do_not_open_the_breaker(serve: Starter) -> None:
    """Nothing was asked of the upstream, so nothing is known of it when the provider is ready."""
    ready = asyncio.Event()

    async def start(self: object) -> None:
        await ready.wait()

    async def send(call: Call) -> Reply:
        return Reply(200, JSON, b"{}")

    slow = type("Slow", (Guest,), {"start": start, "does": staticmethod(send)})
    gaud = serve(slow, breaker=Breaker())
    for _ in range(3):
        gaud.chat("guest:m")
    ready._loop.call_soon_threadsafe(ready.set)  # type: ignore[attr-defined]
    assert gaud.get("/health").json["providers"][0]["breaker"] == "closed"


def _fields(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [record.__dict__["fields"] for record in caplog.records if record.name == "gaud.calls"]


def test_aclose_runs_to_its_end(serve: Starter, caplog: pytest.LogCaptureFixture) -> None:
    """A plugin may await while it closes; the call was whole, and its log line says so."""
    closed = []

    async def pieces() -> AsyncIterator[bytes]:
        yield HELLO + DONE

    async def aclose() -> None:
        await asyncio.sleep(0.02)
        closed.append(True)

    async def send(call: Call) -> Reply:
        return Reply(200, EVENTS, pieces(), aclose)

    caplog.set_level(logging.INFO, "gaud.calls")
    with serve(type("Closing", (Guest,), {"does": staticmethod(send)})).wire() as wire:
        wire.send(post(chat("guest:m", stream=True)))
        assert wire.answer().body == HELLO + DONE
        eventually(lambda: closed and _fields(caplog))
    assert closed == [True]
    fields = _fields(caplog)
    assert fields[0]["status"] == 200
