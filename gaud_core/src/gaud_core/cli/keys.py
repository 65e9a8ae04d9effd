"""`gaud keys`: list, create, change, rotate and revoke keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gaud_core.cli.books import actor, as_json_option, iso, open_people, print_json, when
from gaud_core.cli.common import config_option, drop_output, printable, screen_width, table
from gaud_core.cli.params import Moment, Span
from gaud_core.errors import GaudError

if TYPE_CHECKING:
    from gaud_core.access import Key

__all__ = ["command"]

F = TypeVar("F", bound=Callable[..., Any])

_HEAD = ("ID", "USER", "LABEL", "STATE")
_LIMITS = ("rpm", "tpm", "concurrency")


@click.group("keys")
def command() -> None:
    """List, create, change, rotate and revoke keys.

    USER is an id or a name, KEY an id or the label of a key that is not revoked.
    """


def _limit_options(function: F) -> F:
    number = click.IntRange(1, 2**53 - 1)
    options = [
        click.option("--label", help="What people call the key."),
        click.option(
            "--model", "models", multiple=True, metavar="GLOB", help="A model it may use; repeat it."
        ),
        click.option("--rpm", type=number, help="Requests in a minute."),
        click.option("--tpm", type=number, help="Tokens in a minute."),
        click.option("--concurrency", type=number, help="Calls at a time."),
        click.option("--expires", "expires_at", type=Moment(), help="When it ends: 30d, or a date in UTC."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@command.command("list")
@click.option("--user", help="Only the keys of this user.")
@as_json_option
@config_option
def list_(config_path: str | None, user: str | None, *, as_json: bool) -> None:
    """List the keys, revoked ones too; their texts are kept nowhere."""
    with open_people(config_path) as people:
        found = people.keys(people.find_user(user).id if user is not None else None)
        names = {owner.id: owner.name for owner in people.users(deleted=True)}
    if as_json:
        print_json(_as_json(key, names) for key in found)
    elif found:
        click.echo("\n".join(_listed(found, names)))
    else:
        click.echo("There is no key yet.")


@command.command("create")
@click.argument("user")
@_limit_options
@config_option
def create(config_path: str | None, user: str, **options: Any) -> None:
    """Give a user a key, and write it alone on standard output: KEY=$(gaud keys create alice)."""
    from gaud_core.access import KeyLimits

    _check_future(options["expires_at"])
    limits = KeyLimits(options["models"], *(options[name] for name in _LIMITS))
    with open_people(config_path) as people:
        owner = people.find_user(user)
        key, text = people.create_key(
            owner.id, options["label"] or "", limits, expires_at=options["expires_at"], actor=actor()
        )
    click.echo(f"{key.id}, a key for {owner.name}: {_details(key)}.", err=True)
    _show_once(key, text)


@command.command("revoke")
@click.argument("key")
@config_option
def revoke(config_path: str | None, key: str) -> None:
    """End a key at once, in every running gateway; this cannot be undone."""
    with open_people(config_path) as people:
        found = people.find_key(key)
        already = found.revoked_at is not None
        ended = people.revoke_key(found.id, actor=actor())
    said = f"was revoked before, at {when(ended.revoked_at)} UTC" if already else "is revoked"
    click.echo(f"{ended.id}{_labelled(ended)} {said}.")


@command.command("rotate")
@click.argument("key")
@click.option("--grace", type=Span(), default=0, help="How long the old text still works, such as 1h.")
@config_option
def rotate(config_path: str | None, key: str, grace: int) -> None:
    """Give a key a new text, and write it alone on standard output; the limits stay."""
    with open_people(config_path) as people:
        found, text = people.rotate_key(people.find_key(key).id, grace, actor=actor())
    until = f"works until {when(_now() + grace * 1000)} UTC" if grace else "works no more"
    click.echo(f"{found.id}{_labelled(found)} has a new text; the old one {until}.", err=True)
    _show_once(found, text)


@command.command("edit")
@click.argument("key")
@_limit_options
@click.option("--all-models", is_flag=True, help="Allow every model.")
@click.option("--no-rpm", is_flag=True, help="No limit of requests.")
@click.option("--no-tpm", is_flag=True, help="No limit of tokens.")
@click.option("--no-concurrency", is_flag=True, help="No limit of calls at a time.")
@click.option("--no-expires", "no_expires_at", is_flag=True, help="It does not end by itself.")
@config_option
def edit(config_path: str | None, key: str, **options: Any) -> None:
    """Change a key; what is not named stays. It counts from the next call on."""
    changes = _changes(options)
    _check_future(changes.get("expires_at"))
    with open_people(config_path) as people:
        found = people.patch_key(people.find_key(key).id, changes, actor=actor())
    click.echo(f"{found.id}{_labelled(found)}: {_details(found)}.")


def _changes(options: Mapping[str, Any]) -> dict[str, Any]:
    changes = {name: options[name] for name in ("label", *_LIMITS, "expires_at") if options[name] is not None}
    if options["models"]:
        changes["models"] = list(options["models"])
    removed = {"models": options["all_models"]}
    removed |= {name: options[f"no_{name}"] for name in (*_LIMITS, "expires_at")}
    for name in (name for name, said in removed.items() if said):
        if name in changes:
            raise click.UsageError(f"A new value for {name.removesuffix('_at')} and none at all: which one?")
        changes[name] = [] if name == "models" else None
    if not changes:
        raise click.UsageError("Say what is to change, such as --rpm 60; --help lists it.")
    return changes


def _check_future(expires_at: int | None) -> None:
    if expires_at is not None and expires_at <= _now():
        raise click.UsageError(
            f"--expires: {when(expires_at)} UTC is past; to end a key use `gaud keys revoke`."
        )


def _show_once(key: Key, text: str) -> None:
    """Write the key where `KEY=$(…)` finds it; one that nobody has seen must not be left behind unsaid."""
    click.echo("It is shown this once; keep it safe.", err=True)
    try:
        click.echo(text)
    except OSError as error:
        drop_output()
        cure = f"Nobody has seen it: gaud keys revoke {key.id}"
        raise GaudError(
            f"The key cannot be written: {(error.strerror or str(error)).lower()}. {cure}"
        ) from None


def _listed(found: Sequence[Key], names: Mapping[str, str]) -> Iterator[str]:
    """Two lines or more for each key: what it is, and below it what it may do."""
    now, width = _now(), screen_width()
    rows = [(key.id, names.get(key.user_id, "?"), key.label, _state(key, now)) for key in found]
    head, *lines = table(_HEAD, rows, cut={1, 2}).split("\n")
    yield head
    for key, line in zip(found, lines, strict=True):
        yield line
        details = f"{_details(key)}; {_last_used(key)}"
        yield from [f"    {part}" for part in (wrap(details, width - 4) if width else [details])]


def _state(key: Key, now: int) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "live"


def _details(key: Key) -> str:
    limits = key.limits
    parts = [
        f"begins with {key.prefix}" if key.prefix else "",
        f"models {', '.join(limits.models)}" if limits.models else "every model",
        *(f"{n:,} {unit}" for n, unit in ((limits.rpm, "rpm"), (limits.tpm, "tpm")) if n is not None),
        f"{limits.concurrency:,} at a time" if limits.concurrency is not None else "",
        f"ends {when(key.expires_at)} UTC" if key.expires_at is not None else "",
    ]
    return printable("; ".join(part for part in parts if part))


def _last_used(key: Key) -> str:
    return "never used" if key.last_used_at is None else f"last used {when(key.last_used_at)}"


def _labelled(key: Key) -> str:
    return f" ({printable(key.label)})" if key.label else ""


def _as_json(key: Key, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": key.id,
        "user_id": key.user_id,
        "user_name": names.get(key.user_id),
        "prefix": key.prefix,
        "label": key.label,
        "state": _state(key, _now()),
        "models": list(key.limits.models),
        **{name: getattr(key.limits, name) for name in _LIMITS},
        **{
            f"{name}_at": iso(getattr(key, f"{name}_at"))
            for name in ("created", "expires", "revoked", "last_used")
        },
    }


def _now() -> int:
    return time.time_ns() // 1_000_000
