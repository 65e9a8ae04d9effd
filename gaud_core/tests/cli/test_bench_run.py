"""A run of `gaud bench` by a clock that the test turns: the order of calls, its end, what failed."""

from __future__ import annotations

import asyncio
import json

import pytest

from gaud_core.call import Reply
from gaud_core.cli.measure.report import as_json, as_text
from gaud_core.errors import GaudError, ProviderError, UpstreamFailed, UpstreamTimeout
from gaud_core.provider import UpstreamRequest
from gaud_core.testing import DONE, chat_chunk, sse

from .bench_world import Piece, World, bad, good, measured

pytestmark = pytest.mark.anyio

EVENTS = [sse(chat_chunk({"content": text})) for text in ("a", "b", "c")]
STREAM = (("content-type", "text/event-stream; charset=utf-8"),)


@pytest.fixture
def anyio_backend() -> str:
    """The gateway's client lives in asyncio."""
    return "asyncio"


async def test_the_first_call_does_not_count() -> None:
    """It may be as slow as it likes."""
    world = World({"gaud": lambda number: good()})
    world.secs = {"gaud": 9.0}
    run = world.run()

    async def slow_first(request: UpstreamRequest) -> Reply:
        reply = await world.client("gaud")(request)
        world.secs = {"gaud": 0.010}
        return reply

    run.targets[0].send = slow_first
    await run.go()
    assert world.counts == {"gaud": 4}
    assert [round(value) for value in run.tallies[0].total] == [10, 10, 10, 10]
    assert (round(run.elapsed, 3), run.ending) == (0.04, "calls")
    assert run.rates == [pytest.approx(100.0)]


async def test_what_is_sent() -> None:
    """One chat call with the key, and nothing that asks for compression."""
    world = World({"gaud": lambda number: good()})
    await measured(world, calls=1)
    request = world.seen[-1]
    assert request.url == "http://gaud.test/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer sk-gaud-secret"
    assert request.headers["accept-encoding"] == "identity"
    assert isinstance(request.body, bytes)
    assert json.loads(request.body)["max_tokens"] == 16


async def test_both_are_called_in_turn() -> None:
    """Neither is always the second, and each has its own rate: of the time that its own calls took."""
    world = World({"gaud": good, "direct": good}, {"gaud": 0.030, "direct": 0.010})
    run = await measured(world)
    assert world.order[2:] == ["gaud", "direct", "direct", "gaud"] * 2
    assert [json.loads(request.body)["model"] for request in world.seen[:2]] == ["work:m", "m"]  # type: ignore[arg-type]
    assert [tally.calls for tally in run.tallies] == [4, 4]
    assert run.rates == [pytest.approx(1 / 0.03), pytest.approx(1 / 0.01)]


async def test_as_many_at_a_time_as_there_are_connections() -> None:
    """Never more, and all calls are made."""
    world = World({"gaud": lambda number: good()})
    run, at_once, most = world.run(calls=10, connections=3), 0, 0
    client = world.client("gaud")

    async def watched(request: UpstreamRequest) -> Reply:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        reply = await client(request)
        at_once -= 1
        return reply

    run.targets[0].send = watched
    await run.go()
    assert (most, run.tallies[0].calls) == (3, 10)


async def test_time_ends_it() -> None:
    """No call begins after it; the calls that run come to their end."""
    run = await measured(World({"gaud": good}, {"gaud": 0.4}), calls=None, seconds=1)
    assert (run.tallies[0].calls, run.ending) == (3, "seconds")
    run = await measured(World({"gaud": good}, {"gaud": 0.4}), calls=2, seconds=1)
    assert (run.tallies[0].calls, run.ending) == (2, "calls")


async def test_a_run_has_an_end_whatever_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of its calls stays bounded."""
    monkeypatch.setattr("gaud_core.cli.measure.run.MOST_CALLS", 3)
    run = await measured(World({"gaud": good}), calls=None, seconds=1)
    assert (run.tallies[0].calls, run.ending) == (3, "most")
    assert "Ended early: a run has no more calls than these." in as_text(run)


async def test_a_row_of_failures_ends_it() -> None:
    """Ten of the last calls, or as many as there are connections; a good call between begins anew."""
    answers = {"gaud": lambda number: good() if number in (0, 8) else bad(503, "down")}
    run = await measured(World(answers), calls=100)
    assert (run.tallies[0].calls, run.ending) == (18, "failing")
    assert "Ended early: 10 calls in a row have failed." in as_text(run)
    run = await measured(World(answers), calls=100, connections=20)
    assert run.ending == "failing"
    assert run.tallies[0].failing >= 20


async def test_a_first_call_that_fails_is_the_only_one() -> None:
    """In the upstream's words, without any key."""
    world = World({"gaud": lambda number: bad(401, "Wrong key sk-direct-secret, sk-gaud-secret")})
    world.answers = {**world.answers, "direct": good}
    with pytest.raises(GaudError) as error:
        await world.run().go()
    assert str(error.value) == (
        "The first call failed, so there is no other. http://gaud.test/v1: 401: Wrong key ********, ********."
    )
    assert world.order == ["gaud"]


async def test_another_word_for_the_longest_answer() -> None:
    """An upstream that wants `max_completion_tokens` gets it from then on."""

    def refuses(number: int) -> Reply:
        body = json.loads(world.seen[-1].body)  # type: ignore[arg-type]
        return good() if "max_completion_tokens" in body else bad(400, "Use 'max_completion_tokens'.")

    world = World({"gaud": refuses})
    run = await measured(world)
    assert (run.tallies[0].good, run.tallies[0].failed, world.counts) == (4, 0, {"gaud": 5})
    assert "max_tokens" not in json.loads(world.seen[-1].body)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (bad(429, "Too many."), "429", "Too many."),
        (Reply(502, (), b"<html>"), "502", ""),
        (Reply(500, (), b'{"detail": "Internal\\nerror"}'), "500", "Internal error"),
        (Reply(404, (), b'{"error": "no such model"}'), "404", "no such model"),
        (Reply(200, (), b"<html>"), "no JSON", "The answer is 200, but no JSON object."),
        (Reply(200, (), b'{"error": {"message": "Overloaded"}}'), "200 with an error", "Overloaded"),
        (UpstreamTimeout("too slow"), "timeout", "too slow"),
        (UpstreamFailed("refused"), "no answer", "refused"),
        (UpstreamFailed("cut", code="upstream_broke_off"), "broken off", "cut"),
    ],
)
async def test_what_goes_wrong_has_a_name(answer: Reply | ProviderError, kind: str, message: str) -> None:
    """The status where there is one, else a word."""
    run = await measured(World({"gaud": lambda number: answer if number else good()}), calls=1)
    assert (run.tallies[0].failures, run.tallies[0].messages) == ({kind: 1}, {kind: message})
    assert not run.tallies[0].total


async def test_an_endless_answer_is_not_held() -> None:
    """A whole one is given up after four megabytes, and an event of a stream as well."""
    world = World({})
    piece = [b"x" * 1_000_000] * 6
    world.answers = {
        "gaud": lambda number: Reply(200, (), world.drip(piece)) if number else good(),
    }
    run = await measured(world, calls=1)
    assert run.tallies[0].failures == {"too long": 1}
    world.answers = {
        "gaud": lambda number: Reply(200, STREAM, world.drip(piece if number else [*EVENTS, DONE]))
    }
    world.counts.clear()
    run = await measured(world, calls=1, stream=True)
    assert run.tallies[0].failures == {"too long": 1}


async def test_a_stream_is_timed_by_its_chunks() -> None:
    """Comments are none, `[DONE]` is none, and pieces that cut events in two do not matter."""
    world = World({})
    pieces: list[Piece] = [
        b": ping\n\n",
        0.1,
        EVENTS[0],
        0.05,
        EVENTS[1][:9],
        0.15,
        EVENTS[1][9:] + EVENTS[2],
        0.3,
        DONE,
        0.1,
    ]
    world.answers = {"gaud": lambda number: Reply(200, STREAM, world.drip(pieces))}
    tally = (await measured(world, calls=1, stream=True)).tallies[0]
    found = [tally.first[0], tally.pace[0], tally.gap[0], tally.total[0]]
    assert found == pytest.approx([110, 100, 200, 710])


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        (EVENTS, "It ended without [DONE]."),
        ([EVENTS[0], sse({"error": {"message": "broke"}}), DONE], "broke"),
        ([EVENTS[0], sse(chat_chunk({"content": '"error"'})), DONE], None),
    ],
)
async def test_a_stream_that_breaks_is_a_failure(pieces: list[bytes], message: str | None) -> None:
    """An error event, or no `[DONE]`; the word alone is none."""
    world = World({})
    whole = [*EVENTS, DONE]
    world.answers = {"gaud": lambda number: Reply(200, STREAM, world.drip(pieces if number else whole))}
    run = await measured(world, calls=1, stream=True)
    assert run.tallies[0].messages == ({} if message is None else {"broken stream": message})


async def test_a_stream_that_is_cut_off() -> None:
    """What the client says of it; the chunks before do not count."""
    world = World({})
    cut: list[Piece] = [EVENTS[0], UpstreamFailed("cut", code="upstream_broke_off")]
    world.answers = {
        "gaud": lambda number: Reply(200, STREAM, world.drip(cut if number else [*EVENTS, DONE]))
    }
    run = await measured(world, calls=1, stream=True)
    assert (run.tallies[0].failures, list(run.tallies[0].first)) == ({"broken off": 1}, [])


async def test_no_stream_where_one_was_asked_for() -> None:
    """It would be measured as something that it is not."""
    with pytest.raises(GaudError, match="no stream: A stream was asked for, and the answer is none"):
        await World({"gaud": lambda number: good()}).run(stream=True).go()


async def test_ctrl_c_ends_it_with_what_there_is() -> None:
    """The call that runs is let go of; the ones before it are told."""
    world = World({"gaud": lambda number: good()})
    run = world.run(calls=100)
    client, begun = world.client("gaud"), asyncio.Event()

    async def hangs_at_third(request: UpstreamRequest) -> Reply:
        if world.counts.get("gaud") == 2:
            begun.set()
            await asyncio.Event().wait()
        return await client(request)

    run.targets[0].send = hangs_at_third
    going = asyncio.create_task(run.go())
    await begun.wait()
    going.cancel()
    await going
    assert (run.ending, run.tallies[0].calls) == ("interrupted", 2)
    assert "Ended early by Ctrl-C." in as_text(run)


async def test_ctrl_c_before_anything_was_measured() -> None:
    """There is a report all the same."""
    run = World({"gaud": lambda number: good()}).run()
    going = asyncio.create_task(run.go())
    await asyncio.sleep(0)
    going.cancel()
    await going
    assert "through Gaud      0       0      0.0" in as_text(run)
    assert as_json(run)["gaud"]["latency_ms"] is None
