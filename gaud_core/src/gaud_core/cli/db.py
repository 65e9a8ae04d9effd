"""`gaud db`: copy the database while Gaud serves."""

from __future__ import annotations

from pathlib import Path

import click

from gaud_core.cli.books import counted, open_books
from gaud_core.cli.common import config_option
from gaud_core.errors import GaudError

__all__ = ["command"]


@click.group("db")
def command() -> None:
    """Copy the database while Gaud serves."""


@command.command("backup")
@click.argument("path", type=click.Path(path_type=Path))
@config_option
def backup(config_path: str | None, path: Path) -> None:
    """Copy the database in one consistent state to a new file that only its owner may read.

    To restore it, stop every gateway and put the file in the place of the database.
    """
    with open_books(config_path) as store:
        try:
            store.backup(path)
        except FileExistsError:
            raise GaudError(
                f"{path} is there already, and nothing is overwritten. Name a new file."
            ) from None
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise GaudError(f"The backup {path} cannot be written: {reason}.") from None
    users, keys, calls = _held(path)
    held = f"{counted(users, 'user')}, {counted(keys, 'key')} and {counted(calls, 'call')}"
    click.echo(f"{path} ({_size(path)}) holds {held}.")


def _held(path: Path) -> list[int]:
    """Count in the copy itself, which shows that it can be opened."""
    from sqlalchemy import func, select

    from gaud_core.config import Config, Database
    from gaud_core.store import open_store, schema

    copy = open_store(Config(database=Database(path=path)))
    try:
        with copy.reading() as connection:
            counts = (
                select(func.count()).select_from(table) for table in (schema.users, schema.keys, schema.calls)
            )
            return [connection.execute(count).scalar_one() for count in counts]
    finally:
        copy.close()


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 1_000_000:,.1f} MB" if size >= 1_000_000 else f"{size / 1000:,.0f} KB"
