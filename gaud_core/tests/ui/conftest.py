"""The dashboard, served without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gaud_core.testing import ScriptedUpstream, chat_completion

from .support import House, house


@pytest.fixture(scope="session")
def upstream() -> Iterator[ScriptedUpstream]:
    """What the gateway calls; it says hello."""
    with ScriptedUpstream.in_thread(chat_completion()) as server:
        yield server


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream) -> Iterator[House]:
    """One gateway for the tests of a module; each makes people of its own."""
    with house(tmp_path_factory.mktemp("ui"), upstream.url) as found:
        yield found


@pytest.fixture
def own(tmp_path: Path, upstream: ScriptedUpstream) -> Iterator[House]:
    """A gateway of one's own, whose clock may be moved."""
    with house(tmp_path, upstream.url) as found:
        yield found
