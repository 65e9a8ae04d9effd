"""What the books say about the last hours: over time, how fast, and what fails."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert

from gaud_core.errors import NotFound
from gaud_core.ledger.trends import Failure, Pace, Slice, failures, paces, slices
from gaud_core.ledger.usage import read_call
from gaud_core.store import Store
from gaud_core.store.schema import calls

HOUR = 3_600_000
NOON = 1_795_435_200_000


def book(store: Store, id: str, at: int, **fields: Any) -> None:
    """Write a row as the ledger would."""
    usual = {
        "worker": "w", "user_id": "ada", "instance": "acme", "provider": "acme", "model": "m",
        "endpoint": "chat/completions", "stream": False, "on_disconnect": "cancel", "state": "settled",
        "status": 200, "reserved_tokens": 0,
    }  # fmt: skip
    with store.writing() as connection:
        connection.execute(insert(calls).values({**usual, "id": id, "admitted_at": at, **fields}))


def test_time_is_cut_into_pieces_also_where_nothing_was(store: Store) -> None:
    """A chart has a bar for each hour; a sum that nobody told is unknown and not zero."""
    book(store, "a", NOON, input_tokens=5, cost_nanos=7)
    book(store, "b", NOON + HOUR - 1, input_tokens=6, status=502, error="upstream_failed")
    book(store, "c", NOON + 2 * HOUR, user_id="bob")
    book(store, "late", NOON + 3 * HOUR)
    assert slices(store, NOON, NOON + 3 * HOUR, HOUR) == [
        Slice(NOON, 2, 1, 11, None, 7),
        Slice(NOON + HOUR),
        Slice(NOON + 2 * HOUR, 1),
    ]
    assert [each.calls for each in slices(store, NOON, NOON + 3 * HOUR, HOUR, "bob")] == [0, 0, 1]


def test_a_pace_is_that_of_the_calls_that_went_well(store: Store) -> None:
    """Half of them were faster than p50, and nineteen of twenty than p95; a failure has no pace."""
    for number in range(100):
        book(store, f"call-{number}", NOON + number, first_byte_ms=number + 1)
    book(store, "slow", NOON, first_byte_ms=99_999, status=504, error="upstream_timeout")
    book(store, "refused", NOON, instance="other", status=503, error="circuit_breaker_open")
    book(store, "old", NOON - 1, first_byte_ms=50_000)
    assert paces(store, NOON) == {
        "acme": Pace("acme", 101, 1, 51, 96),
        "other": Pace("other", 1, 1, None, None),
    }


def test_calls_that_failed_alike_are_one_line(store: Store) -> None:
    """The latest first; what went well is not among them."""
    book(store, "a", NOON, status=502, error="upstream_failed")
    book(store, "b", NOON + 5, status=502, error="upstream_failed")
    book(store, "c", NOON + 9, status=429, model="n")
    book(store, "good", NOON + 10)
    assert failures(store, NOON) == [
        Failure("acme", "n", 429, None, 1, NOON + 9),
        Failure("acme", "m", 502, "upstream_failed", 2, NOON + 5),
    ]
    assert failures(store, NOON + 10) == []


def test_one_call_is_read_by_its_id(store: Store) -> None:
    """With a user it must be his."""
    book(store, "a", NOON)
    assert read_call(store, "a").model == "m"
    assert read_call(store, "a", "ada").id == "a"
    for wanted in (("a", "bob"), ("b", None)):
        with pytest.raises(NotFound, match="no such call"):
            read_call(store, *wanted)
