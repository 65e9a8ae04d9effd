"""Money at the edge: exact in both directions, refused in words where it cannot be."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaud_core.admin.money import MOST_DOLLARS, Amount, Usd
from gaud_core.admin.reading import read_body
from gaud_core.admin.requests import BudgetChange
from gaud_core.errors import BadRequest

amounts = st.integers(0, MOST_DOLLARS * 10**9)


def _read(text: str) -> Any:
    change: BudgetChange = read_body(f'{{"daily_limit": {text}}}'.encode(), BudgetChange)
    return change.daily_limit


def _spelled(nanos: int) -> str:
    return f"{nanos // 10**9}.{nanos % 10**9:09d}"


@given(amounts, st.booleans(), st.integers(0, 20))
def test_every_amount_is_read_exactly(nanos: int, as_text: bool, zeros: int) -> None:
    """To the last nano-dollar, as a number and as text, whatever zeros stand behind it."""
    spelled = _spelled(nanos) + "0" * zeros
    assert _read(f'"{spelled}"' if as_text else spelled).nanos == nanos


@given(st.integers(1, MOST_DOLLARS * 10**9), st.integers(0, 30))
def test_an_exponent_changes_nothing(nanos: int, shift: int) -> None:
    """A number may be spelled with any exponent."""
    assert _read(f"{nanos}e-9").nanos == nanos
    assert _read(f"{nanos}{'0' * shift}E{-9 - shift}").nanos == nanos


@given(amounts)
def test_what_is_written_is_what_is_read(nanos: int) -> None:
    """An answer's number has all its digits and no exponent."""
    text = Usd(nanos).text()
    assert "E" not in text.upper()
    assert json.loads(text, parse_float=Decimal, parse_int=Decimal) * 10**9 == nanos
    assert _read(text).nanos == nanos


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12)
    | st.decimals(places=12, min_value=0, max_value=100)
)
def test_nothing_is_rounded(amount: Decimal) -> None:
    """Any number is either read as it is or refused."""
    try:
        read = Amount.read(amount)
    except ValueError:
        in_range = 0 <= amount <= MOST_DOLLARS
        assert not in_range or _places(amount) > 9
    else:
        assert Decimal(read.nanos).scaleb(-9) == amount


def _places(amount: Decimal) -> int:
    exponent = amount.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return -exponent


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-1", "must not be negative"),
        ("-1e-9", "must not be negative"),
        ("1000000000.000000001", "must not be more than 1000000000 dollars"),
        ("1e300", "must not be more than 1000000000 dollars"),
        ("0.0000000001", "must not have more than 9 decimals"),
        ("1e-300", "must not have more than 9 decimals"),
        ("1." + "0" * 100 + "1", "must not have that many digits"),
        ("true", "must be a number of US dollars"),
        ("[1]", "must be a number of US dollars"),
        ("{}", "must be a number of US dollars"),
        ('"-1"', "must be a plain decimal"),
        ('""', "must be a plain decimal"),
        ('" 5"', "must be a plain decimal"),
        ('"5\\n"', "must be a plain decimal"),
        ('"1_000"', "must be a plain decimal"),
        ('"1,5"', "must be a plain decimal"),
        ('"1e3"', "must be a plain decimal"),
        ('"NaN"', "must be a plain decimal"),
        ('"٥"', "must be a plain decimal"),
    ],
)
def test_what_is_no_amount_is_refused_in_words(text: str, words: str) -> None:
    """The sentence names the field and what is wrong with it."""
    with pytest.raises(BadRequest) as refused:
        _read(text)
    assert refused.value.message.startswith(f"`daily_limit` {words}")
    assert refused.value.param == "daily_limit"


@pytest.mark.parametrize(
    ("text", "nanos"), [("0", 0), ("-0.0", 0), ("0e-999", 0), ("1e9", 10**18), ('"50.25"', 50_250_000_000)]
)
def test_the_ends_of_the_range_are_in_it(text: str, nanos: int) -> None:
    """Nothing and a billion dollars are amounts."""
    assert _read(text).nanos == nanos
