"""All budgets at a glance: who is near his limit comes first."""

from __future__ import annotations

from starlette.responses import Response

from gaud_core.ledger.accounts import Account, Purse, read_accounts
from gaud_core.ui.visit import Visit

__all__ = ["show"]

_PER_PAGE = 100


async def show(visit: Visit) -> Response:
    """Show every user's day and month."""
    site = visit.site
    accounts = await visit.off(read_accounts, site.store, site.now())
    ordered = sorted(accounts, key=_pressure, reverse=True)
    page = visit.page_number()
    return await visit.page(
        "budgets.html",
        accounts=ordered[(page - 1) * _PER_PAGE : page * _PER_PAGE],
        total=len(accounts),
        page_now=page,
        per_page=_PER_PAGE,
        day=sum(account.day.spent for account in accounts),
        month=sum(account.month.spent for account in accounts),
        spent_up=sum(max(_used(account.day), _used(account.month)) >= 1 for account in accounts),
        limited=sum(not (account.day.limit is None and account.month.limit is None) for account in accounts),
        threshold=site.gateway.config.budget.warning_threshold_percent,
    )


def _pressure(account: Account) -> tuple[float, int]:
    return max(_used(account.day), _used(account.month)), account.month.spent


def _used(purse: Purse) -> float:
    """Give what part of a budget is used up; without one nothing ever is."""
    if purse.limit is None:
        return 0.0
    return (purse.spent + purse.reserved) / purse.limit if purse.limit else 1.0
