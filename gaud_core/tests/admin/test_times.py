"""Times at the edge."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaud_core.admin.times import iso, read_day_end, read_moment
from gaud_core.ledger.periods import DAY_MS

from ..clock import NOON

millis = st.integers(0, 253_402_300_799_999)


@given(millis)
def test_what_is_written_is_what_is_read(at: int) -> None:
    """To the millisecond."""
    assert read_moment(iso(at)) == at


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001 - the zone is drawn below
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_every_offset_is_read(moment: datetime, minutes: int) -> None:
    """A time is the same wherever it is written."""
    local = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)), microsecond=0)
    assert read_moment(local.isoformat()) == int(local.timestamp()) * 1000


def test_times_are_written_as_people_expect() -> None:
    """In UTC, with milliseconds only where there are some."""
    assert iso(NOON) == "2026-11-23T12:00:00Z"
    assert iso(NOON + 5) == "2026-11-23T12:00:00.005Z"


def test_a_time_beyond_the_calendar_is_shown_as_its_end() -> None:
    """The command line can set one, and showing it must not fail."""
    assert iso(2**53).startswith("9999-12-31")


def test_a_date_is_a_whole_day() -> None:
    """It begins at midnight UTC and, as the end of a range, is included."""
    midnight = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp() * 1000)
    assert read_moment("2026-11-23") == midnight
    assert read_day_end("2026-11-23") == midnight + DAY_MS
    assert read_day_end("2026-11-23T10:00:00Z") == midnight + 10 * 3_600_000
    assert read_day_end("9999-12-31") > read_moment("9999-12-31")


@pytest.mark.parametrize(
    "text",
    [
        "", "today", "2026", "2026-13-01", "2026-02-30", "20261123", "2026-W48-1", "2026-11-23T10:00:00",
        "2026-11-23 10:00:00Z", "2026-11-23T25:00:00Z", "2026-11-23T10:00:60Z", "2026-11-23T10:00:00+24:00",
        "2026-11-23\n", "٢٠٢٦-١١-٢٣", "1969-12-31", "1970-01-01T00:00:00+14:00", "1700000000",
        "10000-01-01",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    """In words, and a time without an offset is none, because nobody knows which it is."""
    with pytest.raises(ValueError, match=r"^must (be a date such as|not be before 1970)"):
        read_moment(text)
