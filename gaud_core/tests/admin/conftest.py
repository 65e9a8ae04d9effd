"""The admin API, served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gaud_core.config import Config, Database
from gaud_core.store import Store, open_store

from .support import Served, serving


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store without rows."""
    opened = open_store(Config(database=Database(path=tmp_path / "gaud.db")))
    yield opened
    opened.close()


@pytest.fixture
def served(store: Store) -> Iterator[Served]:
    """The API of one test."""
    with serving(store) as found:
        yield found


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One API for all tests of a module that change nothing."""
    opened = open_store(Config(database=Database(path=tmp_path_factory.mktemp("admin") / "gaud.db")))
    with serving(opened) as found:
        yield found
    opened.close()
