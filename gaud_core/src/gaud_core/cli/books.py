"""What the commands on the store share: opening it, who acts, how money, times and JSON are written."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gaud_core.config import Config, load_config
from gaud_core.errors import ConfigError, GaudError, Problem
from gaud_core.provider.base import dollars

if TYPE_CHECKING:
    from gaud_core.access import People
    from gaud_core.store import Store

__all__ = [
    "actor",
    "as_json_option",
    "confirm",
    "counted",
    "iso",
    "money",
    "open_books",
    "open_people",
    "print_json",
    "when",
]

as_json_option = click.option("--json", "as_json", is_flag=True, help="Write one JSON array.")


@contextmanager
def open_books(config_path: str | None, *, makes: bool = False) -> Iterator[Store]:
    """Open the configured store, with or without a gateway that runs on it; errors of it become sentences.

    Only with `makes` is a database made that is not there: for the others a missing one is a wrong path.
    """
    config = load_config(config_path, os.environ, {})  # no provider: a broken one must not be in the way
    _look_for(config, makes=makes)
    from gaud_core.store import open_store, store_failed  # here, because SQLAlchemy costs `--help` 0.2 s

    store = open_store(config)
    try:
        yield store
    except Exception as error:  # protects the caller from the traceback of a full disk
        if store_failed(error):
            reason = getattr(error, "orig", None) or error
            raise GaudError(f"Gaud cannot use its database at the moment: {reason}.") from None
        raise
    finally:
        store.close()


@contextmanager
def open_people(config_path: str | None, *, makes: bool = False) -> Iterator[People]:
    """Open the register of users and keys."""
    with open_books(config_path, makes=makes) as store:
        from gaud_core.access import People

        yield People(store)


def _look_for(config: Config, *, makes: bool) -> None:
    if config.database.url is not None:
        return
    path = config.database.file(config.data)
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if not makes:
            raise ConfigError([_missing(path)]) from None
        click.echo(f"Gaud makes a new database, {path}.", err=True)
    except OSError:  # opening it will say what is wrong
        return


def _missing(path: Path) -> Problem:
    cure = "Set it to the database of your gateway, or start `gaud serve`, which makes one."
    return Problem("database.path", f"{path} is not there.", cure)


def actor() -> str:
    """Give who acts, for the audit log: the user that the system knows, not what the environment says."""
    try:
        import pwd

        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:  # a container with a number for a user
        return f"cli:{os.getuid()}"
    except ImportError:  # Windows
        import getpass

        return f"cli:{getpass.getuser()}"


def confirm(question: str, refused: str, *, yes: bool) -> None:
    """Ask at the terminal unless `--yes` was said; GaudError for a no, or when nobody can be asked."""
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise GaudError(f"{refused}, because there is no terminal to ask at. Say --yes to do it.")
    if not click.confirm(question, err=True):
        raise GaudError(f"{refused}.")


def print_json(items: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON array, one object on a line, as they come."""
    before = "["
    for item in items:
        click.echo(f"{before}\n  {json.dumps(item)}", nl=False)
        before = ","
    click.echo("[]" if before == "[" else "\n]")


def money(nanos: int | None) -> str | None:
    """Give nano-dollars as exact decimal text in US dollars."""
    return None if nanos is None else dollars(nanos)


def iso(millis: int | None) -> str | None:
    """Give a time as ISO 8601 in UTC; milliseconds only where there are some."""
    if millis is None:
        return None
    spec = "milliseconds" if millis % 1000 else "seconds"
    return _utc(millis).isoformat(timespec=spec).replace("+00:00", "Z")


def when(millis: int | None) -> str:
    """Give a time in UTC as people read it, to the minute."""
    return "never" if millis is None else _utc(millis).strftime("%Y-%m-%d %H:%M")


def counted(number: int, noun: str) -> str:
    """Give a number with its noun: `1 key`, `1,200 keys`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _utc(millis: int) -> datetime:
    seconds, rest = divmod(millis, 1000)
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)
    except (OverflowError, ValueError, OSError):  # a number that the API took and no calendar holds
        return datetime.max.replace(microsecond=0, tzinfo=UTC)
