"""What an instance holds open."""

from __future__ import annotations

import subprocess
import sys
import threading

import httpx
import pytest

from gaud_core.gateway.instances.crew import Connections
from gaud_core.gateway.upstream import Upstream

pytestmark = pytest.mark.anyio

FIRST_REQUEST = """
import asyncio, sys
from gaud_core.gateway.instances.crew import Connections
from gaud_core.gateway.upstream import Upstream

async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")

async def main():
    connections = Connections(Upstream("acme"))
    await connections.prepare()
    there = set(sys.modules)
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print((await connections.http().get(f"http://127.0.0.1:{port}/")).status_code, *set(sys.modules) - there)
    await connections.aclose()

asyncio.run(main())
"""
"""Prints what the first request imports."""


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


def test_the_first_request_imports_nothing() -> None:
    """Else the event loop would do it, and the provider would be named for holding everybody up."""
    done = subprocess.run(
        [sys.executable, "-c", FIRST_REQUEST], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["204"]


async def test_whoever_asks_is_told_why_there_is_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Preparing fails silently: the provider that needs the client has a guard that reports it."""

    def fail(**options: object) -> None:
        raise OSError("no authorities")

    monkeypatch.setattr(httpx, "AsyncClient", fail)
    connections = Connections(Upstream("acme"))
    await connections.prepare()
    with pytest.raises(OSError, match="no authorities"):
        connections.http()
