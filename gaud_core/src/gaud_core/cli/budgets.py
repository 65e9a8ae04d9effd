"""`gaud budgets`: show and set what users may spend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from gaud_core.cli.books import actor, as_json_option, money, open_people, print_json
from gaud_core.cli.common import config_option, table
from gaud_core.cli.params import Dollars

if TYPE_CHECKING:
    from gaud_core.access import People
    from gaud_core.ledger.accounts import Account, Purse

__all__ = ["command"]

_HEAD = ("USER", "PERIOD", "LIMIT $", "SPENT $", "RESERVED $", "LEFT $")


@click.group("budgets")
def command() -> None:
    """Show and set what users may spend, in US dollars. USER is an id or a name.

    Days turn at midnight UTC, months on the first.
    """


@command.command("show")
@click.argument("user", required=False)
@as_json_option
@config_option
def show(config_path: str | None, user: str | None, *, as_json: bool) -> None:
    """Show budgets, what is spent of them, what running calls have reserved, and what is left."""
    with open_people(config_path) as people:
        found = _accounts(people, user)
    if as_json:
        print_json(_as_json(account) for account in found)
    else:
        rows = [row for account in found for row in _rows(account)]
        click.echo(table(_HEAD, rows, right=range(2, 6), cut={0}) if rows else "There is no user yet.")


@command.command("set")
@click.argument("user")
@click.option("--daily", type=Dollars(), help="The most in a day, such as 5.")
@click.option("--monthly", type=Dollars(), help="The most in a month, such as 50.25.")
@click.option("--no-daily", is_flag=True, help="No limit for a day.")
@click.option("--no-monthly", is_flag=True, help="No limit for a month.")
@config_option
def set_(config_path: str | None, user: str, **options: Any) -> None:
    """Set the budgets of a user; what is not named stays. It counts from the next call on."""
    changes = dict(_changes(options))
    with open_people(config_path) as people:
        found = people.find_user(user)
        budget = people.patch_budget(found.id, changes, actor=actor())
    said = " and ".join(
        f"{money(nanos)} USD a {period}" if nanos is not None else f"without limit a {period}"
        for period, nanos in (("day", budget.daily_nanos), ("month", budget.monthly_nanos))
    )
    click.echo(f"{found.name} may spend {said}.")


def _changes(options: dict[str, Any]) -> Iterator[tuple[str, int | None]]:
    if not any(said is not None and said is not False for said in options.values()):
        raise click.UsageError("Say what is to change, such as --daily 5; --help lists it.")
    for name in ("daily", "monthly"):
        amount, none = options[name], options[f"no_{name}"]
        if none and amount is not None:
            raise click.UsageError(f"--{name} and --no-{name} contradict each other.")
        if none or amount is not None:
            yield f"{name}_nanos", amount


def _accounts(people: People, user: str | None) -> list[Account]:
    from gaud_core.ledger.accounts import read_accounts

    user_id = people.find_user(user).id if user is not None else None
    return read_accounts(people.store, people.clock(), user_id)


def _rows(account: Account) -> Iterator[tuple[str, ...]]:
    for purse in (account.day, account.month):
        amounts = (purse.limit, purse.spent, purse.reserved, purse.left)
        yield account.user_name, purse.period, *(money(amount) or "none" for amount in amounts)


def _as_json(account: Account) -> dict[str, Any]:
    return {
        "user_id": account.user_id,
        "user_name": account.user_name,
        "daily_limit": money(account.day.limit),
        "monthly_limit": money(account.month.limit),
        "today": _purse(account.day),
        "this_month": _purse(account.month),
    }


def _purse(purse: Purse) -> dict[str, Any]:
    return {
        "period": purse.period,
        "spent": money(purse.spent),
        "reserved": money(purse.reserved),
        "left": money(purse.left),
    }
