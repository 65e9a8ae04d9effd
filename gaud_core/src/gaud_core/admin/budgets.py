"""Budgets, and what is used of them."""

from __future__ import annotations

from msgspec import UnsetType

from gaud_core.admin.answers import BudgetAnswer
from gaud_core.admin.desk import Ask
from gaud_core.admin.money import Amount
from gaud_core.admin.requests import BudgetChange
from gaud_core.ledger.accounts import read_account

__all__ = ["set_budget", "show_budget"]


def show_budget(ask: Ask) -> BudgetAnswer:
    """Give the budgets of a user and where he stands."""
    return BudgetAnswer.of(read_account(ask.desk.store, ask.desk.clock(), ask.id))


def set_budget(ask: Ask) -> BudgetAnswer:
    """Set what is named; a limit that somebody forgot to name must not vanish."""
    change: BudgetChange = ask.body
    given = {"monthly_nanos": change.monthly_limit, "daily_nanos": change.daily_limit}
    nanos = {name: _nanos(amount) for name, amount in given.items() if not isinstance(amount, UnsetType)}
    ask.desk.people.patch_budget(ask.id, nanos, actor=ask.actor)
    return show_budget(ask)


def _nanos(amount: Amount | None) -> int | None:
    return None if amount is None else amount.nanos
