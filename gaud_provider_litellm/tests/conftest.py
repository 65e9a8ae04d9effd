"""A provider in front of an HTTP client that pytest-httpx answers for."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from gaud_core import Context, Reply, UpstreamRequest
from gaud_provider_litellm import LiteLLM, LiteLLMSettings

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""To load the certificates of the world for each client takes longer than a test."""


@pytest.fixture
def anyio_backend() -> str:
    """The gateway runs on asyncio."""
    return "asyncio"


async def _sends_nothing(request: UpstreamRequest) -> Reply:
    raise AssertionError(f"an unexpected call to {request.url}")


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Callable[..., LiteLLM]]:
    """Make a provider from settings; `name` is its instance's, `send` stands for the gateway's client."""
    async with httpx.AsyncClient(trust_env=False, verify=_NO_TLS) as client:

        def make(name: str = "litellm", send: Any = _sends_nothing, **settings: Any) -> LiteLLM:
            given = {"url": "http://litellm.test:4000", "api_key": "sk-test-master"} | settings
            log = logging.getLogger("gaud.test")
            return LiteLLM(
                LiteLLMSettings(**given), Context(name, send, lambda: client, tmp_path / "data", log)
            )

        yield make
