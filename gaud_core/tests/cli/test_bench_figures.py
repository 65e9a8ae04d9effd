"""The figures of `gaud bench`: Server-Timing as it may come, quantiles, tallies, and what a run can cost."""

from __future__ import annotations

import json
import math
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaud_core.cli.measure.plan import Plan, Prompt, price_of
from gaud_core.cli.measure.tally import Failure, Sample, Tally, percentile, quantiles
from gaud_core.cli.measure.timing import server_timing
from gaud_core.ledger.prompt import prompt_tokens
from gaud_core.provider import Price

NAMES = st.text(string.ascii_letters + string.digits + "-_.!", min_size=1, max_size=20)
MILLIS = st.integers(0, 10**9).map(lambda micros: micros / 1000)
NUMBERS = st.lists(st.floats(0, 1e9, allow_nan=False), min_size=1, max_size=300)


def plan(**fields: object) -> Plan:
    """A plan of 20 calls."""
    return Plan(**{"model": "work:m", "prompt": Prompt("Hello!"), "max_tokens": 16, "calls": 20, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        (
            "queue;dur=0.1, auth;dur=0.2, admit;dur=0.3, route;dur=0.1, upstream;dur=12.3, settle;dur=0.4",
            {"queue": 0.1, "auth": 0.2, "admit": 0.3, "route": 0.1, "upstream": 12.3, "settle": 0.4},
        ),
        ("", {}),
        (" , ;, ;dur=1,,;;", {}),
        ("cache;desc=hit", {}),
        ('db;desc="a, b;dur=9";dur=3 , edge ; DUR = "4"', {"db": 3.0, "edge": 4.0}),
        ('a;desc="never closed, b;dur=2', {}),
        ('a;dur=1;desc="never closed, b;dur=2', {"a": 1.0}),
        ("a;dur=1, a;dur=2.5", {"a": 3.5}),
        ("a;dur=1;dur=9", {"a": 1.0}),
        ("a;dur=nan, b;dur=-1, c;dur=inf, d;dur=1_0, e;dur=, f;dur=.5", {"f": 0.5}),
        ("not a name;dur=1, \x1b[31m;dur=1, " + "n" * 41 + ";dur=1", {}),
    ],
)
def test_server_timing(header: str, parts: dict[str, float]) -> None:
    """What can be read is, what cannot is left out."""
    assert server_timing(header) == parts


@given(st.dictionaries(NAMES, MILLIS, max_size=10))
def test_server_timing_comes_out_as_it_went_in(parts: dict[str, float]) -> None:
    """Names and milliseconds, in their order."""
    header = ", ".join(f"{name};dur={millis!r}" for name, millis in parts.items())
    assert list(server_timing(header).items()) == list(parts.items())


@given(st.text(alphabet='ab,;="\\. \t1dur-', max_size=200) | st.text(max_size=50))
def test_no_header_hurts(header: str) -> None:
    """Whatever an upstream says, it is names and numbers of milliseconds, or nothing."""
    for name, millis in server_timing(header).items():
        assert name.isascii()
        assert name.isprintable()
        assert math.isfinite(millis)
        assert millis >= 0


@given(NUMBERS, st.sampled_from((1, 50, 95, 99, 100)))
def test_a_percentile_is_the_smallest_that_so_many_do_not_exceed(values: list[float], percent: int) -> None:
    """The definition itself, by counting."""
    found = percentile(sorted(values), percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


def test_quantiles_of_a_known_row() -> None:
    """Of one to a hundred, in any order; of nothing there are none."""
    found = quantiles([float(value) for value in range(100, 0, -1)])
    assert found is not None
    assert (found.p50, found.p95, found.p99) == (50, 95, 99)
    assert quantiles([]) is None


def test_times_of_failures_do_not_count() -> None:
    """They are counted by kind, with the first one's words; a good call ends a row of them."""
    tally = Tally()
    tally.add(Sample(10.0, 9.0, parts={"upstream": 4.0}))
    tally.add(Sample(1.0, failure=Failure("429", "first"), parts={"upstream": 1.0}))
    tally.add(Sample(2.0, failure=Failure("429", "second")))
    assert (tally.calls, tally.good, tally.failed, tally.failing) == (3, 1, 2, 2)
    assert (tally.failures, tally.messages) == ({"429": 2}, {"429": "first"})
    assert (list(tally.total), list(tally.parts["upstream"]), tally.busy_ms) == ([10.0], [4.0], 13.0)
    tally.add(Sample(11.0))
    assert tally.failing == 0


@pytest.mark.parametrize(
    ("parts", "own"),
    [
        ({}, None),
        ({"queue": 1.0}, None),
        ({"upstream": 30.0}, 10.0),
        ({"upstream": 30.0, "settle": 1.0}, 70.0),
        ({"upstream": 41.0}, 0.0),
    ],
)
def test_what_is_not_the_upstreams(parts: dict[str, float], own: float | None) -> None:
    """Of the whole answer if the header tells of it, of the time until the head if it could not."""
    assert Sample(100.0, 40.0, parts=parts).own_ms == own


def test_the_names_of_parts_are_bounded() -> None:
    """An upstream that makes up names cannot fill the memory."""
    tally = Tally()
    for number in range(1000):
        tally.add(Sample(1.0, parts={f"part-{number}": 1.0, "part-0": 1.0}))
    assert len(tally.parts) == 32
    assert len(tally.parts["part-0"]) == 1000


def test_a_call_asks_for_a_short_answer() -> None:
    """The JSON that goes out, for a whole answer and for a stream."""
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 16}
    assert json.loads(plan().body(1, "m")) == body
    assert json.loads(plan(stream=True).body(1, "m")) == body | {"stream": True}


@given(st.integers(1, 5000), st.integers(0, 100_000))
def test_a_text_of_a_size_has_that_size(size: int, number: int) -> None:
    """Exactly, whatever the number of the call."""
    assert len(Prompt(size=size, nonce="n").of(number)) == size


def test_gauds_own_texts_differ_from_call_to_call() -> None:
    """So no cache can answer; a text that was given is sent as it is."""
    own, long, given_one = Prompt(nonce="n"), Prompt(size=500, nonce="n"), Prompt("Hello!", nonce="n")
    assert len({prompt.of(number) for prompt in (own, long) for number in (1, 2)}) == 4
    assert given_one.of(1) == given_one.of(2) == "Hello!"


@given(st.integers(1, 100_000), st.integers(0, 100_000), st.integers(0, 2000))
def test_no_call_costs_more_than_was_said(calls: int, number: int, size: int) -> None:
    """The prompt's tokens are counted as the gateway counts them to reserve a budget."""
    price = Price(input=2_500_000_000, output=10_000_000_000)
    made = plan(prompt=Prompt(size=size, nonce="nonce"), price=price, calls=calls)
    tokens = prompt_tokens(made.body(min(number, calls), "work:m"))
    assert made.most_nanos is not None
    assert made.most_nanos >= tokens * 2500 + 16 * 10_000


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"price": Price(input=3_000_000_000, output=10_000_000_000)},
            "They may cost up to $0.005124 in all, $0.000244 each, by Gaud's prices.",
        ),
        (
            {"price": Price(input=3_000_000_000, output=10_000_000_000), "longest_answer": 1},
            "They may cost up to $0.001974 in all, $0.000094 each, by Gaud's prices.",
        ),
        (
            {"price": Price(input=0, output=1_000_000), "calls": None, "seconds": 30},
            "Each may cost up to $0.000000016; --calls sets a limit to how many there are.",
        ),
        (
            {"price": Price(input=3_000_000_000)},
            "What they cost is not known: Gaud has no price for this model.",
        ),
        ({"listed": False}, "What they cost is not known: Gaud does not list this model."),
        (
            {"price": Price(subscription=True)},
            "A subscription pays for this model; calls may take from its allowance.",
        ),
    ],
)
def test_the_most_that_it_can_cost(fields: dict[str, object], said: str) -> None:
    """82 bytes are 28 tokens at most, the answer has 16; the call before the 20 costs as well."""
    assert len(plan().body(20, "work:m")) == 82
    assert plan(**fields).cost(1) == said


def test_calls_to_the_upstream_cost_as_much() -> None:
    """Twice as many calls, twice the money."""
    made = plan(price=Price(input=3_000_000_000, output=10_000_000_000))
    assert made.cost(2).startswith("They may cost up to $0.010248 in all, $0.000244 each")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "20 calls"),
        ({"calls": 1}, "1 call"),
        ({"calls": 2000, "connections": 4}, "2,000 calls, 4 at a time,"),
        ({"seconds": 90}, "20 calls, for at most 90 s,"),
        ({"calls": None, "seconds": 90}, "As many calls as there is time for, for 90 s,"),
    ],
)
def test_how_many_calls_there_will_be(fields: dict[str, object], said: str) -> None:
    """In words that go on with where they go."""
    assert plan(**fields).amount() == said


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ({}, None),
        ({"usd_per_million_tokens": "much"}, None),
        ({"subscription": True}, Price(subscription=True)),
        (
            {"usd_per_million_tokens": {"input": "2.5", "output": "10", "cache_read": "1.25", "new": "1"}},
            Price(input=2_500_000_000, output=10_000_000_000, cache_read=1_250_000_000),
        ),
        ({"usd_per_million_tokens": {"input": "many", "output": "0"}}, Price(output=0)),
    ],
)
def test_prices_of_the_list(model: dict[str, object], price: Price | None) -> None:
    """As `/v1/models` has them; what cannot be read is unknown, and never free."""
    assert price_of(model) == price
