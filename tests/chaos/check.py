"""Compares the books with what upstream and clients have seen."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs
from sqlalchemy import select

from gaud_core.ledger.periods import day_of, month_of
from gaud_core.ledger.verify import verify
from gaud_core.store import Store
from gaud_core.store.schema import calls, spend, workers

from .callers import Trial
from .cast import Cast
from .upstream import Journal, Visit
from .workers import Life

__all__ = ["KINDS", "Evidence", "Finding", "in_the_books", "inspect", "open_calls", "read_rows", "verified"]

KINDS = ("lost", "doubled", "wrong", "overshoot")
_MINUTE = 60_000

Rows = Mapping[str, Any]


@attrs.frozen
class Finding:
    """Something that may not be, of one of `KINDS`."""

    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


@attrs.frozen
class Evidence:
    """All that is known when nobody calls any more and recovery is through."""

    journal: Journal
    trials: Sequence[Trial]
    cast: Cast
    stale_ms: int


def inspect(store: Store, evidence: Evidence, now: int) -> list[Finding]:
    """Find every contradiction."""
    rows = read_rows(store)
    return [
        *_seen(rows, evidence),
        *_completed(rows, evidence),
        *_costs(rows, evidence),
        *_lost(rows, evidence),
        *_counters(store, rows),
        *verified(store, now),
        *_windows(rows, evidence),
        *_crowds(rows, evidence),
        *_budgets(rows, evidence),
        *_ended_keys(rows, evidence),
    ]


def read_rows(store: Store) -> Rows:
    """Every call in the books."""
    with store.reading() as connection:
        return {row.id: row for row in connection.execute(select(calls))}


def open_calls(store: Store) -> list[str]:
    """The calls that have not ended."""
    with store.reading() as connection:
        return list(connection.execute(select(calls.c.id).where(calls.c.state == "open")).scalars())


def in_the_books(store: Store) -> int:
    """How many workers say there that they live."""
    with store.reading() as connection:
        return len(connection.execute(select(workers.c.id)).fetchall())


def verified(store: Store, now: int) -> Iterator[Finding]:
    """Ask the product's own proof."""
    with store.reading() as connection:
        for difference in verify(connection, now).differences:
            kind = "doubled" if difference.booked > difference.rows else "wrong"
            yield Finding(kind, f"verify: {difference}")


def _seen(rows: Rows, evidence: Evidence) -> Iterator[Finding]:
    """Each call that the upstream saw has one row, and it saw none twice."""
    ids = Counter(visit.id for visit in evidence.journal.visits)
    numbers = Counter(visit.plan.number for visit in evidence.journal.visits)
    for call_id, count in ids.items():
        if call_id not in rows:
            yield Finding("lost", f"{call_id} was seen by the upstream and is not in the books")
        if count > 1:
            yield Finding("doubled", f"{call_id} came to the upstream {count} times")
    for number, count in numbers.items():
        if count > 1:
            yield Finding("doubled", f"trial {number} came to the upstream {count} times")
    if len(rows) > len(evidence.trials):
        yield Finding("doubled", f"{len(rows)} rows of {len(evidence.trials)} calls")


def _completed(rows: Rows, evidence: Evidence) -> Iterator[Finding]:
    """Each complete answer is settled, with exactly the tokens and the cost that the upstream told."""
    visits = {visit.plan.number: visit for visit in evidence.journal.visits}
    for trial in evidence.trials:
        what = f"trial {trial.plan.number} ({trial.call_id})"
        if trial.hung:
            yield Finding("wrong", f"{what} was never answered")
        if not trial.complete:
            continue
        row, visit = rows.get(trial.call_id), visits.get(trial.plan.number)
        if row is None or visit is None or visit.id != trial.call_id:
            yield Finding("lost", f"{what} was answered, and there is no row or no call at the upstream")
        elif row.state != "settled":
            yield Finding("lost", f"{what} was answered to its end, and is {row.state}")
        elif (told := _of_plan(visit)) != (has := _of_row(row)) or row.status != 200:
            yield Finding(
                "wrong", f"{what} must be {told} and 200, and is {has} and {row.status} in the books"
            )
        if trial.usage is not None and trial.usage != trial.plan.usage:
            yield Finding("wrong", f"{what} came with the usage {trial.usage}")


def _of_plan(visit: Visit) -> tuple[int | None, ...]:
    plan = visit.plan
    return plan.prompt, plan.completion, plan.cached, plan.nanos


def _of_row(row: Any) -> tuple[int | None, ...]:
    return row.input_tokens, row.output_tokens, row.cached_tokens, row.cost_nanos


def _costs(rows: Rows, evidence: Evidence) -> Iterator[Finding]:
    """What did not come to its end costs what was told, or the worst case, or nothing if it was free."""
    visits = {visit.id: visit for visit in evidence.journal.visits}
    for row in rows.values():
        visit, allowed = visits.get(row.id), {(row.reserved_nanos, "estimated")}
        if row.reserved_nanos is None:
            yield Finding("wrong", f"{row.id} was admitted without a price")
        if row.state == "open":
            yield Finding("lost", f"{row.id} is still open")
        elif row.state == "lost":
            pass
        elif visit is None or visit.plan.is_free:
            allowed |= {(0, "none")}
        elif visit.told and _of_row(row) == _of_plan(visit):
            allowed = {(row.cost_nanos, "provider" if visit.plan.told is not None else "priced")}
        if row.state != "open" and (row.cost_nanos, row.cost_source) not in allowed:
            yield Finding(
                "wrong",
                f"{row.id} ({row.state}, {row.status}, {row.error}, {'seen' if visit else 'not seen'}) "
                f"costs {row.cost_nanos} by {row.cost_source}; the worst was {row.reserved_nanos}",
            )


def _lost(rows: Rows, evidence: Evidence) -> Iterator[Finding]:
    """Only a worker that was killed, could not write or seemed dead leaves lost calls."""
    lives = _lives(rows, evidence)
    for row in rows.values():
        life = lives.get(row.worker)
        if row.state != "lost" or life is None:
            continue
        seemed = life.seemed_dead(evidence.stale_ms, 0, row.settled_at)
        if not (life.ending == "kill" or life.was_full or seemed):
            yield Finding("lost", f"{row.id} is lost, though its worker {life.slot} was never killed")


def _lives(rows: Rows, evidence: Evidence) -> dict[str, Life]:
    """Which process was which worker of the books."""
    calls_of = {visit.plan.number: visit.id for visit in evidence.journal.visits}
    lives = {}
    for trial in evidence.trials:
        row = rows.get(trial.call_id or calls_of.get(trial.plan.number, ""))
        if row is not None:
            lives[row.worker] = trial.life
    return lives


def _counters(store: Store, rows: Rows) -> Iterator[Finding]:
    """The money in the counters is that of the rows, added up here once more; nothing is reserved."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows.values():
        for period in (day_of(row.admitted_at), month_of(row.admitted_at)):
            sums[row.user_id, period] += row.cost_nanos or 0
    with store.reading() as connection:
        told = {(row.user_id, row.period): row for row in connection.execute(select(spend))}
    for key, should in sums.items():
        has = told[key].spent_nanos if key in told else 0
        if has != should:
            yield Finding(
                "doubled" if has > should else "wrong", f"{key} has spent {should}, booked is {has}"
            )
    for key, row in told.items():
        if row.reserved_nanos:
            yield Finding("wrong", f"{row.reserved_nanos} of {key} are reserved, and nobody calls")
    if left := in_the_books(store):
        yield Finding("wrong", f"{left} workers are in the books, and none runs")


def _windows(rows: Rows, evidence: Evidence) -> Iterator[Finding]:
    """In no 60 seconds were more requests admitted, or more tokens used and reserved, than the key may."""
    by_key: dict[str, list[Any]] = defaultdict(list)
    for row in sorted(rows.values(), key=lambda row: row.admitted_at):
        by_key[row.key_id].append(row)
    for actor in evidence.cast.actors.values():
        theirs = by_key[actor.id]
        if (rpm := actor.limits.rpm) is not None:
            for first, row in zip(theirs, theirs[rpm:], strict=False):
                if row.admitted_at - first.admitted_at < _MINUTE:
                    yield Finding("overshoot", f"{row.id}: more than {rpm} requests of {actor.id} in 60 s")
        if (tpm := actor.limits.tpm) is not None:
            for number, row in enumerate(theirs):
                if (used := _tokens(theirs[: number + 1], row.admitted_at)) > tpm:
                    yield Finding("overshoot", f"{row.id}: {used} tokens of {actor.id} in 60 s, not {tpm}")


def _tokens(rows: Sequence[Any], at: int) -> int:
    """Tokens of the last minute as they stood then: those of ended calls as told, of others as reserved."""
    used = 0
    for row in reversed(rows):
        if row.admitted_at <= at - _MINUTE:
            break
        ended = row.settled_at is not None and row.settled_at <= at and row.input_tokens is not None
        used += row.input_tokens + row.output_tokens if ended else row.reserved_tokens
    return used


def _crowds(rows: Rows, evidence: Evidence) -> Iterator[Finding]:
    """No key had more calls at the upstream at a time than it may, but for calls that were given up."""
    lives = {trial.plan.number: trial.life for trial in evidence.trials}

    def given_up(visit: Visit, at: int) -> bool:
        life, row = lives.get(visit.plan.number), rows.get(visit.id)
        began = visit.began if row is None else row.admitted_at  # it may have been stopped before it called
        return life is not None and life.seemed_dead(evidence.stale_ms, began, at)

    for crowd in evidence.journal.crowds:
        limit = evidence.journal.limits[crowd.key]
        counted = [visit for visit in crowd.visits if not given_up(visit, crowd.at)]
        if len(counted) > limit:
            ids = ", ".join(visit.id for visit in counted)
            yield Finding("overshoot", f"{len(counted)} calls of {crowd.key} ran, {limit} may: {ids}")


def _budgets(rows: Rows, evidence: Evidence) -> Iterator[Finding]:
    """Nobody has spent more than his budget, neither by the books nor by what the upstream told."""
    purses: tuple[tuple[Callable[[int], str], dict[str, int]], ...] = (
        (day_of, evidence.cast.budgets),
        (month_of, evidence.cast.monthly),
    )
    told = {visit.id: visit.plan.nanos for visit in evidence.journal.visits if visit.told}
    for period_of, limits in purses:
        booked: dict[tuple[str, str], int] = defaultdict(int)
        charged: dict[tuple[str, str], int] = defaultdict(int)
        for row in rows.values():
            if row.user_id in limits:
                booked[row.user_id, period_of(row.admitted_at)] += row.cost_nanos or 0
                charged[row.user_id, period_of(row.admitted_at)] += told.get(row.id, 0)
        for sums, by in ((booked, "by the books"), (charged, "by the upstream")):
            for (user, period), spent in sums.items():
                if spent > limits[user]:
                    yield Finding("overshoot", f"{user} spent {spent} in {period} {by}, not {limits[user]}")


def _ended_keys(rows: Rows, evidence: Evidence) -> Iterator[Finding]:
    """No key opened anything after it had been revoked, nor a text after its grace."""
    calls_of = {visit.plan.number: visit.id for visit in evidence.journal.visits}
    for trial in evidence.trials:
        row = rows.get(trial.call_id or calls_of.get(trial.plan.number, ""))
        ended = evidence.cast.actors[trial.plan.key].ends.get(trial.text)
        if row is not None and ended is not None and row.admitted_at > ended:
            yield Finding(
                "wrong", f"{row.id} was admitted {row.admitted_at - ended} ms after its key had ended"
            )
