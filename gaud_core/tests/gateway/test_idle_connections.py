"""A connection that is kept is closed when nothing was asked over it for so long, by one timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from gaud_core.gateway.http_protocol import LimitedProtocol

REQUEST = b"GET / HTTP/1.1\r\nhost: gaud\r\n\r\n"


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """Answer once the test says so."""
    await scope["state"]["gate"].wait()
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


class _Loop:
    """The running loop, but with a clock and timers of its own."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.create_task = asyncio.get_running_loop().create_task
        self.call_soon = asyncio.get_running_loop().call_soon

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, told: Callable[[], None]) -> asyncio.Event:
        self.timers.append((self.now + seconds, told))
        return asyncio.Event()

    def go_to(self, moment: float) -> None:
        """Let the time pass, and call what is due."""
        self.now = moment
        due = [told for at, told in self.timers if at <= moment]
        self.timers = [timer for timer in self.timers if timer[0] > moment]
        for told in due:
            told()


class _Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def write(self, data: Any) -> None:
        """Take it."""

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def resume_reading(self) -> None:
        """Read on."""


class _Kept:
    """One connection of a server that keeps idle ones for five seconds."""

    def __init__(self) -> None:
        self.loop, self.transport, self.gate = _Loop(), _Transport(), asyncio.Event()
        self.gate.set()
        config = Config(_app, timeout_keep_alive=5, log_config=None, lifespan="off")
        state = {"gate": self.gate}
        self.protocol = LimitedProtocol(config, ServerState(), state, _loop=self.loop)
        self.protocol.connection_made(self.transport)

    async def ask(self) -> None:
        """Send a request, and wait for the end of its answer unless the gate is closed."""
        self.protocol.data_received(REQUEST)
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.mark.anyio
async def test_an_idle_connection_is_closed() -> None:
    """Each answer begins the time anew, and does not make another timer."""
    kept = _Kept()
    await kept.ask()
    assert len(kept.loop.timers) == 1
    kept.loop.go_to(103.0)
    await kept.ask()
    assert [at for at, _ in kept.loop.timers] == [105.0]
    kept.loop.go_to(105.0)
    assert not kept.transport.closed
    kept.loop.go_to(107.9)
    assert not kept.transport.closed
    kept.loop.go_to(108.0)
    assert kept.transport.closed


@pytest.mark.anyio
async def test_a_request_that_takes_longer_is_not_cut_off() -> None:
    """Its connection is idle from the end of its answer on."""
    kept = _Kept()
    await kept.ask()
    kept.gate.clear()
    await kept.ask()
    kept.loop.go_to(120.0)
    assert not kept.transport.closed
    kept.gate.set()
    for _ in range(5):
        await asyncio.sleep(0)
    kept.loop.go_to(124.9)
    assert not kept.transport.closed
    kept.loop.go_to(125.0)
    assert kept.transport.closed
