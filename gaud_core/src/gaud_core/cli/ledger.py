"""`gaud ledger`: prove that the books are right, and show what a crash has left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gaud_core.cli.books import as_json_option, counted, iso, money, open_books, print_json, when
from gaud_core.cli.common import config_option, table

if TYPE_CHECKING:
    from gaud_core.ledger import Report
    from gaud_core.ledger.settle import OpenCall
    from gaud_core.store import Store

__all__ = ["command"]

_HEAD = ("CALL", "USER", "ADMITTED (UTC)", "WORST CASE $")


@click.group("ledger")
def command() -> None:
    """Prove that the books are right, and show what a crash has left. Both are safe while gateways serve."""


@command.command("verify")
@config_option
def verify(config_path: str | None) -> None:
    """Add up every call anew and compare with every counter; exit code 1 if one differs."""
    with open_books(config_path) as store:
        report = _report(store)
    for difference in report.differences:
        click.echo(difference)
    if not report.clean:
        click.echo(f"{counted(len(report.differences), 'difference')} in {_calls(report)}.", err=True)
        raise SystemExit(1)
    told = f"The books are right: {_calls(report)} agree with every counter of money, requests and tokens"
    click.echo(f"{told}.{_waiting(report)}")


@command.command("recover")
@click.option("--dry-run", is_flag=True, help="Only show it.")
@as_json_option
@config_option
def recover(config_path: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Close what ended processes have left open: it counts at its worst case, since nobody knows better.

    A running gateway does the same every few seconds.
    """
    with open_books(config_path) as store:
        found = _recovered(store, dry_run=dry_run)
    if as_json:
        print_json(_as_json(call) for call in found)
        return
    if not found:
        click.echo("Nothing: every open call belongs to a process that runs.")
        return
    rows = [
        (call.id, call.user_id or "-", when(call.admitted_at), money(call.reserved_nanos) or "?")
        for call in found
    ]
    click.echo(table(_HEAD, rows, right={3}, cut={0, 1}))
    said = "would be closed" if dry_run else "are closed as lost and count with their worst case"
    click.echo(f"{counted(len(found), 'open call')} of ended processes {said}.", err=True)


def _report(store: Store) -> Report:
    from gaud_core.ledger.verify import verify
    from gaud_core.store import utc_millis

    with store.reading() as connection:
        return verify(connection, utc_millis())


def _recovered(store: Store, *, dry_run: bool) -> list[OpenCall]:
    """Recover without being a worker, which could be taken for dead in its turn."""
    from gaud_core.ledger.recover import left_open, recover
    from gaud_core.ledger.statements import Statements
    from gaud_core.ledger.workers import is_alive
    from gaud_core.store import utc_millis

    if dry_run:
        with store.reading() as connection:
            return left_open(connection, utc_millis(), None, is_alive)[0]
    statements = Statements.compile(store.engine.dialect)
    with store.writing() as connection:
        return recover(connection, statements, utc_millis(), None, is_alive)


def _calls(report: Report) -> str:
    states = ", ".join(f"{number:,} {state}" for state, number in sorted(report.calls.items()))
    return counted(sum(report.calls.values()), "call") + (f" ({states})" if states else "")


def _waiting(report: Report) -> str:
    if not report.waiting:
        return ""
    return f" {counted(report.waiting, 'open call')} belong to ended processes: see `gaud ledger recover`."


def _as_json(call: OpenCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "user_id": call.user_id,
        "key_id": call.key_id,
        "admitted_at": iso(call.admitted_at),
        "worst_case_usd": money(call.reserved_nanos),
    }
