"""Past calls over HTTP: filters, pages, sums, CSV."""

from __future__ import annotations

import csv
import io
import re
import socket
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from gaud_core.admin.csv_answer import _harmless
from gaud_core.ledger.periods import DAY_MS

from ..clock import NOON
from .support import Served, book, book_all

CSV = {"accept": "text/csv"}


def _csv(served: Served, query: str = "") -> list[dict[str, str]]:
    answer = served.admin.get(f"/admin/usage{query}", headers=CSV)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_a_call_is_shown_with_all_that_is_known(served: Served) -> None:
    """Money as exact numbers, times in UTC, and null where nothing is known."""
    user = served.user()
    known = {"input_tokens": 5, "cost_nanos": 1, "cost_source": "priced", "total_ms": 12}
    book(served.store, "req_1", user_id=user, settled_at=NOON + 12, **known)
    answer = served.admin.get("/admin/usage")
    assert '"cost_usd":0.000000001' in answer.text
    assert answer.json() == {
        "data": [
            {
                "id": "req_1",
                "admitted_at": "2026-11-23T12:00:00Z",
                "settled_at": "2026-11-23T12:00:00.012Z",
                "user_id": user,
                "user_name": "Ada",
                "key_id": None,
                "instance": "acme",
                "provider": "acme",
                "model": "gpt-4o",
                "endpoint": "chat/completions",
                "stream": False,
                "state": "settled",
                "status": 200,
                "input_tokens": 5,
                "output_tokens": None,
                "cached_tokens": None,
                "reasoning_tokens": None,
                "cost_usd": 1e-9,
                "cost_source": "priced",
                "reserved_usd": None,
                "first_byte_ms": None,
                "total_ms": 12,
                "error": None,
                "units": None,
                "quantity": None,
                "unit": None,
                "chosen_by": None,
                "sent_ms": None,
            }
        ],
        "page": 1,
        "per_page": 50,
        "total": 1,
    }
    assert list(answer.json()) == ["data", "page", "per_page", "total"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "bcad"),
        ("user_id=ada", "ca"),
        ("key_id=key-b", "b"),
        ("provider=acme", "bad"),
        ("provider=work", "a"),
        ("model=o3", "c"),
        ("status=200", "bca"),
        ("status=429", "d"),
        ("status=error", "d"),
        ("status=ok", "bca"),
        ("status=lost", ""),
        ("from=2026-11-23T12:00:00Z", "bc"),
        ("from=2026-11-23", "bca"),
        ("to=2026-11-22", "d"),
        ("to=2026-11-23T12:00:00%2B00:00", "ad"),
        ("from=2026-11-22&to=2026-11-22", "d"),
        ("user_id=ada&model=gpt-4o", "a"),
        ("per_page=2", "bc"),
        ("per_page=2&page=2", "ad"),
        ("user_id=%27%20OR%201=1%20--", ""),
    ],
)
def test_every_filter_reaches_the_books(lasting_calls: Served, query: str, found: str) -> None:
    """Alone and together; a date in `to` is included."""
    data = lasting_calls.ok("GET", f"/admin/usage?{query}")["data"]
    assert "".join(call["id"] for call in data) == found


@pytest.fixture(scope="module")
def lasting_calls(lasting: Served) -> Served:
    """Four calls: a and c of ada, b of bob, d of nobody."""
    with lasting.store.writing() as connection:
        for user, key in (("ada", "key-a"), ("bob", "key-b")):
            connection.exec_driver_sql("INSERT INTO users VALUES (?, ?, 'member', 0, NULL)", (user, user))
            connection.exec_driver_sql(
                "INSERT INTO keys (id, user_id, digest, prefix, label, created_at, models)"
                " VALUES (?, ?, ?, '', '', 0, '[]')",
                (key, user, key.encode()),
            )
    store = lasting.store
    book(store, "a", user_id="ada", key_id="key-a", instance="work", admitted_at=NOON - 1, cost_nanos=7)
    book(store, "b", user_id="bob", key_id="key-b", admitted_at=NOON + 1, cost_nanos=3)
    book(store, "c", user_id="ada", key_id="key-a", instance="z", provider="z", model="o3")
    book(store, "d", status=429, admitted_at=NOON - DAY_MS)
    return lasting


@pytest.mark.parametrize(
    "query",
    [
        "user_id=", "status=2xx", "status=settled", "from=yesterday", "to=2026-13-01",
        "from=2026-11-23T10:00", "per_page=501", "user=ada", "model=%00", "from=2026-11-23&from=2026-11-24",
        "provider=a%0Ab", "from_=2026-11-23",
    ],
)  # fmt: skip
@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
def test_a_filter_that_cannot_be_is_refused(lasting: Served, query: str, accept: str) -> None:
    """An empty variable in somebody's script must not give him everybody's calls."""
    error = lasting.refused("GET", f"/admin/usage?{query}", headers={"accept": accept})
    assert error["param"] == query.partition("=")[0]


def test_sums_are_exact_and_unknown_is_null(lasting_calls: Served) -> None:
    """By user, with names; the calls of nobody are a group of their own."""
    sums = lasting_calls.ok("GET", "/admin/usage/summary?by=user")
    short = [
        (s["group"], s["label"], s["calls"], s["errors"], s["cost_usd"], s["unknown_cost"])
        for s in sums["data"]
    ]
    assert short == [
        ("ada", "ada", 2, 0, 7e-9, 1),
        ("bob", "bob", 1, 0, 3e-9, 0),
        (None, None, 1, 1, None, 1),
    ]
    days = lasting_calls.ok("GET", "/admin/usage/summary?by=day&user_id=ada")["data"]
    assert [(day["group"], day["calls"]) for day in days] == [("2026-11-23", 2)]


@pytest.mark.parametrize(
    ("query", "words"), [("", "`by` is missing."), ("by=colour", "`by` must be `day`, `user`")]
)
def test_sums_need_to_know_by_what(lasting: Served, query: str, words: str) -> None:
    """The refusal names what there is."""
    assert lasting.refused("GET", f"/admin/usage/summary?{query}")["message"].startswith(words)


def test_csv_holds_every_call_once(served: Served) -> None:
    """More than one batch of them, with the same columns as JSON and exact money."""
    booked = [
        {"id": f"req_{number:05}", "cost_nanos": number, "admitted_at": NOON + number // 100}
        for number in range(1203)
    ]
    book_all(served.store, booked)
    rows = _csv(served)
    assert [row["id"] for row in rows] == [f"req_{number:05}" for number in reversed(range(1203))]
    assert (rows[0]["cost_usd"], rows[0]["stream"], rows[0]["error"]) == ("0.000001202", "false", "")
    assert list(rows[0]) == list(served.ok("GET", "/admin/usage?per_page=1")["data"][0])
    assert [row["id"] for row in _csv(served, "?to=2026-11-22")] == []


def test_calls_that_arrive_during_csv_move_nothing(served: Served) -> None:
    """Every call that was there is in the file once, however many are admitted while it is written."""
    rows = [{"id": f"req_{number:05}", "admitted_at": NOON + number} for number in range(1600)]
    book_all(served.store, rows)
    with served.admin.stream("GET", "/admin/usage", headers=CSV) as answer:
        pieces = answer.iter_text()
        text = next(pieces)
        for number in range(300):
            book(served.store, f"late_{number:05}", admitted_at=NOON + 10**6 + number)
        text += "".join(pieces)
    ids = [row["id"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    assert [call for call in ids if call.startswith("req")] == [
        f"req_{number:05}" for number in reversed(range(1600))
    ]
    assert len(set(ids)) == len(ids)


def test_a_text_cannot_become_a_formula(served: Served) -> None:
    """Nor break the line it stands in; numbers stay numbers."""
    nasty = '=HYPERLINK("http://x"),\r\n"@"'
    book(served.store, "req_1", model=nasty, error="-2+3", cost_nanos=5, instance="@a", provider="-5")
    row = _csv(served)[0]
    assert (row["model"], row["error"], row["instance"]) == ("'" + nasty, "'-2+3", "'@a")
    assert (row["provider"], row["cost_usd"]) == ("-5", "0.000000005")


@given(st.text())
def test_no_cell_begins_like_a_formula(text: str) -> None:
    """What is not a plain number begins with nothing that a spreadsheet takes for a formula."""
    cell = _harmless(text)
    assert cell in {text, f"'{text}"}
    assert not cell.startswith(("=", "@", "\t", "\r"))
    assert re.fullmatch(r"[^+-].*|[+-][0-9]+([.][0-9]+)?|", cell, re.DOTALL)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/csv", "text/csv"),
        ("TEXT/CSV;q=0.9, */*;q=0.1", "text/csv"),
        ("application/json;q=0.5, text/csv", "text/csv"),
        ("application/json, text/csv;q=0.5", "application/json"),
        ("text/csv;q=0", "application/json"),
        ("text/csv;q=lots", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "application/json"),
        ("", "application/json"),
    ],
)
def test_accept_decides(lasting: Served, accept: str, kind: str) -> None:
    """CSV for whoever names it and does not want JSON more; JSON for everybody else."""
    answer = lasting.admin.get("/admin/usage", headers={"accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == kind


def test_csv_has_no_pages(lasting: Served) -> None:
    """A page that was asked for and not given would be a silent mistake."""
    assert lasting.refused("GET", "/admin/usage?page=2", headers=CSV)["param"] == "page"


def test_a_head_of_csv_reads_no_calls(lasting_calls: Served) -> None:
    """HEAD has the headers of GET and costs nothing."""
    answer = lasting_calls.admin.head("/admin/usage", headers=CSV)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/csv")


def test_csv_that_breaks_does_not_look_whole(served: Served) -> None:
    """When the store fails in the middle, the connection ends without the end of the answer."""
    rows = [{"id": f"req_{number:05}"} for number in range(1100)]
    book_all(served.store, rows)
    batches = iter(range(10))

    def fail(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "FROM calls" in statement and next(batches) == 1:
            raise OperationalError(statement, {}, Exception("disk I/O error"))

    event.listen(served.store.engine, "before_cursor_execute", fail)
    with pytest.raises(Exception, match=r"incomplete chunked read|peer closed"):
        served.admin.get("/admin/usage", headers=CSV)


def test_a_store_that_fails_is_503(served: Served) -> None:
    """For JSON, and for CSV before its first line; with the time to wait."""

    def fail(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "FROM calls" in statement:
            raise OperationalError(statement, {}, Exception("disk I/O error"))

    event.listen(served.store.engine, "before_cursor_execute", fail)
    for accept in ("application/json", "text/csv"):
        answer = served.admin.get("/admin/usage", headers={"accept": accept})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "books_unavailable")
        assert answer.headers["retry-after"] == "5"


def test_a_client_who_leaves_in_the_middle_hurts_nobody(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """The rest is not read, nothing is logged as a failure, and the next request is served."""
    rows = [{"id": f"req_{number:05}", "error": "x" * 2000} for number in range(3000)]
    book_all(served.store, rows)
    key = served.admin.headers["authorization"]
    port = int(served.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(
            f"GET /admin/usage HTTP/1.1\r\nhost: x\r\naccept: text/csv\r\n"
            f"authorization: {key}\r\n\r\n".encode()
        )
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    assert served.ok("GET", "/admin/usage?per_page=1")["total"] == 3000
    assert [record for record in caplog.records if record.exc_info] == []


def test_csv_takes_no_more_memory_for_more_calls(served: Served) -> None:
    """A reader who does not read holds up the batches, and not the memory."""
    reading: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "FROM calls" in statement:
            reading.append(statement)

    rows = [{"id": f"req_{number:05}", "error": "x" * 4000} for number in range(6000)]
    book_all(served.store, rows)
    event.listen(served.store.engine, "before_cursor_execute", note)
    with served.admin.stream("GET", "/admin/usage", headers=CSV) as answer:
        next(answer.iter_raw())
        _settled(reading)
        assert len(reading) < 10  # of 13: what the sockets and uvicorn hold is 2 MB a batch
    event.remove(served.store.engine, "before_cursor_execute", note)


def _settled(seen: list[str]) -> None:
    """Wait until nothing comes any more."""
    waiting, before = threading.Event(), -1
    while len(seen) != before:
        before = len(seen)
        waiting.wait(0.2)
