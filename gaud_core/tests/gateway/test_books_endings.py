"""Calls that end badly are booked once, by what is known of them; what is not known counts as the worst."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gaud_core import Call, ProviderError, Reply, UpstreamRefused
from gaud_core.config import Breaker, Ledger
from gaud_core.errors import BadRequest
from gaud_core.gateway.booking import Booking
from gaud_core.gateway.exchange import Exchange
from gaud_core.gateway.instances.instance import Instance
from gaud_core.gateway.outcome import Outcome
from gaud_core.gateway.presence import Presence
from gaud_core.ledger import Settled, Settlement, Ticket, Worst
from gaud_core.testing import (
    DONE,
    USAGE,
    Answer,
    ScriptedUpstream,
    Signal,
    Step,
    chat_chunk,
    chat_completion,
    sse,
)

from .books import ADMIN, COST, Priced, bearer, only, priced, rows, settled, store_of, worst
from .guests.providers import Mishap
from .support import AcmeSettings, Clock, Served, Starter, eventually
from .wire import Wire, chat, post

HELLO = sse(chat_chunk({"content": "Hello"}))
FINISH = sse(chat_chunk({}, "stop"))
TOLD = sse(chat_chunk(None, usage=USAGE))
POLICIES = [Ledger(on_disconnect="cancel"), Ledger(on_disconnect="drain")]


def _ended(row: Any) -> tuple[Any, ...]:
    return row.status, row.error, row.output_tokens, row.cost_nanos, row.cost_source


@pytest.fixture
def presences(monkeypatch: pytest.MonkeyPatch) -> list[Presence]:
    """The presences of all calls, as they begin."""
    found: list[Presence] = []

    class Noted(Presence):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            found.append(self)

    monkeypatch.setattr("gaud_core.gateway.dispatch.Presence", Noted)
    return found


def _left_early(wire: Wire, upstream: ScriptedUpstream, gate: Signal) -> None:
    """Leave before there is an answer."""
    upstream.wait_call()
    wire.leave()


def _left_late(wire: Wire, upstream: ScriptedUpstream, gate: Signal) -> None:
    """Leave in the middle of the answer."""
    assert next(wire.pieces(wire.head())) == HELLO
    wire.reset()


def _leave(
    gaud: Served, upstream: ScriptedUpstream, answer: Answer, how: Callable[..., None], gate: Signal
) -> None:
    upstream.add(answer)
    with gaud.wire() as wire:
        wire.send(post(chat(stream=how is _left_late), bearer(ADMIN)))
        how(wire, upstream, gate)


@pytest.mark.parametrize("how", [_left_early, _left_late])
def test_a_client_who_leaves_ends_the_call(
    serve: Starter, upstream: ScriptedUpstream, how: Callable[..., None]
) -> None:
    """The upstream is left at once; nobody knows what it charges, so the worst case counts."""
    gaud, gate = priced(serve, upstream.url), Signal()
    steps: list[Step] = [HELLO, gate, FINISH, TOLD, DONE]
    answer = Answer.stream(steps) if how is _left_late else Answer.stalled(gate, chat_completion())
    _leave(gaud, upstream, answer, how, gate)
    assert upstream.wait_call().disconnected.wait_blocking()
    row = only(gaud)
    assert _ended(row) == (499, "client_left", None, worst(upstream)[1], "estimated")
    assert row.on_disconnect == "cancel"


def test_a_client_who_leaves_after_a_count_in_between(serve: Starter, upstream: ScriptedUpstream) -> None:
    """Some upstreams count in each chunk: what was counted until he left is not what the call has used."""
    gaud, gate = priced(serve, upstream.url), Signal()
    counted = sse(chat_chunk({"content": "Hello"}, usage={"prompt_tokens": 5, "completion_tokens": 1}))
    upstream.add(Answer.stream([counted, gate, FINISH, TOLD, DONE]))
    with gaud.wire() as wire:
        wire.send(post(chat(stream=True), bearer(ADMIN)))
        next(wire.pieces(wire.head()))
        wire.reset()
    assert _ended(only(gaud)) == (499, "client_left", None, worst(upstream)[1], "estimated")


@pytest.mark.parametrize("how", [_left_early, _left_late])
def test_a_call_may_be_drained(serve: Starter, upstream: ScriptedUpstream, how: Callable[..., None]) -> None:
    """With `drain` the answer is read to its end, and the books have what it really cost."""
    gaud, gate = priced(serve, upstream.url, ledger=Ledger(on_disconnect="drain")), Signal()
    steps: list[Step] = [HELLO, gate, FINISH, TOLD, DONE]
    answer = Answer.stream(steps) if how is _left_late else Answer.stalled(gate, chat_completion())
    _leave(gaud, upstream, answer, how, gate)
    assert [row.state for row in rows(gaud)] == ["open"]
    gate.set()
    assert upstream.wait_call().answered.wait_blocking()
    row = only(gaud)
    assert (row.output_tokens, row.cost_nanos, row.cost_source) == (7, COST, "priced")
    assert row.on_disconnect == "drain"


def test_a_drained_call_shows_that_the_client_left(
    serve: Starter, upstream: ScriptedUpstream, presences: list[Presence]
) -> None:
    """Its status is 499, also when all of it was paid."""
    gaud, gate = priced(serve, upstream.url, ledger=POLICIES[1]), Signal()
    _leave(gaud, upstream, Answer.stream([HELLO, gate, FINISH, TOLD, DONE]), _left_late, gate)
    eventually(lambda: presences[0].left)
    gate.set()
    assert _ended(only(gaud)) == (499, "client_left", 7, COST, "priced")


@pytest.mark.parametrize("policy", POLICIES, ids=["cancel", "drain"])
def test_a_client_who_leaves_with_the_answer_changes_nothing(
    serve: Starter, upstream: ScriptedUpstream, policy: Ledger
) -> None:
    """An answer that was delivered is booked as it is, whatever the client does then."""
    gaud = priced(serve, upstream.url, ledger=policy)
    upstream.default = Answer.stream([HELLO, FINISH, TOLD, DONE])
    for _ in range(20):
        with gaud.wire() as wire:
            wire.send(post(chat(stream=True), bearer(ADMIN)))
            wire.answer()
            wire.reset()
    assert {_ended(row) for row in settled(gaud, 20)} == {(200, None, 7, COST, "priced")}


def test_many_who_leave_at_any_moment(serve: Starter, upstream: ScriptedUpstream) -> None:
    """Each call that the upstream saw has one row, and no row stays open."""
    gaud = priced(serve, upstream.url)
    upstream.default = Answer.stream([HELLO, HELLO, FINISH, TOLD, DONE])
    for number in range(60):
        with gaud.wire() as wire:
            wire.send(post(chat(stream=True), bearer(ADMIN)))
            if number % 3:
                wire.socket.recv(1 + number * 20)
            wire.reset() if number % 2 else wire.leave()
    eventually(lambda: rows(gaud) and all(row.state == "settled" for row in rows(gaud)))
    found = {row.id for row in settled(gaud, len(rows(gaud)))}
    assert {seen.header("x-call-id") for seen in upstream.calls} <= found


def test_a_client_who_leaves_while_he_is_admitted(
    serve: Starter, upstream: ScriptedUpstream, presences: list[Presence]
) -> None:
    """The call never goes out, and what was booked for it meanwhile is given back."""
    gaud = priced(serve, upstream.url)
    upstream.default = chat_completion()
    gaud.chat(headers=bearer(ADMIN))  # his key is known now, so nothing else waits for the store
    with store_of(gaud).writing(), gaud.wire() as wire:
        wire.send(post(chat(), bearer(ADMIN)))
        eventually(lambda: len(presences) == 2)
        wire.reset()
        eventually(lambda: presences[1].left)
    _, voided = settled(gaud, 2)
    assert (voided.status, voided.cost_nanos, voided.input_tokens) == (499, 0, 0)
    assert len(upstream.calls) == 1


def test_an_upstream_that_refuses_the_connection(serve: Starter) -> None:
    """What was never sent has cost nothing."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    gaud = priced(serve, f"http://127.0.0.1:{port}")
    assert gaud.chat(headers=bearer(ADMIN)).status == 502
    assert _ended(only(gaud)) == (502, "upstream_failed", 0, 0, "none")


@pytest.mark.parametrize("stream", [False, True])
def test_an_upstream_that_is_too_slow(serve: Starter, upstream: ScriptedUpstream, stream: bool) -> None:
    """It may have worked all the time, so the worst case counts."""
    upstream.add(Answer.stalled())
    gaud = serve(acme=AcmeSettings(url=upstream.url, first_byte_secs=0.1), kind=Priced, key=ADMIN)
    assert gaud.chat(headers=bearer(ADMIN), stream=stream).status == 504
    assert _ended(only(gaud)) == (504, "upstream_timeout", None, worst(upstream)[1], "estimated")


def test_a_stream_that_stalls(serve: Starter, upstream: ScriptedUpstream) -> None:
    """The same in the middle of it."""
    upstream.add(Answer.stream([HELLO, Signal()]))
    gaud = serve(acme=AcmeSettings(url=upstream.url, idle_secs=0.1), kind=Priced, key=ADMIN)
    gaud.chat(headers=bearer(ADMIN), stream=True)
    assert _ended(only(gaud)) == (504, "upstream_timeout", None, worst(upstream)[1], "estimated")


def _failing(error: Exception) -> type[Priced]:
    """Make a provider with prices whose `send` raises."""

    async def send(self: Priced, call: Call) -> Reply:
        raise error

    return type("Failing", (Priced,), {"send": send})


def _breaking(error: Exception) -> type[Priced]:
    """Make one whose stream raises."""

    async def send(self: Priced, call: Call) -> Reply:
        async def pieces() -> AsyncIterator[bytes]:
            yield HELLO
            raise error

        return Reply(200, (("content-type", "text/event-stream"),), pieces())

    return type("Breaking", (Priced,), {"send": send})


@pytest.mark.parametrize(
    ("kind", "status", "code", "is_free"),
    [
        (_failing(Mishap("secret")), 502, "provider_crashed", False),
        (_failing(ProviderError("down")), 502, "upstream_error", False),
        (_failing(UpstreamRefused("no", status=403, code="no")), 403, "no", True),
        (_failing(BadRequest("Too long a number.")), 400, "upstream_error", True),
        (_breaking(Mishap("secret")), 502, "provider_crashed", False),
        (_breaking(BadRequest("Too long a number.")), 400, "upstream_error", False),
    ],
)
def test_a_plugin_that_fails(
    serve: Starter, kind: type[Priced], status: int, code: str, is_free: bool
) -> None:
    """A crash may have cost something; a refusal has not. Neither is taken for a stop of Gaud's."""
    gaud = serve(acme=AcmeSettings(url="http://127.0.0.1:1"), kind=kind, key=ADMIN)
    gaud.chat(headers=bearer(ADMIN), stream=True)
    row = only(gaud)
    assert (row.status, row.error) == (status, code)
    if is_free:
        assert (row.cost_nanos, row.cost_source) == (0, "none")
    else:
        assert (row.cost_nanos, row.cost_source) == (row.reserved_nanos, "estimated")


@pytest.mark.parametrize(
    ("said", "source"), [("0.5", "provider"), (0.5, "provider"), ({}, "estimated"), (object(), "estimated")]
)
def test_a_plugin_that_says_its_cost_in_another_type(serve: Starter, said: Any, source: str) -> None:
    """What is no amount is not counted, and the call is settled all the same."""

    async def send(self: Priced, call: Call) -> Reply:
        return Reply(200, (("content-type", "application/json"),), b"{}", cost_usd=said)

    kind = type("Odd", (Priced,), {"send": send})
    gaud = serve(acme=AcmeSettings(url="http://127.0.0.1:1"), kind=kind, key=ADMIN)
    assert gaud.chat(headers=bearer(ADMIN)).status == 200
    row = only(gaud)
    assert (row.status, row.cost_source) == (200, source)


def test_an_open_breaker(serve: Starter, upstream: ScriptedUpstream, clock: Clock) -> None:
    """A call that was not sent has cost nothing, and is in the books."""
    upstream.add(Answer.error(500))
    gaud = priced(serve, upstream.url, breaker=Breaker(failure_threshold=1), clock=clock)
    assert [gaud.chat(headers=bearer(ADMIN)).status for _ in range(2)] == [500, 503]
    failed, refused = sorted(settled(gaud, 2), key=lambda row: row.status)
    assert _ended(failed) == (500, "scripted_error", 0, 0, "none")
    assert _ended(refused) == (503, "circuit_breaker_open", 0, 0, "none")


def test_a_provider_that_does_not_serve_yet(serve: Starter, upstream: ScriptedUpstream) -> None:
    """It is asked nothing, and the call is booked all the same."""
    gaud = priced(serve, upstream.url)
    instance: Instance = gaud.gateway.registry.instances["acme"]
    instance.stage = "starting"
    assert gaud.chat(headers=bearer(ADMIN)).status == 503
    assert _ended(only(gaud)) == (503, "provider_not_serving", 0, 0, "none")


def test_who_is_cancelled_while_the_end_is_written_settles_once() -> None:
    """The settlement that is on its way stands; asked again, the books say that it is there already."""
    asyncio.run(_cancelled_while_settling())


async def _cancelled_while_settling() -> None:
    futures: list[asyncio.Future[Settled]] = []

    class Books:
        def settling(self, ticket: Ticket, settlement: Settlement) -> asyncio.Future[Settled]:
            futures.append(asyncio.get_running_loop().create_future())
            return futures[-1]

    outcome = Outcome(lambda failure: None, status=200, answered=True)
    ticket = Ticket("req_1", None, 0, Worst())
    booking = Booking(Books(), ticket, None, outcome, Presence(never), Exchange())  # type: ignore[arg-type]
    settling = asyncio.create_task(booking.close())
    await asyncio.sleep(0)
    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling
    again = asyncio.create_task(booking.close())
    await asyncio.sleep(0)
    futures[1].set_result(Settled.ALREADY)
    await again
    await booking.close()
    assert len(futures) == 2


async def never() -> Any:
    """A client who says nothing more."""
    raise AssertionError
