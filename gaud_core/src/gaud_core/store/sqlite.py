"""Every statement that only SQLite knows."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects.sqlite import insert

from gaud_core.store.prepared import Prepared, translated

__all__ = [
    "READS",
    "Glance",
    "HastyConnection",
    "adding",
    "backup",
    "checkpoint",
    "ignoring",
    "make_engine",
    "rewrite_schema",
]

READS = "gaud_reads"
"""The execution option of a connection that only reads: its transaction is a snapshot and never waits."""

_BUSY_SECS = 5.0
# The system keeps the whole file in memory anyway. What the connection that books holds is filled within
# some thousand calls; a larger cache of the others would go on growing for a million.
_CACHE_KB, _BOOKING_CACHE_KB = 500, 4000
_LONGEST_LOG = 20_000
"""Pages of the log after which writers are held up until it is carried over, so that it begins anew."""

T = TypeVar("T")

sqlite3.register_adapter(bool, int)  # else the driver asks each in three ways how it wants to be kept


def make_engine(path: Path) -> Engine:
    """Open a file, made with mode 0600 if it is not there; OSError or OperationalError if that fails."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    with contextlib.suppress(PermissionError):  # somebody else's file, which the owner has opened to us
        path.chmod(0o600)
    # AUTOCOMMIT to the driver and BEGIN by us: the driver would begin a deferred transaction, in which the
    # first write after a read fails at once when another process has written in between.
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": _BUSY_SECS, "isolation_level": None},
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def adding(table: Table, keys: Sequence[str], amounts: Sequence[str]) -> Any:
    """An insert that adds to the amounts of the row that is there already."""
    statement = insert(table)
    return statement.on_conflict_do_update(
        index_elements=list(keys),
        set_={name: table.c[name] + statement.excluded[name] for name in amounts},
    )


def ignoring(table: Table) -> Any:
    """An insert that changes nothing where the row is there already."""
    return insert(table).on_conflict_do_nothing()


def backup(engine: Engine, path: Path) -> None:
    """Copy one consistent state to a new file while others write.

    FileExistsError rather than overwrite; another OSError if it cannot be written, and then nothing is left.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with engine.connect() as connection, contextlib.closing(sqlite3.connect(path)) as target:
            driver: Any = connection.connection.driver_connection
            driver.backup(target)  # all pages in one step: one snapshot, and WAL lets writers go on
    except BaseException as error:
        path.unlink()
        if isinstance(error, sqlite3.Error):  # no statement of SQLAlchemy's, so it did not translate it
            raise OSError(errno.EIO, str(error)) from None
        raise


def rewrite_schema(connection: Connection, table: str, old: str, new: str) -> None:
    """Change the text of a table's constraints where its rows stay as they are.

    SQLite offers that for changes that no stored row would notice (sqlite.org/lang_altertable.html §7).
    """
    version: int = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    connection.exec_driver_sql(
        "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = ?",
        (old, new, table),
    )
    connection.exec_driver_sql(f"PRAGMA schema_version={version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema=RESET")


class _Direct:
    """A connection that looks like any other to a prepared statement, and leads to the driver straight."""

    connection: sqlite3.Connection
    """The driver's."""

    def rows(self, statement: Prepared, values: Mapping[str, Any]) -> Sequence[Any]:
        """Read all rows of a statement."""
        found: Sequence[Any] = statement.one(cast("Connection", self), values).fetchall()
        return found


class HastyConnection(_Direct):
    """A connection that waits for nobody, neither for the write lock nor for the log to be carried over."""

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.connect()
        driver: Any = self._connection.connection
        self.connection = driver.dbapi_connection
        self.is_open = True
        self.connection.execute("PRAGMA busy_timeout=0")
        self.connection.execute("PRAGMA wal_autocheckpoint=0")
        self.connection.execute(f"PRAGMA cache_size=-{_BOOKING_CACHE_KB}")

    def write(self, work: Callable[[Connection], T]) -> T | None:
        """Work in one write transaction; None if somebody else holds the lock.

        The work may use prepared statements only. After any exception nothing is written.
        """
        driver = self.connection
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                return None
            raise
        try:
            done = work(cast("Connection", self))
            driver.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                driver.execute("ROLLBACK")
            raise
        return done

    def close(self) -> None:
        """Close it for good: nobody else wants a connection that is in such haste."""
        self.is_open = False
        self._connection.invalidate()
        self._connection.close()


class Glance(_Direct):
    """A connection that reads at once or fails at once.

    It switches nothing and opens nothing for writing: on a full disk that is tried again for seconds, which
    no event loop must wait for.
    """

    def __init__(self, engine: Engine) -> None:
        name = quote(str(engine.url.database))
        self.connection = sqlite3.connect(
            f"file:{name}?mode=ro", uri=True, timeout=0, isolation_level=None, check_same_thread=False
        )
        self.connection.execute(f"PRAGMA cache_size=-{_CACHE_KB}")

    def close(self) -> None:
        """Close it."""
        self.connection.close()


def checkpoint(engine: Engine) -> None:
    """Carry the log over into the file; waits for the disk, but holds up writers only if the log is long."""
    carry = "PRAGMA wal_checkpoint(PASSIVE)"
    with contextlib.closing(engine.raw_connection()) as pooled:
        cursor: Any = pooled.cursor()
        try:
            _, pages, _ = cursor.execute(carry).fetchone()
            if pages > _LONGEST_LOG:
                with engine.connect() as blocking, blocking.begin():  # nobody adds to it meanwhile
                    cursor.execute(carry).fetchone()
        except sqlite3.Error as error:
            raise translated(error, carry, engine.dialect) from error


def _prepare(driver: sqlite3.Connection, _: object) -> None:
    cursor = driver.cursor()
    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA cache_size=-{_CACHE_KB}")
    cursor.close()


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    """Retry by hand: SQLite does not wait for a lock here when two processes open a new file at once."""
    until = time.monotonic() + _BUSY_SECS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            read_only = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_READONLY
            if read_only or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _begin(connection: Connection) -> None:
    sql = "BEGIN" if connection.get_execution_options().get(READS) else "BEGIN IMMEDIATE"
    try:
        connection.connection.cursor().execute(sql)
    except sqlite3.Error as error:
        raise translated(error, sql, connection.dialect) from error
