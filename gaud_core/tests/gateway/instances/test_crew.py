"""What an instance holds open."""

from __future__ import annotations

import threading

import httpx
import pytest

from gaud_core.gateway.instances.crew import Connections
from gaud_core.gateway.upstream import Upstream

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The gateway lives in asyncio."""
    return "asyncio"


async def test_the_client_is_made_once_and_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """To import it and to read all authorities takes 0.1 s, in which the event loop answers others."""
    made: list[threading.Thread] = []

    class Client(httpx.AsyncClient):
        def __init__(self, **options: object) -> None:
            made.append(threading.current_thread())
            super().__init__()

    monkeypatch.setattr(httpx, "AsyncClient", Client)
    connections = Connections(Upstream("acme"))
    await connections.prepare()
    assert isinstance(connections.http(), Client)
    assert [thread is threading.main_thread() for thread in made] == [False]
    await connections.aclose()


async def test_whoever_asks_is_told_why_there_is_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Preparing fails silently: the provider that needs the client has a guard that reports it."""

    def fail(**options: object) -> None:
        raise OSError("no authorities")

    monkeypatch.setattr(httpx, "AsyncClient", fail)
    connections = Connections(Upstream("acme"))
    await connections.prepare()
    with pytest.raises(OSError, match="no authorities"):
        connections.http()
