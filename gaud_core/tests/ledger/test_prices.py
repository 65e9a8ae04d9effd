"""Cost and worst case: whole nano-dollars, upward, and unknown stays unknown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaud_core import Price, Usage
from gaud_core.ledger import DEFAULT_OUTPUT_TOKENS, Worst, cost_of, nanos_of_usd, worst_of

DOLLAR = 10**9  # a dollar per million tokens is a thousand nano-dollars a token
PRICE = Price(input=2 * DOLLAR, output=8 * DOLLAR)


def test_tokens_times_price() -> None:
    """1,000 tokens in at $2 and 500 out at $8 a million are $0.006."""
    assert cost_of(Usage(1000, 500), PRICE) == (6_000_000, "priced")


def test_cached_and_reasoning_tokens_have_their_own_price() -> None:
    """They are part of input and output, so they are not counted twice."""
    price = Price(input=2 * DOLLAR, output=8 * DOLLAR, cache_read=DOLLAR, reasoning=10 * DOLLAR)
    assert cost_of(Usage(1000, 500, 400, 100), price)[0] == 1000 * (600 * 2 + 400 * 1 + 400 * 8 + 100 * 10)


def test_without_a_price_of_their_own_they_cost_the_usual_one() -> None:
    """Rather too much than too little."""
    assert cost_of(Usage(1000, 500, 400, 100), PRICE) == cost_of(Usage(1000, 500), PRICE)


@pytest.mark.parametrize("price", [None, Price(), Price(input=1), Price(output=1)])
def test_an_unknown_price_is_never_zero(price: Price | None) -> None:
    """Neither for the cost nor for the worst case."""
    assert cost_of(Usage(10, 10), price) == (None, "none")
    assert worst_of(100, {}, price).nanos is None


def test_a_price_that_is_not_needed_may_be_unknown() -> None:
    """Embeddings have no output."""
    assert cost_of(Usage(1000, 0), Price(input=DOLLAR)) == (1_000_000, "priced")


def test_a_free_model_is_free() -> None:
    """Zero is a price."""
    assert cost_of(Usage(10, 10), Price(input=0, output=0)) == (0, "priced")


def test_what_a_subscription_pays_costs_nothing_more() -> None:
    """Also the worst case is nothing, so that a budget does not move."""
    price = Price(subscription=True)
    assert cost_of(Usage(1000, 500), price) == (0, "subscription")
    assert worst_of(100, {"max_tokens": 50}, price) == Worst(150, 0)


def test_what_the_upstream_says_comes_first() -> None:
    """Its own cost is nearer to the truth than a price list."""
    assert cost_of(Usage(10, 10, cost_usd="0.0000123456"), PRICE) == (12_346, "provider")
    assert cost_of(Usage(10, 10, cost_usd="rubbish"), Price(input=0, output=0)) == (0, "priced")


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("0", 0),
        ("1e-05", 10_000),
        ("1E-12", 1),
        ("2.5", 2_500_000_000),
        ("8.250000000000001e-05", 82_500),
        ("0.00022500000000000002", 225_000),
        *((text, None) for text in ("-1", "NaN", "Infinity", "", "1,5", "1e99999")),
    ],
)
def test_dollars_as_upstreams_spell_them(text: str, nanos: int | None) -> None:
    """To the nearest nano-dollar, for floats in text; a little is not nothing, and no amount is None."""
    assert nanos_of_usd(text) == nanos


def test_a_fraction_of_a_nano_dollar_is_rounded_up() -> None:
    """One token at one nano-dollar a million costs one."""
    assert cost_of(Usage(1, 0), Price(input=1, output=1)) == (1, "priced")


@pytest.mark.parametrize(
    ("request_", "limit", "answer"),
    [
        ({"max_tokens": 50}, None, 50),
        ({"max_tokens": 50, "max_completion_tokens": 70}, None, 70),
        ({"max_output_tokens": 30}, None, 30),
        ({"max_tokens": 50, "n": 3}, None, 150),
        ({"max_tokens": 10**30}, 16_000, 16_000),
        ({"max_tokens": 10**30}, None, 2**31),
        ({}, 16_000, 16_000),
        ({}, None, DEFAULT_OUTPUT_TOKENS),
        ({"max_tokens": 1e400}, None, DEFAULT_OUTPUT_TOKENS),
        ({"max_tokens": "5", "n": None}, None, 5),
        ({"max_tokens": "five"}, None, DEFAULT_OUTPUT_TOKENS),
        ({"max_tokens": "1" * 100_000}, None, 2**31),
        ({"max_tokens": "nan", "n": "2"}, None, 2 * DEFAULT_OUTPUT_TOKENS),
        ({"max_tokens": True}, None, DEFAULT_OUTPUT_TOKENS),
        ({"max_tokens": -1, "n": -1}, None, DEFAULT_OUTPUT_TOKENS),
    ],
)
def test_the_longest_answer(request_: Any, limit: int | None, answer: int) -> None:
    """What the request allows, at most what the model can, else a default; rubbish counts as not said."""
    assert worst_of(0, request_, None, max_output_tokens=limit) == Worst(answer)


def test_the_worst_case_has_the_dearest_price() -> None:
    """Everything is written to the cache, and everything is reasoning."""
    price = Price(input=2 * DOLLAR, output=8 * DOLLAR, cache_write=3 * DOLLAR, reasoning=9 * DOLLAR)
    assert worst_of(101, {"max_tokens": 10}, price) == Worst(111, 1000 * (101 * 3 + 10 * 9))


counts = st.integers(0, 10**9)
rates = st.integers(0, 10**12)


@given(counts, counts, counts, counts, st.builds(Price, rates, rates, rates, rates, rates))
def test_no_cost_within_the_estimate_exceeds_the_worst_case(
    prompt: int, answer: int, cached: int, reasoning: int, price: Price
) -> None:
    """So a budget can only be overrun by an estimate of tokens, never by a price."""
    worst = worst_of(prompt, {"max_tokens": answer or 1}, price)
    cost, _ = cost_of(Usage(prompt, answer, cached, reasoning), price)
    assert cost is not None
    assert worst.nanos is not None
    assert 0 <= cost <= worst.nanos
