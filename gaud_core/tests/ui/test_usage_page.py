"""The books on a page: filters, pages, CSV, one call opened; a member sees his own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from sqlalchemy import insert

from gaud_core.store.schema import calls

from ..clock import NOON
from .support import House, Visitor


@attrs.frozen
class Books:
    """Two people with calls."""

    ada: str
    bob: str
    ada_key: str


def book(house: House, id: str, user: str, **fields: Any) -> None:
    """Write a row as the ledger would."""
    usual: Mapping[str, Any] = {
        "id": id, "worker": "w", "user_id": user, "instance": "acme", "provider": "acme", "model": "m",
        "endpoint": "chat/completions", "stream": True, "on_disconnect": "cancel", "state": "settled",
        "status": 200, "reserved_tokens": 0, "admitted_at": NOON - 60_000, "cost_nanos": 1_500_000,
        "cost_source": "priced", "input_tokens": 10, "output_tokens": 20, "first_byte_ms": 300,
        "total_ms": 1200, "settled_at": NOON - 58_000, "chosen_by": "listed", "sent_ms": 4,
    }  # fmt: skip
    with house.store.writing() as connection:
        connection.execute(insert(calls).values({**usual, **fields}))


@pytest.fixture(scope="module")
def books(lasting: House) -> Books:
    """What both have called."""
    ada, key = lasting.member("Reader Ada")
    bob, _ = lasting.member("Reader Bob")
    book(lasting, "req_ada", ada, model="ada-model")
    book(lasting, "req_bob", bob, model="bob-model", status=502, error="upstream_failed", cost_nanos=None)
    book(lasting, "req_open", bob, state="open", status=None, total_ms=None, first_byte_ms=None)
    book(lasting, "req_lost", bob, state="lost", status=None, cost_source="estimated", total_ms=None)
    book(lasting, "req_free", bob, status=503, error="circuit_breaker_open", cost_nanos=0, cost_source="none")
    for number in range(60):
        book(lasting, f"req_many_{number:03}", bob, admitted_at=NOON - 86_400_000 * 3 + number)
    return Books(ada, bob, key)


@pytest.fixture(scope="module")
def admin(lasting: House) -> Visitor:
    """An administrator."""
    return lasting.visitor()


@pytest.fixture(scope="module")
def ada(lasting: House, books: Books) -> Visitor:
    """A member."""
    return lasting.visitor(books.ada_key)


def test_the_newest_calls_come_first_in_pages(admin: Visitor, books: Books) -> None:
    """Fifty on each, with a way to the older ones that keeps the filters."""
    page = admin.get(f"/ui/usage?user={books.bob}")
    assert "1–50 of 64 calls" in page.text
    assert f"/ui/usage?user={books.bob}&amp;page=2" in page.text
    assert "51–64 of 64 calls" in admin.get(f"/ui/usage?user={books.bob}&page=2").text


@pytest.mark.parametrize(
    ("query", "there", "not_there"),
    [
        ("status=error", "req_bob", "req_ada"),
        ("status=open", "req_open", "req_bob"),
        ("status=502", "req_bob", "req_free"),
        ("model=ada-model", "req_ada", "req_bob"),
        ("from=2026-11-23&to=2026-11-23", "req_ada", "req_many_001"),
    ],
)
def test_filters_leave_what_fits(
    admin: Visitor, books: Books, query: str, there: str, not_there: str
) -> None:
    """As the admin API's."""
    page = admin.get(f"/ui/usage?{query}").text
    assert f"/ui/usage/{there}" in page
    assert f"/ui/usage/{not_there}" not in page


@pytest.mark.parametrize("query", ["from=soon", "status=fine", "to=2026-13-40"])
def test_a_filter_that_cannot_be_is_told(admin: Visitor, query: str) -> None:
    """And the page is there all the same."""
    page = admin.get(f"/ui/usage?{query}")
    assert page.status_code == 200
    assert 'role="alert"' in page.text


def test_nothing_found_is_told_with_a_way_out(admin: Visitor) -> None:
    """Not an empty table."""
    assert "No call fits these filters" in admin.get("/ui/usage?model=none").text


def test_a_part_of_the_page_is_enough_for_htmx(admin: Visitor, books: Books) -> None:
    """Filters change the results and not the form that somebody types in."""
    page = admin.get("/ui/usage", **{"hx-request": "true"}).text
    assert "<form" not in page
    assert "By model" in page


def test_csv_holds_what_the_filters_leave(admin: Visitor, books: Books) -> None:
    """The same columns as the admin API's."""
    answer = admin.get(f"/ui/usage/csv?user={books.ada}")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.splitlines()[0].startswith("id,admitted_at")
    assert [line.split(",")[0] for line in answer.text.splitlines()[1:]] == ["req_ada"]


def test_a_member_sees_his_own_calls_whatever_he_asks(ada: Visitor, books: Books) -> None:
    """In the list, as CSV, and opened; and nothing that adds up other people's."""
    for path in ("/ui/usage", f"/ui/usage?user={books.bob}", f"/ui/usage/csv?user={books.bob}"):
        text = ada.get(path).text
        assert "req_ada" in text
        assert "req_bob" not in text
        assert "bob-model" not in text
    assert "Reader Bob" not in ada.get("/ui/usage").text
    assert ada.get("/ui/usage/req_bob").status_code == 404
    assert ada.get("/ui/playground/calls/req_bob").status_code == 404
    assert ada.get("/ui/usage/req_ada").status_code == 200


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("req_ada", "Counted from the tokens"),
        ("req_bob", "The provider refused the connection, broke it"),
        ("req_open", "The call still runs"),
        ("req_lost", "Its process died while it ran"),
        ("req_free", "so it has cost nothing"),
    ],
)
def test_a_call_is_told_in_words(admin: Visitor, books: Books, call: str, told: str) -> None:
    """How it ended, and where its cost comes from."""
    assert told in admin.get(f"/ui/usage/{call}").text


def test_the_time_of_a_call_is_split(admin: Visitor, books: Books) -> None:
    """Until the first byte, and from there to the last."""
    page = admin.get("/ui/usage/req_ada").text
    for part in (
        "Gaud: checks, books, routing",
        "4 ms",
        "Provider: until the first byte",
        "296 ms",
        "900 ms",
    ):
        assert part in page


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ("prefix", "The name began with the prefix"),
        ("listed", "lists a model of exactly this name"),
        ("pattern", "takes names of this pattern"),
        ("maker", "has made for the same user"),
        ("only", "nobody else serves this endpoint"),
        (None, "The books do not say"),
    ],
)
def test_a_call_says_why_its_provider_was_chosen(
    lasting: House, admin: Visitor, books: Books, chosen: str | None, told: str
) -> None:
    """Also when it is older than the books' knowing it."""
    book(lasting, f"req_chosen_{chosen}", books.bob, chosen_by=chosen, admitted_at=NOON - 86_400_000 * 9)
    assert told in admin.get(f"/ui/usage/req_chosen_{chosen}").text


@pytest.mark.usefixtures("books")
def test_budgets_name_who_is_nearest_to_a_limit_first(lasting: House, admin: Visitor) -> None:
    """A budget of nothing is used up."""
    near = lasting.people.create_user("Nearest", actor="test").id
    lasting.people.patch_budget(near, {"daily_nanos": 0}, actor="test")
    page = admin.get("/ui/budgets").text
    assert page.index("Nearest") < page.index("Reader Ada")
