"""What the books say about past calls: filters, pages, batches and sums, against a model in Python."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, insert

from gaud_core.config import Config, Database
from gaud_core.errors import BadRequest
from gaud_core.ledger.periods import DAY_MS, day_of
from gaud_core.ledger.usage import (
    GROUPS,
    STATUSES,
    Sums,
    UsageFilter,
    iterate_usage,
    list_usage,
    summarise,
    usage_batches,
)
from gaud_core.store import Store, open_store
from gaud_core.store.schema import calls

from ..clock import NOON
from .support import add_key

USERS = {"key-a": "ada", "key-b": "ada", "key-c": "bob", None: None}
MODELS = ("gpt-4o", "o3", "claude")
INSTANCES = {"work": "acme", "acme": "acme", "other": "zenith"}
TIMES = (NOON, NOON + 1, NOON - DAY_MS, NOON + DAY_MS, NOON - 40 * DAY_MS)

_numbers = itertools.count()

counts = st.none() | st.integers(0, 10**6)


@st.composite
def call_rows(draw: st.DrawFn) -> dict[str, Any]:
    """A row as the ledger writes it, at one of a few times so that many share one."""
    key = draw(st.sampled_from(list(USERS)))
    instance = draw(st.sampled_from(list(INSTANCES)))
    state = draw(st.sampled_from(["open", "settled", "settled", "lost"]))
    ended = state != "open"
    cost = draw(counts) if ended else None
    return {
        "id": f"req_{draw(st.integers(0, 10**9))}_{next(_numbers)}",
        "worker": "w",
        "user_id": USERS[key],
        "key_id": key,
        "instance": instance,
        "provider": INSTANCES[instance],
        "model": draw(st.sampled_from(MODELS)),
        "endpoint": "chat/completions",
        "stream": draw(st.booleans()),
        "on_disconnect": "cancel",
        "state": state,
        "status": draw(st.sampled_from([None, 200, 200, 404, 429, 502])) if state == "settled" else None,
        "input_tokens": draw(counts) if ended else None,
        "output_tokens": draw(counts) if ended else None,
        "cached_tokens": draw(counts) if ended else None,
        "reasoning_tokens": draw(counts) if ended else None,
        "cost_nanos": cost,
        "cost_source": draw(st.sampled_from(["provider", "priced", "estimated"]))
        if cost is not None
        else None,
        "reserved_nanos": draw(counts),
        "reserved_tokens": 0,
        "admitted_at": draw(st.sampled_from(TIMES)),
        "settled_at": NOON if ended else None,
        "error": draw(st.sampled_from([None, None, "It broke."])) if ended else None,
        "milliunits": draw(counts) if ended else None,
        "quantity": draw(counts) if ended else None,
        "unit": draw(st.sampled_from([None, "images", "seconds"])) if ended else None,
    }


filters = st.builds(
    UsageFilter,
    user_id=st.sampled_from([None, None, "ada", "bob", "nobody"]),
    key_id=st.sampled_from([None, None, "key-a", "key-c", "nokey"]),
    provider=st.sampled_from([None, None, "acme", "work", "other", "zenith", "nothing"]),
    model=st.sampled_from([None, None, *MODELS, "unknown"]),
    status=st.sampled_from([None, None, *STATUSES, "200", "429"]),
    since=st.sampled_from([None, None, *TIMES]),
    until=st.sampled_from([None, None, *TIMES]),
)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A store for many examples."""
    opened = open_store(Config(database=Database(path=tmp_path_factory.mktemp("usage") / "gaud.db")))
    add_key(opened, "ada", "key-a")
    add_key(opened, "bob", "key-c")
    with opened.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO keys (id, user_id, digest, prefix, label, created_at, models)"
            " VALUES ('key-b', 'ada', x'01', '', 'second', 0, '[]')"
        )
    yield opened
    opened.close()


def _fill(store: Store, rows: Sequence[dict[str, Any]]) -> None:
    with store.writing() as connection:
        connection.execute(calls.delete())
        for row in rows:
            connection.execute(insert(calls).values(row))


def _failed(row: dict[str, Any]) -> bool:
    if row["state"] == "settled":
        return row["status"] is None or row["status"] >= 400 or row["error"] is not None
    return bool(row["state"] == "lost")


def _has_status(row: dict[str, Any], status: str) -> bool:
    if status == "error":
        return _failed(row)
    if status == "ok":
        return row["state"] == "settled" and not _failed(row)
    return bool(row["state"] == status) if status in STATUSES else row["status"] == int(status)


def _matches(row: dict[str, Any], wanted: UsageFilter) -> bool:
    return (
        wanted.user_id in (None, row["user_id"])
        and wanted.key_id in (None, row["key_id"])
        and wanted.provider in (None, row["instance"], row["provider"])
        and wanted.model in (None, row["model"])
        and (wanted.status is None or _has_status(row, wanted.status))
        and (wanted.since is None or row["admitted_at"] >= wanted.since)
        and (wanted.until is None or row["admitted_at"] < wanted.until)
    )


def _expected(rows: Sequence[dict[str, Any]], wanted: UsageFilter) -> list[dict[str, Any]]:
    found = [row for row in rows if _matches(row, wanted)]
    return sorted(found, key=lambda row: (row["admitted_at"], row["id"]), reverse=True)


many = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@many
@given(st.lists(call_rows(), max_size=25), filters, st.integers(1, 7))
def test_filters_and_pages_agree_with_a_model(
    lasting: Store, rows: list[dict[str, Any]], wanted: UsageFilter, size: int
) -> None:
    """Pages and batches of any size give the very rows of the filter, each once, the newest first."""
    _fill(lasting, rows)
    expected = [row["id"] for row in _expected(rows, wanted)]
    pages = [list_usage(lasting, wanted, page, size) for page in range(1, len(rows) // size + 3)]
    assert {page.total for page in pages} == {len(expected)}
    assert [row.id for page in pages for row in page.rows] == expected
    assert [row.id for batch in usage_batches(lasting, wanted, size) for row in batch] == expected
    assert [row.id for row in iterate_usage(lasting, wanted)] == expected


def _added(rows: Sequence[dict[str, Any]], name: str) -> int | None:
    known = [row[name] for row in rows if row[name] is not None]
    return sum(known) if known else None


def _group(row: dict[str, Any], by: str) -> Any:
    if by == "day":
        return day_of(row["admitted_at"])
    return row[{"user": "user_id", "key": "key_id", "provider": "instance", "model": "model"}[by]]


LABELS = {("user", "ada"): "ada", ("user", "bob"): "bob", ("key", "key-b"): "second"}
LABELS |= {("key", "key-a"): "", ("key", "key-c"): ""}


def _sums(rows: Sequence[dict[str, Any]], by: str, group: Any) -> Sums:
    mine = [row for row in rows if _group(row, by) == group]
    return Sums(
        group,
        LABELS.get((by, group)),
        len(mine),
        sum(_failed(row) for row in mine),
        sum(row["state"] == "open" for row in mine),
        _added(mine, "input_tokens"),
        _added(mine, "output_tokens"),
        _added(mine, "cached_tokens"),
        _added(mine, "reasoning_tokens"),
        _added(mine, "cost_nanos"),
        sum(row["state"] != "open" and row["cost_nanos"] is None for row in mine),
        sum(row["cost_source"] == "estimated" for row in mine),
        _added(mine, "milliunits"),
    )


@many
@given(st.lists(call_rows(), max_size=25), filters, st.sampled_from(GROUPS))
def test_sums_agree_with_a_model(
    lasting: Store, rows: list[dict[str, Any]], wanted: UsageFilter, by: str
) -> None:
    """Every group has its exact sums, and what nobody has told is unknown and not 0."""
    _fill(lasting, rows)
    found = _expected(rows, wanted)
    page = summarise(lasting, wanted, by)
    groups = {_group(row, by) for row in found}
    assert page.total == len(page.rows) == len(groups)
    assert {sums.group: sums for sums in page.rows} == {g: _sums(found, by, g) for g in groups}
    order = [
        (s.group or "", 0) if by == "day" else ("", -1 if s.cost_nanos is None else s.cost_nanos)
        for s in page.rows
    ]
    assert order == sorted(order, reverse=True)


@many
@given(st.lists(call_rows(), min_size=3, max_size=20), st.data())
def test_calls_that_arrive_between_batches_lose_and_double_nothing(
    lasting: Store, rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Whatever is admitted while somebody reads, each call that was there before comes once."""
    _fill(lasting, rows)
    seen: list[str] = []
    for batch in usage_batches(lasting, UsageFilter(), data.draw(st.integers(1, 5))):
        seen += [row.id for row in batch]
        late = {**data.draw(call_rows()), "admitted_at": max(TIMES) + data.draw(st.integers(0, 1000))}
        with lasting.writing() as connection:
            connection.execute(insert(calls).values(late))
    assert len(seen) == len(set(seen))
    there_before = {row["id"] for row in rows}
    assert [call for call in seen if call in there_before] == [
        row["id"] for row in _expected(rows, UsageFilter())
    ]


def test_pages_of_sums_hold_every_group_once(store: Store) -> None:
    """Groups of the same cost have an order, so that none is on two pages."""
    with store.writing() as connection:
        for number in range(10):
            values = {"worker": "w", "instance": "a", "provider": "a", "endpoint": "e", "stream": False}
            connection.execute(
                insert(calls).values(
                    id=str(number), model=f"m{number}", on_disconnect="cancel", state="open",
                    reserved_tokens=0, admitted_at=NOON, **values,
                )
            )  # fmt: skip
    pages = [summarise(store, UsageFilter(), "model", page, 3) for page in (1, 2, 3, 4)]
    assert sorted(sums.group or "" for page in pages for sums in page.rows) == [f"m{n}" for n in range(10)]


@pytest.mark.parametrize("status", ["", "2xx", "99", "600", "-20", "²⁰⁰", "settled", "2000"])
def test_an_unknown_status_is_refused(status: str) -> None:
    """A filter that can match nothing is a mistake and not an empty list."""
    with pytest.raises(BadRequest, match="`status` must be ok, error, open, lost"):
        UsageFilter(status=status)


def test_an_unknown_group_is_refused(store: Store) -> None:
    """The refusal names the groups."""
    with pytest.raises(BadRequest, match="day, user, model, provider, key"):
        summarise(store, UsageFilter(), "colour")


@pytest.mark.parametrize(
    "wanted",
    [
        UsageFilter(user_id="ada", since=NOON, until=NOON + DAY_MS),
        UsageFilter(model="gpt-4o", since=NOON, until=NOON + DAY_MS),
        UsageFilter(key_id="key", since=NOON, until=NOON + DAY_MS),
        UsageFilter(since=NOON, until=NOON + DAY_MS),
        UsageFilter(user_id="ada"),
        UsageFilter(key_id="key"),
        UsageFilter(model="gpt-4o", status="error"),
    ],
)
def test_an_index_finds_the_calls(store: Store, wanted: UsageFilter) -> None:
    """Neither lists nor batches nor sums read through the whole table."""
    plans = _plans(store, wanted)
    assert len(plans) >= 5
    searches = [line for plan in plans for line in plan if "calls" in line]
    assert all(line.startswith("SEARCH calls USING") for line in searches), searches
    assert all(any("calls" in line for line in plan) for plan in plans if plan)


def test_the_newest_calls_of_all_are_found_without_sorting(store: Store) -> None:
    """Without a filter the index on the time gives the order, so a page costs what it shows."""
    listing = _plans(store, UsageFilter())[1]
    assert listing[0] == "SCAN calls USING INDEX ix_calls_admitted_at"
    assert "USE TEMP B-TREE FOR ORDER BY" not in listing


def _plans(store: Store, wanted: UsageFilter) -> list[list[str]]:
    """The plan of every statement that listing, batches and sums execute."""
    executed: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "FROM calls" in statement:
            executed.append((statement, parameters))

    event.listen(store.engine, "before_cursor_execute", note)
    list_usage(store, wanted)
    list(usage_batches(store, wanted, 10))
    for by in GROUPS:
        summarise(store, wanted, by)
    event.remove(store.engine, "before_cursor_execute", note)
    return [_plan(store.engine, *one) for one in executed]


def _plan(engine: Engine, statement: str, parameters: Any) -> list[str]:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [row[3] for row in rows]
