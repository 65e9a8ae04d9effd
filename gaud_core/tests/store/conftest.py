"""A store in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gaud_core.config import Config, Database
from gaud_core.store import Store, open_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is."""
    return tmp_path / "data" / "gaud.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """A store without rows."""
    opened = open_store(Config(database=Database(path=path)))
    yield opened
    opened.close()
