"""The open store: connections, transactions, backup."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError

from gaud_core.config import Config
from gaud_core.errors import ConfigError, Problem
from gaud_core.store import sqlite
from gaud_core.store.migrate import migrate
from gaud_core.store.prepared import Prepared
from gaud_core.store.sqlite import Glance, HastyConnection

__all__ = ["HastyConnection", "Store", "hasty_connection", "open_store", "store_failed", "usable"]


@attrs.frozen(eq=False)
class Store:
    """One database; safe to share between threads."""

    engine: Engine = attrs.field(repr=False)
    _glances: Glances = attrs.field(
        default=attrs.Factory(lambda own: Glances(own.engine), takes_self=True), init=False, repr=False
    )

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that no other writer shares; it commits unless something is raised."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of the whole database and waits for no writer."""
        with (
            self.engine.connect().execution_options(**{sqlite.READS: True}) as connection,
            connection.begin(),
        ):
            yield connection

    def glance(self, statement: Prepared, values: Mapping[str, Any]) -> Sequence[Any] | None:
        """Read rows at once, on the thread that asks; None where that could wait, or fails."""
        return self._glances.rows(statement, values) if self.is_local else None

    def share(self, connection: HastyConnection) -> None:
        """Let this thread's glances go by the connection that it writes with."""
        self._glances.share(connection)

    def backup(self, path: Path) -> None:
        """Copy the database to a new file while serving; FileExistsError if the file is there."""
        sqlite.backup(self.engine, path)

    @property
    def is_local(self) -> bool:
        """Whether it is a file here, where a write need not wait for a network."""
        return self.engine.dialect.name == "sqlite"

    def checkpoint(self) -> None:
        """Carry over what hasty connections have left in the log; blocks for as long as the disk does."""
        sqlite.checkpoint(self.engine)

    def close(self) -> None:
        """Close every connection."""
        self._glances.close()
        self.engine.dispose()


class Glances:
    """Reads that need not wait, through a connection of its own for each thread that makes them.

    A thread that writes reads by the same connection: after each write of another one SQLite forgets all the
    pages that it has read, and has to read a dozen for the next key.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._by_thread: dict[int, Glance] = {}
        self._writing: dict[int, HastyConnection] = {}

    def share(self, connection: HastyConnection) -> None:
        """Read by this one from now on, on this thread and as long as it is open."""
        thread = threading.get_ident()
        self._writing[thread] = connection
        self._forget(thread)

    def rows(self, statement: Prepared, values: Mapping[str, Any]) -> Sequence[Any] | None:
        """All rows; None after a failure, of which those who wait hear more."""
        thread = threading.get_ident()
        try:
            writing = self._writing.get(thread)
            if writing is not None and writing.is_open:
                return writing.rows(statement, values)
            connection = self._by_thread.get(thread)
            if connection is None:
                connection = self._by_thread[thread] = Glance(self._engine)
            return connection.rows(statement, values)
        except Exception:  # whoever waits tries again, and tells who must hear of it
            self._forget(thread)
            return None

    def close(self) -> None:
        """Let go of all of them."""
        self._writing.clear()
        for thread in list(self._by_thread):
            self._forget(thread)

    def _forget(self, thread: int) -> None:
        connection = self._by_thread.pop(thread, None)
        if connection is not None:
            connection.close()


def hasty_connection(store: Store) -> HastyConnection:
    """Open a connection that waits for nobody; this thread glances by it too. For a local store only."""
    connection = HastyConnection(store.engine)
    store.share(connection)
    return connection


def open_store(config: Config) -> Store:
    """Open the configured database and bring it to this version; ConfigError if it cannot be used."""
    if config.database.url is not None:
        raise ConfigError(
            [Problem("database.url", "cannot be used yet.", "Leave it out: Gaud then keeps a SQLite file.")]
        )
    path = config.database.file(config.data)
    with usable(config):
        try:
            return _open_file(path)
        except OSError as error:
            raise ConfigError([_unusable(path, str(error.strerror))]) from None


@contextmanager
def usable(config: Config) -> Iterator[None]:
    """Around what the start does with the database: a ConfigError says why it cannot be used now."""
    try:
        yield
    except DBAPIError as error:
        if not store_failed(error):
            raise
        raise ConfigError([_unusable(config.database.file(config.data), str(error.orig))]) from None


def _open_file(path: Path) -> Store:
    engine = sqlite.make_engine(path)
    try:
        migrate(engine, str(path))
    except BaseException:
        engine.dispose()
        raise
    return Store(engine)


def store_failed(error: BaseException) -> bool:
    """Whether an error says that the store itself cannot be used now: full, read-only, locked, gone."""
    return isinstance(error, OperationalError | InterfaceError) or (
        # "disk image is malformed" and the like are plain DatabaseErrors; IntegrityError and others are bugs
        isinstance(error, DBAPIError) and type(error) is DatabaseError
    )


def _unusable(path: Path, reason: str) -> Problem:
    full = "full" in reason or "No space" in reason
    return Problem(
        "database.path",
        f"{path} cannot be used as the database: {reason}.",
        "Make room there." if full else "Set it to a file in a folder that Gaud may write to.",
    )
