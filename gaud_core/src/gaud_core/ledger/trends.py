"""What the books say about the last hours and days: over time, how fast, and what fails.

Everything here only reads, and blocks for as long as the query takes: call it in a thread.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import attrs
from sqlalchemy import case, func, select

from gaud_core.ledger.usage import FAILED
from gaud_core.store import Store
from gaud_core.store.schema import calls

__all__ = ["Failure", "Pace", "Slice", "failures", "paces", "slices"]

_MOST_LATENCIES = 20_000
_MOST_FAILURES = 20


@attrs.frozen
class Slice:
    """The calls that were admitted from `at` (UTC milliseconds) on; sums of None are not told by any."""

    at: int
    calls: int = 0
    errors: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_nanos: int | None = None


@attrs.frozen
class Pace:
    """How an instance has done lately; the latencies are to the first byte, in milliseconds."""

    instance: str
    calls: int = 0
    errors: int = 0
    p50: int | None = None
    p95: int | None = None


@attrs.frozen
class Failure:
    """Calls that failed alike: how many, and when the last one was admitted."""

    instance: str
    model: str
    status: int | None
    error: str | None
    calls: int
    last_at: int


def slices(store: Store, since: int, until: int, step: int, user_id: str | None = None) -> Sequence[Slice]:
    """Cut the time from `since` to `until` into pieces of `step` milliseconds, those without calls too."""
    piece = (calls.c.admitted_at // step).label("piece")
    query = (
        select(
            piece,
            func.count(),
            func.count(case((FAILED, 1))),
            func.sum(calls.c.input_tokens),
            func.sum(calls.c.output_tokens),
            func.sum(calls.c.cost_nanos),
        )
        .where(calls.c.admitted_at >= since, calls.c.admitted_at < until)
        .group_by(piece)
    )
    if user_id is not None:
        query = query.where(calls.c.user_id == user_id)
    with store.reading() as connection:
        found = {int(row[0]): row[1:] for row in connection.execute(query)}
    pieces = range(since // step, -(-until // step))
    return [_slice(at * step, found.get(at)) for at in pieces]


def paces(store: Store, since: int) -> dict[str, Pace]:
    """Give the pace of each instance that has had calls."""
    counting = (
        select(calls.c.instance, func.count(), func.count(case((FAILED, 1))))
        .where(calls.c.admitted_at >= since)
        .group_by(calls.c.instance)
    )
    answered = (
        select(calls.c.instance, calls.c.first_byte_ms)
        .where(calls.c.admitted_at >= since, calls.c.first_byte_ms.is_not(None), ~FAILED)
        .order_by(calls.c.admitted_at.desc())
        .limit(_MOST_LATENCIES)
    )
    with store.reading() as connection:
        counted = connection.execute(counting).fetchall()
        latencies = sorted((name, ms) for name, ms in connection.execute(answered))
    by_name = {
        name: [ms for _, ms in group] for name, group in itertools.groupby(latencies, key=itemgetter(0))
    }
    return {
        name: Pace(name, number, errors, *_percentiles(by_name.get(name, [])))
        for name, number, errors in counted
    }


def failures(store: Store, since: int) -> Sequence[Failure]:
    """Give what has failed, the latest first."""
    last = func.max(calls.c.admitted_at)
    alike = (calls.c.instance, calls.c.model, calls.c.status, calls.c.error)
    query = (
        select(*alike, func.count(), last)
        .where(calls.c.admitted_at >= since, FAILED)
        .group_by(*alike)
        .order_by(last.desc())
        .limit(_MOST_FAILURES)
    )
    with store.reading() as connection:
        return [Failure(*row) for row in connection.execute(query)]


def _percentiles(ordered: Sequence[int]) -> tuple[int | None, int | None]:
    if not ordered:
        return None, None
    return tuple(ordered[min(len(ordered) * part // 100, len(ordered) - 1)] for part in (50, 95))  # type: ignore[return-value]


def _slice(at: int, row: Any) -> Slice:
    """Sums are Decimal in some databases."""
    if row is None:
        return Slice(at)
    sums = (None if number is None else int(number) for number in row[2:])
    return Slice(at, row[0], row[1], *sums)
