"""One gateway and one scripted upstream for tests that need nothing special, and a way to start others."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gaud_core.testing import ScriptedUpstream

from .support import AcmeSettings, Clock, Served, Starter


@pytest.fixture(scope="session")
def lasting_upstream() -> Iterator[ScriptedUpstream]:
    """The upstream of the whole session; take `upstream`, which is clean."""
    with ScriptedUpstream.in_thread() as server:
        yield server


@pytest.fixture
def upstream(lasting_upstream: ScriptedUpstream) -> ScriptedUpstream:
    """An upstream without script and memory."""
    lasting_upstream.reset()
    return lasting_upstream


@pytest.fixture(scope="session")
def stopping() -> Iterator[list[threading.Thread]]:
    """The gateways that have been told to stop; by the end of the session they must have."""
    threads: list[threading.Thread] = []
    yield threads
    for thread in threads:
        thread.join(5)
    assert [thread.name for thread in threads if thread.is_alive()] == []


@pytest.fixture(scope="session")
def lasting_gaud(
    lasting_upstream: ScriptedUpstream,
    tmp_path_factory: pytest.TempPathFactory,
    stopping: list[threading.Thread],
) -> Iterator[Served]:
    """The gateway of the whole session; take `gaud`."""
    with contextlib.ExitStack() as stack:
        start = Starter(tmp_path_factory.mktemp("gaud"), stack, stopping)
        yield start(acme=AcmeSettings(url=lasting_upstream.url))


@pytest.fixture
def gaud(lasting_gaud: Served, upstream: ScriptedUpstream) -> Served:
    """A gateway in front of `upstream`, open to all, whose breaker stays closed."""
    return lasting_gaud


@pytest.fixture
def serve(tmp_path: Path, stopping: list[threading.Thread]) -> Iterator[Starter]:
    """Start gateways of one's own."""
    with contextlib.ExitStack() as stack:
        yield Starter(tmp_path, stack, stopping)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()
