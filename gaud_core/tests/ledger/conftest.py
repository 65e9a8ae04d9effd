"""A store with one user and a key, a clock that is told the time, and a ledger on them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gaud_core.config import Config, Database
from gaud_core.ledger import Ledger, open_ledger
from gaud_core.store import Store, open_store

from ..clock import Clock
from .support import add_key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is."""
    return tmp_path / "gaud.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """A store with the user `ada`, who has the key `key`, without limits."""
    opened = open_store(Config(database=Database(path=path)))
    add_key(opened)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    """A clock that stands in the middle of a day and of a month."""
    return Clock()


@pytest.fixture
async def ledger(store: Store, clock: Clock) -> AsyncIterator[Ledger]:
    """A running ledger."""
    opened = open_ledger(store, clock=clock)
    yield opened
    opened.close()
