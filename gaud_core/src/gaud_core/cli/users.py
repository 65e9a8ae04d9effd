"""`gaud users`: list, create and delete users."""

from __future__ import annotations

import shlex
from collections import Counter

import click

from gaud_core.cli.books import (
    actor,
    as_json_option,
    confirm,
    counted,
    iso,
    open_people,
    print_json,
    when,
)
from gaud_core.cli.common import config_option, table

__all__ = ["command"]

_HEAD = ("ID", "NAME", "ROLE", "KEYS", "CREATED")


@click.group("users")
def command() -> None:
    """List, create and delete users. USER is an id or a name."""


@command.command("list")
@as_json_option
@config_option
def list_(config_path: str | None, *, as_json: bool) -> None:
    """List the users with the number of their keys that are not revoked."""
    with open_people(config_path) as people:
        found = people.users()
        every_key = people.keys()
    held = Counter(key.user_id for key in every_key if key.revoked_at is None)
    if as_json:
        print_json(
            {"id": u.id, "name": u.name, "role": u.role, "keys": held[u.id], "created_at": iso(u.created_at)}
            for u in found
        )
        return
    rows = [(u.id, u.name, u.role, f"{held[u.id]:,}", when(u.created_at)[:10]) for u in found]
    click.echo(table(_HEAD, rows, right={3}, cut={1}) if rows else "There is no user yet.")


@command.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice(["member", "admin"]), default="member", show_default=True)
@config_option
def create(config_path: str | None, name: str, role: str) -> None:
    """Add a user, and write his id on standard output."""
    with open_people(config_path, makes=True) as people:
        user = people.create_user(name, role, actor=actor())
    click.echo(user.id)
    click.echo(f"{user.name} is there, as {role}. A key: gaud keys create {shlex.quote(user.name)}", err=True)


@command.command("delete")
@click.argument("user")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def delete(config_path: str | None, user: str, *, yes: bool) -> None:
    """Delete a user and end all his keys at once; his calls stay in the books."""
    with open_people(config_path) as people:
        found = people.find_user(user)
        held = sum(key.revoked_at is None for key in people.keys(found.id))
        question = f"Delete {found.name} ({found.id})? {_ends(held)} at once; the calls stay in the books."
        confirm(question, f"{found.name} was not deleted", yes=yes)
        ended = people.delete_user(found.id, actor=actor())
    click.echo(f"{found.name} ({found.id}) is deleted: {_ended(ended)}, and the calls stay in the books.")


def _ends(number: int) -> str:
    return f"{counted(number, 'key')} {'ends' if number == 1 else 'end'}"


def _ended(number: int) -> str:
    return f"{counted(number, 'key')} {'has' if number == 1 else 'have'} ended"
