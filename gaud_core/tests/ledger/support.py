"""What the ledger's tests share."""

from __future__ import annotations

import itertools
import json
from typing import Any

from sqlalchemy import insert, select, update

from gaud_core.ledger import Admission, Worst
from gaud_core.store import Store
from gaud_core.store.schema import budgets, calls, keys, spend, users

_numbers = itertools.count()


def add_key(
    store: Store,
    user: str = "ada",
    key: str = "key",
    models: tuple[str, ...] = (),
    daily: int | None = None,
    monthly: int | None = None,
    **limits: Any,
) -> None:
    """Write a user with a budget and a key with limits."""
    made = {"user_id": user, "digest": key.encode(), "prefix": "sk-prx-", "label": "", "created_at": 0}
    with store.writing() as connection:
        connection.execute(insert(users).values(id=user, name=user, role="member", created_at=0))
        connection.execute(insert(keys).values(id=key, models=json.dumps(models), **made, **limits))
        connection.execute(insert(budgets).values(user_id=user, daily_nanos=daily, monthly_nanos=monthly))


def limit(store: Store, **limits: Any) -> None:
    """Change the key `key`."""
    with store.writing() as connection:
        connection.execute(update(keys).where(keys.c.id == "key").values(**limits))


def budget(store: Store, **nanos: int | None) -> None:
    """Change the budget of `ada`."""
    with store.writing() as connection:
        connection.execute(update(budgets).where(budgets.c.user_id == "ada").values(**nanos))


def wants(
    key: str | None = "key", tokens: int = 10, nanos: int | None = 100, call: str = "", **more: Any
) -> Admission:
    """A call that wants to go out."""
    return Admission(
        id=call or f"call-{next(_numbers)}",
        instance="acme",
        provider="acme",
        model="gpt-4o",
        endpoint="chat/completions",
        key_id=key,
        worst=Worst(tokens, nanos),
        **more,
    )


def row(store: Store, call: str) -> Any:
    """The row of a call, or None."""
    with store.reading() as connection:
        return connection.execute(select(calls).where(calls.c.id == call)).one_or_none()


def money(store: Store, user: str = "ada") -> dict[str, tuple[int, int]]:
    """What is spent and reserved in each period."""
    with store.reading() as connection:
        rows = connection.execute(select(spend).where(spend.c.user_id == user)).fetchall()
        return {row.period: (row.spent_nanos, row.reserved_nanos) for row in rows}
