"""`gaud usage`: list calls and what they cost, or add them up."""

from __future__ import annotations

import csv
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import click

from gaud_core.cli.books import as_json_option, counted, iso, money, open_people, print_json, when
from gaud_core.cli.common import config_option, table
from gaud_core.cli.params import Moment

if TYPE_CHECKING:
    from gaud_core.access import People
    from gaud_core.ledger.usage import Row, Sums, UsageFilter
    from gaud_core.store import Store

__all__ = ["command"]

F = TypeVar("F", bound=Callable[..., Any])

_SHOWN = 50
_PER_PAGE = 500
_HEAD = ("TIME (UTC)", "USER", "MODEL", "STATUS", "IN", "OUT", "COST $")
_SUMS_HEAD = ("CALLS", "ERRORS", "OPEN", "IN", "OUT", "COST $", "UNPRICED")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _filter_options(function: F) -> F:
    options = [
        click.option("--user", help="An id or a name."),
        click.option("--key", help="An id or a label."),
        click.option("--provider", help="A name of [providers.…], or of what serves it."),
        click.option("--model", help="A model as the upstream names it."),
        click.option("--status", help="ok, error, open, lost, or an HTTP status."),
        click.option("--from", "since", type=Moment(back=True), help="From then on: a date in UTC, or 7d."),
        click.option("--to", "until", type=Moment(back=True), help="Before then."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@click.command("usage")
@_filter_options
@click.option("--by", type=click.Choice(["day", "user", "model", "provider", "key"]), help="Add calls up.")
@click.option("--limit", type=click.IntRange(1), help=f"The most lines; {_SHOWN} in a table, else all.")
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV.")
@as_json_option
@config_option
def command(
    config_path: str | None, by: str | None, limit: int | None, *, as_csv: bool, as_json: bool, **wanted: Any
) -> None:
    """List calls, the newest first, or add them up by day, user, model, provider or key."""
    if as_csv and as_json:
        raise click.UsageError("--csv and --json: which one?")
    with open_people(config_path) as people:
        filters = _filters(people, wanted)
        if not (as_csv or as_json):
            click.echo(
                _sums_table(people.store, filters, by, limit) if by else _calls(people.store, filters, limit)
            )
            return
        items: Iterator[Row | Sums] = (
            _sums(people.store, filters, by) if by else _every(people.store, filters)
        )
        objects = (_as_json(item) for item in itertools.islice(items, limit))
        if as_json:
            print_json(objects)
        else:
            _print_csv(objects, by)


def _filters(people: People, wanted: Mapping[str, Any]) -> UsageFilter:
    from gaud_core.ledger.usage import UsageFilter

    user, key = wanted["user"], wanted["key"]
    return UsageFilter(
        user_id=people.find_user(user, deleted=True).id if user is not None else None,
        key_id=people.find_key(key).id if key is not None else None,
        **{name: wanted[name] for name in ("provider", "model", "status", "since", "until")},
    )


def _every(store: Store, filters: UsageFilter) -> Iterator[Row]:
    from gaud_core.ledger.usage import iterate_usage

    return iterate_usage(store, filters)


def _sums(store: Store, filters: UsageFilter, by: str) -> Iterator[Sums]:
    from gaud_core.ledger.usage import summarise

    for number in itertools.count(1):
        page = summarise(store, filters, by, number, _PER_PAGE)
        yield from page.rows
        if len(page.rows) < _PER_PAGE:
            return


def _calls(store: Store, filters: UsageFilter, limit: int | None) -> str:
    from gaud_core.ledger.usage import list_usage

    page = list_usage(store, filters, 1, limit or _SHOWN)
    if not page.rows:
        return "No call is in the books that fits."
    rows = [
        (
            when(call.admitted_at),
            call.user_name or "-",
            f"{call.instance}:{call.model}",
            str(call.status) if call.state == "settled" and call.status else call.state,
            *(_number(count) for count in (call.input_tokens, call.output_tokens)),
            _cost(call.cost_nanos, estimated=call.cost_source == "estimated"),
        )
        for call in page.rows
    ]
    head, lines = _with_units(_HEAD, rows, [call.milliunits for call in page.rows])
    shown = table(head, lines, right={4, 5, 6, 7}, cut={1, 2})
    return shown + _more(len(rows), page.total, "call") + _marks(row[-1] for row in rows)


def _sums_table(store: Store, filters: UsageFilter, by: str, limit: int | None) -> str:
    found = list(itertools.islice(_sums(store, filters, by), (limit or _SHOWN) + 1))
    if not found:
        return "No call is in the books that fits."
    rows = [
        (
            _group(by, sums),
            f"{sums.calls:,}",
            f"{sums.errors:,}",
            f"{sums.open:,}",
            *(_number(count) for count in (sums.input_tokens, sums.output_tokens)),
            _cost(sums.cost_nanos, estimated=sums.estimated > 0),
            f"{sums.unknown_cost:,}",
        )
        for sums in found[: limit or _SHOWN]
    ]
    head, lines = _with_units(
        (by.upper(), *_SUMS_HEAD), rows, [sums.milliunits for sums in found[: len(rows)]]
    )
    shown = table(head, lines, right=range(1, 9), cut={0})
    more = "\nThere are more; --limit shows them." if len(found) > len(rows) else ""
    return shown + more + _marks(row[6] for row in rows)


def _with_units(
    head: Sequence[str], rows: Sequence[Sequence[str]], milliunits: Sequence[int | None]
) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """Add what was taken of the accounts' allowances, if any of them is counted."""
    if all(amount is None for amount in milliunits):
        return head, rows
    shown = ["-" if amount is None else f"{amount / 1000:,.15g}" for amount in milliunits]
    return (*head, "UNITS"), [(*row, units) for row, units in zip(rows, shown, strict=True)]


def _group(by: str, sums: Sums) -> str:
    """Say what was added up; calls without user and key were made while keys were switched off."""
    if by == "key" and sums.label:
        return f"{sums.label} ({sums.group})"
    return sums.label or sums.group or "-"


def _number(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"


def _cost(nanos: int | None, *, estimated: bool) -> str:
    cost = money(nanos)
    return "?" if cost is None else f"~{cost}" if estimated else cost


def _more(shown: int, total: int, noun: str) -> str:
    return f"\n{shown:,} of {counted(total, noun)}; --limit shows more." if shown < total else ""


def _marks(costs: Iterable[str]) -> str:
    signs = {cost[0] for cost in costs}
    said = {"?": "? is not known", "~": "~ holds an estimate"}
    told = ", ".join(text for sign, text in said.items() if sign in signs)
    return f"\n{told}." if told else ""


def _as_json(item: Row | Sums) -> dict[str, Any]:
    """Give all that is known by the names of the admin API, but money as exact decimal text."""
    return dict(_written(name, value) for name, value in attrs.asdict(item).items())


def _written(name: str, value: Any) -> tuple[str, Any]:
    if name == "milliunits":
        return "units", None if value is None else value / 1000
    if name.endswith("_nanos"):
        return f"{name.removesuffix('_nanos')}_usd", money(value)
    return name, iso(value) if name.endswith("_at") else value


def _print_csv(objects: Iterable[Mapping[str, Any]], by: str | None) -> None:
    from gaud_core.ledger.usage import Row, Sums

    names = [_written(field.name, None)[0] for field in attrs.fields(Sums if by else Row)]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for line in objects:
        writer.writerow([_cell(line[name]) for name in names])
    sys.stdout.flush()  # a full disk must be noticed here


def _cell(value: Any) -> str:
    """Give a cell that no spreadsheet takes for a formula: clients choose the names of models."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
