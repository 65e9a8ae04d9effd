"""`gaud config`: plan, apply and undo changes of the configuration while Gaud serves."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gaud_core.cli.books import actor, counted, open_books, when
from gaud_core.cli.common import config_option, table
from gaud_core.cli.config_file import ConfigDesk, open_config
from gaud_core.config import Plan, Version, version_of
from gaud_core.errors import ConfigError, GaudError, NotFound

if TYPE_CHECKING:
    from gaud_core.gateway.live.muster import WorkerState

__all__ = ["command"]

_HEAD = ("ID", "WHEN", "WHO", "WHAT", "SETTINGS")

_file = click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))


@click.group("config")
def command() -> None:
    """Plan, apply and undo changes of the configuration while Gaud serves."""


@command.command("plan")
@_file
@config_option
def plan(config_path: str | None, file: Path | None) -> None:
    """Say what the configuration file, or FILE in its place, would change; nothing is done.

    Exit code 2 if there is a mistake in it.
    """
    desk = open_config(config_path)
    click.echo(str(_checked(desk, _content(desk, file))))


@command.command("apply")
@_file
@config_option
def apply(config_path: str | None, file: Path | None) -> None:
    """Apply the configuration file now, or put FILE in its place and apply that.

    Providers that have been installed in the meantime are found. When a worker cannot start what is new, all
    stays as it was.
    """
    desk = open_config(config_path)
    _apply(desk, _content(desk, file), "apply", replaces=file is not None)


@command.command("history")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="Most to list.")
@config_option
def history(config_path: str | None, limit: int) -> None:
    """List the versions that were applied, the newest first."""
    versions, total = open_config(config_path).history.page(1, limit)
    if not versions:
        click.echo("No version has been applied yet.")
        return
    click.echo(table(_HEAD, [_row(version) for version in versions], right={0}, cut={4}))
    if total > len(versions):
        click.echo(f"\n{total - len(versions)} older ones are there; see --limit.")


@command.command("rollback")
@click.argument("id", required=False, type=click.IntRange(1))
@config_option
def rollback(config_path: str | None, id: int | None) -> None:
    """Go back to a version of the history, without ID to the one before the newest."""
    desk = open_config(config_path)
    try:
        version, content = desk.history.get(id)
    except NotFound as missing:
        raise GaudError(f"{missing.message} See: gaud config history") from None
    _apply(desk, content, f"rollback to {version.id}", replaces=True)


def _content(desk: ConfigDesk, file: Path | None) -> bytes:
    if file is None:
        return desk.content
    try:
        return file.read_bytes()
    except OSError as error:
        raise GaudError(f"{file} cannot be read: {error.strerror or error}.") from None


def _checked(desk: ConfigDesk, content: bytes) -> Plan:
    found = desk.plan(content)
    if found.problems:
        raise ConfigError(found.problems)
    return found


def _apply(desk: ConfigDesk, content: bytes, action: str, *, replaces: bool) -> None:
    found = _checked(desk, content)
    click.echo(str(found))
    version = None
    if replaces and content != desk.content:
        version = desk.replace(content, actor(), action, found)
    states = desk.tell(version_of(content))
    refusals = [state for state in states if state.error]
    if refusals and replaces and content != desk.content:
        desk.undo(content, version)
        desk.tell(version_of(desk.content))
    if refusals:
        raise GaudError(f"Nothing has changed: worker {refusals[0].pid} says:\n{refusals[0].error}")
    if version is not None:
        _audit(desk, version)
    click.echo(f"\n{_outcome(states, version_of(content))}")


def _outcome(states: Sequence[WorkerState], digest: str) -> str:
    if not states:
        return "No gateway runs here with this data folder; the next one starts with this."
    late = [str(state.pid) for state in states if state.version != digest]
    if late:
        return f"{counted(len(late), 'worker')} did not answer: {', '.join(late)}. See the log."
    return f"{counted(len(states), 'worker')} of the gateway run{'s' if len(states) == 1 else ''} on it."


def _audit(desk: ConfigDesk, version: Version) -> None:
    """Note it in the audit log, where there is a database."""
    with contextlib.suppress(GaudError), open_books(str(desk.path)) as store:
        from gaud_core.access.people import write_audit

        with store.writing() as connection:
            action = f"settings.{version.action.partition(' ')[0]}"
            detail = {"version": version.id, "keys": list(version.keys)}
            write_audit(connection, version.at, version.actor, action, str(desk.path), **detail)


def _row(version: Version) -> tuple[str, ...]:
    keys = ", ".join(version.keys) or "-"
    return str(version.id), when(version.at), version.actor, version.action, keys
