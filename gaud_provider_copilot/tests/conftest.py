"""A real Gaud in front of a scripted GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

from gaud_core import Token
from gaud_core.testing import ScriptedUpstream, Seen, ServedGateway
from gaud_provider_copilot import Copilot

from .github import ScriptedGitHub

USERS = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def anyio_backend() -> str:
    """The gateway runs on asyncio."""
    return "asyncio"


@attrs.frozen
class World:
    """Gaud, logged in at GitHub, and GitHub."""

    gateway: ServedGateway
    github: ScriptedGitHub
    upstream: ScriptedUpstream

    def ask(self, model: str, messages: Any = None, **fields: Any) -> httpx.Response:
        """Make a call; without `messages` it is a user's."""
        told = {"model": f"copilot:{model}", "messages": messages or USERS, **fields}
        return self.gateway.post(json.dumps(told).encode())

    def sent(self) -> Seen:
        """What Copilot got last."""
        return self.upstream.calls[-1]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """All of them, for one test; the test asserts that GitHub has refused nothing if it should not."""
    github = ScriptedGitHub()
    with ScriptedUpstream.in_thread() as upstream:
        github.install(upstream)
        token = Token(
            github.new_token(), github.new_login(), github.clock() + 1800, extra={"api": upstream.url}
        )
        sections = {"copilot": {"domain": upstream.url.partition("://")[2]}}
        with ServedGateway(Copilot, sections, tmp_path, tokens={"copilot": token}) as gateway:
            yield World(gateway, github, upstream)
