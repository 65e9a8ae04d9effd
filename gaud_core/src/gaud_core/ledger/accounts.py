"""Users' budgets and what has been used of them; blocks for as long as the queries take."""

from __future__ import annotations

from typing import Any

import attrs
from sqlalchemy import select

from gaud_core.errors import NotFound
from gaud_core.ledger.periods import periods_of, until_next_day, until_next_month
from gaud_core.store import Store
from gaud_core.store.schema import budgets, spend, users

__all__ = ["Account", "Purse", "read_account", "read_accounts"]


@attrs.frozen
class Purse:
    """One period's budget in nano-dollars: `spent` by calls that have ended, `reserved` by those that run."""

    period: str
    """`2026-11-23` or `2026-11`, in UTC."""
    until: int
    """The UTC milliseconds at which it ends."""
    limit: int | None
    spent: int
    reserved: int

    @property
    def left(self) -> int | None:
        """What calls may still reserve; None is without limit."""
        return None if self.limit is None else max(0, self.limit - self.spent - self.reserved)


@attrs.frozen
class Account:
    """A user's day and month."""

    user_id: str
    user_name: str
    day: Purse
    month: Purse


def read_accounts(store: Store, now: int, user_id: str | None = None) -> list[Account]:
    """Give the accounts of one user, or of all who are not deleted, the oldest user first, in one state."""
    day, month = periods_of(now)
    second = now // 1000
    ends = (second + until_next_day(now)) * 1000, (second + until_next_month(now)) * 1000
    known = (
        select(users.c.id, users.c.name, budgets.c.daily_nanos, budgets.c.monthly_nanos)
        .select_from(users.outerjoin(budgets, budgets.c.user_id == users.c.id))
        .where(users.c.deleted_at.is_(None))
        .order_by(users.c.created_at, users.c.id)
    )
    used = select(spend).where(spend.c.period.in_([day, month]))
    if user_id is not None:
        known, used = known.where(users.c.id == user_id), used.where(spend.c.user_id == user_id)
    with store.reading() as connection:
        sums: dict[tuple[str, str], Any] = {
            (row.user_id, row.period): (row.spent_nanos, row.reserved_nanos)
            for row in connection.execute(used)
        }
        rows = connection.execute(known).fetchall()
    return [
        Account(
            user,
            name,
            Purse(day, ends[0], daily, *sums.get((user, day), (0, 0))),
            Purse(month, ends[1], monthly, *sums.get((user, month), (0, 0))),
        )
        for user, name, daily, monthly in rows
    ]


def read_account(store: Store, now: int, user_id: str) -> Account:
    """Give the account of one user; raises NotFound."""
    found = read_accounts(store, now, user_id)
    if not found:
        raise NotFound("There is no such user.", code="user_not_found")
    return found[0]
