"""The proof: every counter computed anew from the rows, and each difference named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import attrs
from sqlalchemy import Connection, func, select

from gaud_core.ledger.periods import DAY_MS, periods_of
from gaud_core.ledger.standing import HORIZON_SECS
from gaud_core.store.schema import calls, spend, windows, workers

__all__ = ["Difference", "Report", "verify"]

Money = dict[tuple[str, str], list[int]]


@attrs.frozen
class Difference:
    """One counter that does not say what the rows say."""

    what: str
    booked: int
    rows: int

    def __str__(self) -> str:
        return f"{self.what} is {self.booked}, but the rows add up to {self.rows}."


@attrs.frozen
class Report:
    """What was found; the books are right when there are no differences."""

    differences: tuple[Difference, ...]
    calls: dict[str, int]
    """How many calls there are in each state."""
    waiting: int
    """Open calls whose worker has no row any more: recovery will close them."""

    @property
    def clean(self) -> bool:
        """Whether every counter agrees with the rows."""
        return not self.differences


def verify(connection: Connection, now: int) -> Report:
    """Recompute the counters in one state of the database."""
    found = (*_money(connection), *_windows(connection, now), *_rows(connection))
    states = connection.execute(select(calls.c.state, func.count()).group_by(calls.c.state))
    known = select(workers.c.id)
    waiting = select(func.count()).where(calls.c.state == "open", calls.c.worker.not_in(known))
    counts = {row[0]: row[1] for row in states}
    return Report(found, counts, connection.execute(waiting).scalar_one())


def _money(connection: Connection) -> Iterator[Difference]:
    told, pruned = _told_money(connection)
    counted = _counted_money(connection)
    for user, period in sorted({*told, *counted}):
        booked, rows = told.get((user, period), [0, 0]), counted.get((user, period), [0, 0])
        for name, has, should in zip(("spent", "reserved"), booked, rows, strict=True):
            gone = pruned.get((user, period), 0) if name == "spent" else 0
            if has != should + gone:
                yield Difference(f"{name} of {user} in {period}, in nano-dollars,", has, should + gone)


def _told_money(connection: Connection) -> tuple[Money, dict[tuple[str, str], int]]:
    rows = connection.execute(select(spend)).fetchall()
    told = {(row.user_id, row.period): [row.spent_nanos, row.reserved_nanos] for row in rows}
    return told, {(row.user_id, row.period): row.pruned_nanos for row in rows}


def _counted_money(connection: Connection) -> Money:
    day = (calls.c.admitted_at // DAY_MS).label("day")
    query = (
        select(
            calls.c.user_id,
            day,
            calls.c.state,
            func.sum(calls.c.cost_nanos),
            func.sum(calls.c.reserved_nanos),
        )
        .where(calls.c.user_id.is_not(None))
        .group_by(calls.c.user_id, day, calls.c.state)
    )
    counted: Money = defaultdict(lambda: [0, 0])
    for user, number, state, cost, reserved in connection.execute(query):
        for period in periods_of(int(number) * DAY_MS):
            counted[user, period][0] += int(cost or 0)
            counted[user, period][1] += int(reserved or 0) if state == "open" else 0
    return counted


def _windows(connection: Connection, now: int) -> Iterator[Difference]:
    after = now // 1000 - HORIZON_SECS
    told_rows = connection.execute(select(windows).where(windows.c.second > after))
    told = {(row.key_id, row.second): [row.requests, row.tokens] for row in told_rows}
    counted: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
    for row in connection.execute(_recent(after)):
        second = counted[row.key_id, row.admitted_at // 1000]
        second[0] += 1
        second[1] += (
            row.reserved_tokens if row.input_tokens is None else row.input_tokens + (row.output_tokens or 0)
        )
    for key, second_number in sorted({*told, *counted}):
        pairs = zip(
            ("requests", "tokens"),
            told.get((key, second_number), [0, 0]),
            counted.get((key, second_number), [0, 0]),
            strict=True,
        )
        for name, has, should in pairs:
            if has != should:
                yield Difference(f"{name} of {key} in second {second_number}", has, should)


def _recent(after: int) -> Any:
    tokens = (calls.c.reserved_tokens, calls.c.input_tokens, calls.c.output_tokens)
    return select(calls.c.key_id, calls.c.admitted_at, *tokens).where(
        calls.c.admitted_at >= (after + 1) * 1000, calls.c.key_id.is_not(None)
    )


def _rows(connection: Connection) -> Iterator[Difference]:
    """Rows that contradict themselves."""
    ended = select(func.count()).where(calls.c.state != "open", calls.c.settled_at.is_(None))
    begun = select(func.count()).where(calls.c.state == "open", calls.c.settled_at.is_not(None))
    for what, query in (("ended calls without an end", ended), ("open calls with an end", begun)):
        if count := connection.execute(query).scalar_one():
            yield Difference(f"the number of {what}", count, 0)
