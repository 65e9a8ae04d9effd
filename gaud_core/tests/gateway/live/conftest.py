"""A gateway whose configuration changes while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gaud_core.config import Config, Database
from gaud_core.store import open_store

from .support import Toy, World


@pytest.fixture
def anyio_backend() -> str:
    """The gateway lives in asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without rows, to be copied: making one costs more than most of these tests."""
    path = tmp_path_factory.mktemp("live") / "gaud.db"
    open_store(Config(database=Database(path=path))).close()
    return path


@pytest.fixture
async def world(tmp_path: Path, empty_database: Path) -> AsyncIterator[World]:
    """A folder of its own; what was started in it is stopped, and nothing of it lives on."""
    Toy.alive.clear()
    Toy.is_ill = False
    made = World(tmp_path, empty_database)
    yield made
    await made.stop()
    assert Toy.alive == []
