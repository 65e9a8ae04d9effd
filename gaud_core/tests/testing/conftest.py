"""A scripted upstream, and two ways to talk to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from gaud_core.testing import (
    ScriptedUpstream,
)

from ..loopback import NO_TLS

Talk = Callable[[bytes], Awaitable[bytes]]


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The scripted upstream lives in asyncio, on its own loop and on uvloop's, whose transports differ."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    """A fresh upstream without a script."""
    async with ScriptedUpstream() as server:
        yield server


@pytest.fixture
async def client(upstream: ScriptedUpstream) -> AsyncIterator[httpx.AsyncClient]:
    """An honest HTTP client for it."""
    async with httpx.AsyncClient(base_url=upstream.url, timeout=5, trust_env=False, verify=NO_TLS) as http:
        yield http


@pytest.fixture
def talk(upstream: ScriptedUpstream) -> Talk:
    """Send bytes over a raw socket and return all bytes until the other side closes."""

    async def talk(sent: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
        with contextlib.closing(writer):
            writer.write(sent)
            return await asyncio.wait_for(reader.read(), 5)

    return talk
