"""What a user has used of his budgets."""

from __future__ import annotations

import attrs
from sqlalchemy import select

from gaud_core.ledger.periods import periods_of, until_next_day, until_next_month
from gaud_core.store import Store
from gaud_core.store.schema import spend

__all__ = ["Spent", "spent_by"]


@attrs.frozen
class Spent:
    """One day or month: what was spent, what running calls may still take, in nano-dollars.

    `period` is `2026-11-23` or `2026-11`, `until` the UTC milliseconds at which it ends.
    """

    period: str
    until: int
    spent_nanos: int = 0
    reserved_nanos: int = 0

    def left_of(self, limit_nanos: int | None) -> int | None:
        """What a limit still has room for; None without a limit."""
        return None if limit_nanos is None else max(0, limit_nanos - self.spent_nanos - self.reserved_nanos)


def spent_by(store: Store, user_id: str, now: int) -> tuple[Spent, Spent]:
    """Give the day and the month of that time; blocks for a few milliseconds."""
    day, month = periods_of(now)
    query = select(spend.c.period, spend.c.spent_nanos, spend.c.reserved_nanos).where(
        spend.c.user_id == user_id, spend.c.period.in_([day, month])
    )
    with store.reading() as connection:
        found = {row[0]: (row[1], row[2]) for row in connection.execute(query)}
    second = now // 1000
    return (
        Spent(day, (second + until_next_day(now)) * 1000, *found.get(day, ())),
        Spent(month, (second + until_next_month(now)) * 1000, *found.get(month, ())),
    )
