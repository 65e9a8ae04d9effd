"""The statements of the hot path, compiled once for a process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from sqlalchemy import (
    ColumnElement,
    Dialect,
    Select,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    select,
    update,
)

from gaud_core.store import Prepared, PreparedIn, adding, ignoring
from gaud_core.store.schema import IS_OPEN, budgets, calls, keys, made, spend, users, windows

__all__ = ["OPEN_CALL", "SELDOM", "Statements"]

_ADMITTED = (
    "id", "worker", "user_id", "key_id", "instance", "provider", "model", "endpoint", "stream",
    "on_disconnect", "reserved_nanos", "reserved_tokens", "admitted_at", "chosen_by",
)  # fmt: skip
_ENDED = (
    "status", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "cost_nanos",
    "cost_source", "settled_at", "first_byte_ms", "total_ms", "error", "milliunits",
    "quantity", "unit", "sent_ms",
)  # fmt: skip

SELDOM = ("error", "milliunits", "quantity", "unit")
"""Columns that most settlements leave empty, as they are in every open call."""

OPEN_CALL = (
    calls.c.id, calls.c.state, calls.c.user_id, calls.c.key_id, calls.c.reserved_nanos,
    calls.c.reserved_tokens, calls.c.cost_nanos, calls.c.admitted_at,
)  # fmt: skip
"""The columns of an `OpenCall`, in its order."""

_MADE = ("id", "user_id", "instance", "key_id", "created_at")


@attrs.frozen(eq=False)
class Statements:
    """Reads take the wanted ids; writes take rows."""

    keys: PreparedIn
    windows: PreparedIn
    call: Prepared
    seconds: Prepared
    insert_call: Prepared
    end_call: Prepared
    end_plainly: Prepared
    """For an open call of which none of the columns that are told seldom is told."""
    add_spend: Prepared
    add_window: Prepared
    touch_key: Prepared
    remember: Prepared

    @classmethod
    def compile(cls, dialect: Dialect) -> Statements:
        """Compile for SQLite or PostgreSQL."""
        return cls(
            keys=PreparedIn(_keys, dialect),
            windows=PreparedIn(_windows, dialect),
            call=Prepared(_call(), dialect),
            seconds=Prepared(_seconds(), dialect),
            insert_call=Prepared(_insert_call(), dialect),
            end_call=Prepared(_end_call(_ENDED), dialect),
            end_plainly=Prepared(_end_call([name for name in _ENDED if name not in SELDOM]), dialect),
            add_spend=Prepared(
                adding(spend, ("user_id", "period"), ("spent_nanos", "reserved_nanos")),
                dialect,
                ("user_id", "period", "spent_nanos", "reserved_nanos", "pruned_nanos"),
            ),
            add_window=Prepared(
                adding(windows, ("key_id", "second"), ("requests", "tokens")),
                dialect,
                ("key_id", "second", "requests", "tokens"),
            ),
            touch_key=Prepared(_touch_key(), dialect),
            remember=Prepared(ignoring(made), dialect, _MADE),
        )


def _listed(size: int) -> list[Any]:
    return [bindparam(f"v{index}") for index in range(size)]


def _keys(size: int) -> Any:
    """What a key may do, and what stands against it; nothing is counted for a limit that it has not."""
    columns = [
        keys.c.id, keys.c.user_id, keys.c.digest, keys.c.previous_digest, keys.c.previous_until,
        keys.c.expires_at, keys.c.revoked_at, keys.c.models, keys.c.rpm, keys.c.tpm, keys.c.concurrency,
        users.c.deleted_at, budgets.c.daily_nanos, budgets.c.monthly_nanos, keys.c.last_used_at,
    ]  # fmt: skip
    running = select(func.count()).where(IS_OPEN, calls.c.key_id == keys.c.id)
    counted = (
        _where(keys.c.concurrency, running),
        _where(budgets.c.daily_nanos, _used(bindparam("day"))),
        _where(budgets.c.monthly_nanos, _used(bindparam("month"))),
    )
    joined = keys.join(users, users.c.id == keys.c.user_id).outerjoin(
        budgets, budgets.c.user_id == users.c.id
    )
    return select(*columns, *counted).select_from(joined).where(keys.c.id.in_(_listed(size)))


def _where(limit: ColumnElement[Any], counting: Select[Any]) -> ColumnElement[Any]:
    return case((limit.is_not(None), counting.correlate(keys).scalar_subquery()))


def _used(period: ColumnElement[Any]) -> Select[Any]:
    of_user = spend.c.user_id == keys.c.user_id
    return select(spend.c.spent_nanos + spend.c.reserved_nanos).where(of_user, spend.c.period == period)


def _windows(size: int) -> Any:
    return (
        select(windows.c.key_id, func.sum(windows.c.requests), func.sum(windows.c.tokens))
        .where(windows.c.key_id.in_(_listed(size)), windows.c.second > bindparam("after"))
        .group_by(windows.c.key_id)
    )


def _call() -> Any:
    return select(*OPEN_CALL).where(calls.c.id == bindparam("call"))


def _seconds() -> Any:
    return (
        select(windows.c.second, windows.c.requests, windows.c.tokens)
        .where(windows.c.key_id == bindparam("key"), windows.c.second > bindparam("after"))
        .order_by(windows.c.second)
    )


def _insert_call() -> Any:
    values: dict[str, Any] = {name: bindparam(name) for name in _ADMITTED}
    return insert(calls).values(**values, state=literal_column("'open'"))


def _end_call(columns: Sequence[str]) -> Any:
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("state", *columns)}
    is_it = calls.c.id == bindparam("call")
    return update(calls).where(is_it, calls.c.state == bindparam("was")).values(values)


def _touch_key() -> Any:
    return update(keys).where(keys.c.id == bindparam("key")).values(last_used_at=bindparam("at"))
