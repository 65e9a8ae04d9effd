"""What the documentation is held against: real Gauds, and all that they say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gaud_core.testing import ScriptedUpstream

from .running import Gaud, Told
from .scenarios import LITELLM, litellm, play


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Everything that Gaud said in every scenario."""
    return play(tmp_path_factory.mktemp("scenarios"))


@pytest.fixture(scope="session")
def upstream() -> Iterator[ScriptedUpstream]:
    """What stands for the LiteLLM on port 4000 of the documents."""
    with litellm() as running:
        yield running


@pytest.fixture(scope="session")
def gaud(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gaud]:
    """What stands for the Gaud on port 8400 of the documents."""
    folder: Path = tmp_path_factory.mktemp("gaud")
    with Gaud.start(folder, LITELLM.format(url=upstream.url)) as running:
        running.wait_for("is ready")
        yield running
