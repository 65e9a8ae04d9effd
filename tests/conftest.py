"""What tests that span distributions have in common."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def types(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What mypy, told to be strict, has found out about the core: it is the same for each plugin."""
    return tmp_path_factory.mktemp("types")
