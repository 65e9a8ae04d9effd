"""Reads that need not wait are made at once, and whatever would wait or fails is left to who can wait."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, bindparam, insert, select, text

from gaud_core.store import Prepared, Store, hasty_connection
from gaud_core.store.schema import users
from gaud_core.store.sqlite import Glance

ADA = {"id": "user_1", "name": "Ada", "role": "member", "created_at": 1}
BOB = ADA | {"id": "user_2", "name": "Bob"}


@pytest.fixture
def by_name(store: Store) -> Prepared:
    """A prepared read."""
    return Prepared(select(users.c.id).where(users.c.name == bindparam("name")), store.engine.dialect)


def _add(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(insert(users).values(ADA))


def test_what_was_committed_is_seen_at_once(store: Store, by_name: Prepared) -> None:
    """The same connection sees what others have written since."""
    assert store.glance(by_name, {"name": "Ada"}) == []
    _add(store)
    assert store.glance(by_name, {"name": "Ada"}) == [("user_1",)]


def test_a_writer_is_not_waited_for(store: Store, by_name: Prepared) -> None:
    """A transaction that is open hides what it has written, and holds nobody up."""
    with store.writing() as connection:
        connection.execute(insert(users).values(ADA))
        assert store.glance(by_name, {"name": "Ada"}) == []


def test_a_failure_is_left_to_who_waits(store: Store, by_name: Prepared) -> None:
    """A table that is gone stands for a disk that is; afterwards it is well again."""
    _add(store)
    with store.writing() as connection:
        connection.execute(text("ALTER TABLE users RENAME TO elsewhere"))
    assert store.glance(by_name, {"name": "Ada"}) is None
    with store.writing() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO users"))
    assert store.glance(by_name, {"name": "Ada"}) == [("user_1",)]


def test_a_connection_that_cannot_be_made_is_left_to_who_waits(
    store: Store, by_name: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk fails in the driver already, where nobody has translated the error."""

    def full(_: Any) -> Any:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("gaud_core.store.database.Glance", full)
    assert store.glance(by_name, {"name": "Ada"}) is None


def test_each_thread_has_its_own(store: Store, by_name: Prepared) -> None:
    """Several event loops may ask the same store."""
    _add(store)
    found: list[Sequence[Any] | None] = []

    def ask() -> None:
        found.append(store.glance(by_name, {"name": "Ada"}))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[("user_1",)]] * 4


def test_a_thread_that_writes_reads_by_the_same_connection(
    store: Store, by_name: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else SQLite forgets at each write what it has read; who does not write has one of his own."""
    _add(store)
    made: list[Glance] = []

    def counted(engine: Engine) -> Glance:
        made.append(Glance(engine))
        return made[-1]

    monkeypatch.setattr("gaud_core.store.database.Glance", counted)
    hasty = hasty_connection(store)
    assert store.glance(by_name, {"name": "Ada"}) == [("user_1",)]
    assert made == []
    other = threading.Thread(target=store.glance, args=(by_name, {"name": "Ada"}))
    other.start()
    other.join()
    assert len(made) == 1
    hasty.close()
    assert store.glance(by_name, {"name": "Ada"}) == [("user_1",)]
    assert len(made) == 2


def test_a_glance_hinders_no_write_of_its_connection(store: Store, by_name: Prepared) -> None:
    """It is over with its last row, so what is written next does not begin in an old state."""
    hasty = hasty_connection(store)
    assert store.glance(by_name, {"name": "Ada"}) == []
    _add(store)
    add = Prepared(insert(users), store.engine.dialect, list(BOB))
    assert hasty.write(lambda connection: add.one(connection, BOB))
    assert store.glance(by_name, {"name": "Bob"}) == [("user_2",)]
    hasty.close()


def test_closing_the_store_closes_them(store: Store, by_name: Prepared, path: Path) -> None:
    """Nothing holds the file open: without its last reader SQLite takes the log away."""
    store.glance(by_name, {"name": "Ada"})
    assert path.with_name(f"{path.name}-wal").exists()
    store.close()
    assert not path.with_name(f"{path.name}-wal").exists()


def test_nothing_is_waited_for(
    store: Store, by_name: Prepared, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that cannot be opened is no reason to try again: the event loop would stand still meanwhile."""
    store.close()
    path.unlink()
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("it waits"))
    assert store.glance(by_name, {"name": "Ada"}) is None
