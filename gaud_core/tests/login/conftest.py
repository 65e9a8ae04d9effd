"""A token server with a clock of its own, and a client for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gaud_core import DeviceFlow, PKCEFlow, TokenStore
from gaud_core.testing import ScriptedOAuth, ScriptedUpstream

from ..loopback import NO_TLS
from .support import Time


@pytest.fixture
def anyio_backend() -> str:
    """Logins live in asyncio."""
    return "asyncio"


@pytest.fixture
def time() -> Time:
    """A clock that stands still until something sleeps."""
    return Time()


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    """The server that the token server is on."""
    async with ScriptedUpstream() as server:
        yield server


@pytest.fixture
def oauth(upstream: ScriptedUpstream, time: Time) -> ScriptedOAuth:
    """A token server."""
    server = ScriptedOAuth(clock=time)
    server.install(upstream)
    return server


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """What `ctx.http()` gives."""
    async with httpx.AsyncClient(trust_env=False, timeout=5, verify=NO_TLS) as client:
        yield client


@pytest.fixture
def device(upstream: ScriptedUpstream, oauth: ScriptedOAuth) -> DeviceFlow:
    """What a client needs to know for a device login."""
    return DeviceFlow(
        device_url=f"{upstream.url}/device", token_url=f"{upstream.url}/token", client_id="client-test"
    )


@pytest.fixture
def browser_flow(upstream: ScriptedUpstream, oauth: ScriptedOAuth) -> PKCEFlow:
    """What a client needs to know for a login in the browser."""
    return PKCEFlow(
        authorize_url=f"{upstream.url}/authorize", token_url=f"{upstream.url}/token", client_id="client-test"
    )


@pytest.fixture
def store(tmp_path: Path, time: Time) -> TokenStore:
    """A store without a token, whose folder is not there yet."""
    return TokenStore(tmp_path / "acme" / "token.json", "acme", clock=time)
