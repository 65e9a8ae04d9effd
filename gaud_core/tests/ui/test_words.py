"""Numbers, money and times as people read them; bars."""

from __future__ import annotations

import contextlib
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaud_core.errors import BadRequest
from gaud_core.ledger.trends import Slice
from gaud_core.ui.charts import HEIGHT, RANGES, WIDTH, charts_of
from gaud_core.ui.forms import Form
from gaud_core.ui.words import ago, compact, exact, money, ms, percent, seconds

from ..clock import NOON

DAY = 86_400_000


@pytest.mark.parametrize(
    ("nanos", "shown"),
    [
        (None, "–"),
        (0, "$0.00"),
        (1_234_567_890_123, "$1,234.57"),
        (1_000_000_000, "$1.00"),
        (500_000_000, "$0.50"),
        (123_456_789, "$0.1235"),
        (1_234_567, "$0.00123"),
        (999, "$0.000000999"),
        (1, "$0.000000001"),
    ],
)
def test_money(nanos: int | None, shown: str) -> None:
    """Two decimals where there are dollars, and never nothing where there is something."""
    assert money(nanos) == shown


@given(st.integers(1, 10**18))
def test_no_amount_looks_like_nothing(nanos: int) -> None:
    """However small it is, a digit of it is shown; and never without two decimals."""
    shown = money(nanos)
    assert any(digit in shown for digit in "123456789")
    assert len(shown.partition(".")[2]) >= 2


def test_the_exact_amount_has_every_digit() -> None:
    """As the books have it."""
    assert exact(1_234_567_891) == "$1.234567891"
    assert exact(None) == "unknown"


@pytest.mark.parametrize(
    ("number", "shown"),
    [(None, "–"), (0, "0"), (999, "999"), (1000, "1k"), (1234, "1.2k"), (128_000, "128k"), (1_048_576, "1M")],
)
def test_compact(number: int | None, shown: str) -> None:
    """At most four characters and a unit."""
    assert compact(number) == shown


def test_times() -> None:
    """In the unit that fits."""
    assert (ms(None), ms(840), ms(1240), ms(61_000)) == ("–", "840 ms", "1.24 s", "61.0 s")
    assert (seconds(3600), seconds(86_400 + 7200), seconds(75)) == ("1 h", "1 d 2 h", "1 min 15 s")
    told = [ago(NOON - gone * 1000, NOON) for gone in (1, 30, 300, 7200, 200_000)]
    assert told == ["just now", "30 s ago", "5 min ago", "2 h ago", "2 d ago"]
    assert (percent(0, 0), percent(1, 300), percent(30, 60)) == ("0%", "0.3%", "50%")


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**6),
            st.integers(0, 10**6),
            st.none() | st.integers(0, 10**12),
            st.none() | st.integers(0, 10**15),
        ),
        max_size=30,
    )
)
def test_no_bar_leaves_its_chart(rows: list[tuple[int, int, int | None, int | None]]) -> None:
    """Whatever the numbers are, a chart has a scale that they fit into."""
    slices = [
        Slice(NOON + at * DAY, calls + errors, errors, tokens, tokens, cost)
        for at, (calls, errors, tokens, cost) in enumerate(rows)
    ]
    for chart in charts_of(slices, RANGES["30d"]):
        for bar in chart.bars:
            assert 0 <= bar.x <= bar.x + bar.width <= WIDTH + 0.1
            assert all(part.y >= 0 for part in bar.parts)
            assert sum(part.height for part in bar.parts) <= HEIGHT + 3
            assert len(bar.told) == len(chart.columns) - 1


def test_unknown_sums_are_not_zero() -> None:
    """A chart of calls whose cost nobody told says so."""
    spend = charts_of([Slice(NOON, 3, 0, None, None, None)], RANGES["24h"])[2]
    assert spend.total == "–"


@given(st.text(max_size=30))
def test_a_number_is_read_or_refused_in_words(text: str) -> None:
    """Nothing that is typed is an error of ours."""
    form = Form((("n", text),))
    for read in (partial(form.whole, "n", "N"), partial(form.nanos, "n", "N"), partial(_last_day, form)):
        with contextlib.suppress(BadRequest):
            found = read()
            assert found is None or found >= 0


def _last_day(form: Form) -> int | None:
    return form.last_day("n", "N", NOON)
