"""Deletes what is old, a few rows at a time, so that no call waits for it."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Connection, delete, select, update

from gaud_core.ledger.periods import DAY_MS, periods_of
from gaud_core.ledger.standing import KEPT_SECS
from gaud_core.store.schema import calls, spend, windows

__all__ = ["BATCH", "forget_seconds", "prune"]

BATCH = 500


def prune(connection: Connection, now: int, days: int) -> int:
    """Delete up to `BATCH` ended calls that are older, keep their cost in the sums, and say how many."""
    old = connection.execute(
        select(calls.c.id, calls.c.user_id, calls.c.admitted_at, calls.c.cost_nanos)
        .where(calls.c.admitted_at < now - days * DAY_MS, calls.c.state != "open")
        .order_by(calls.c.admitted_at)
        .limit(BATCH)
    ).fetchall()
    gone: dict[tuple[str, str], int] = defaultdict(int)
    for row in old:
        if row.user_id is not None and row.cost_nanos:
            for period in periods_of(row.admitted_at):
                gone[row.user_id, period] += row.cost_nanos
    for (user, period), nanos in gone.items():
        connection.execute(
            update(spend)
            .where(spend.c.user_id == user, spend.c.period == period)
            .values(pruned_nanos=spend.c.pruned_nanos + nanos)
        )
    if old:
        connection.execute(delete(calls).where(calls.c.id.in_([row.id for row in old])))
    return len(old)


def forget_seconds(connection: Connection, now: int) -> None:
    """Delete the seconds that no window reaches any more."""
    connection.execute(delete(windows).where(windows.c.second < now // 1000 - KEPT_SECS))
