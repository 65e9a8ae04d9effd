"""A real Gaud in front of a scripted GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import httpx
import pytest

from gaud_core import Body, Call, Reply, Token
from gaud_core.testing import ScriptedUpstream, Seen, ServedGateway
from gaud_provider_copilot import Copilot

from .github import ScriptedGitHub

USERS = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def anyio_backend() -> str:
    """The gateway runs on asyncio."""
    return "asyncio"


@attrs.frozen
class Sent:
    """What became of a call: the reply, and its content read to the end."""

    reply: Reply
    content: bytes


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

    def send(
        self, endpoint: str, model: str, headers: Mapping[str, str] | None = None, **fields: Any
    ) -> Sent:
        """Make a call at the provider itself, for the endpoints that a gateway may serve."""
        body = Body.parse(json.dumps({"model": model, **fields}).encode())
        call = Call("call-test", endpoint, model, body, headers or {})

        async def send() -> Sent:
            reply = await self.gateway.instance.send(call)
            try:
                content = reply.content
                whole = (
                    content if isinstance(content, bytes) else b"".join([piece async for piece in content])
                )
            finally:
                await reply.aclose()
            return Sent(reply, whole)

        return self.gateway.within(send())

    def sent(self) -> Seen:
        """What Copilot got last."""
        return self.upstream.calls[-1]

    def fresh(self) -> None:
        """Begin anew: the provider remembers nothing, and is logged in at a GitHub that has seen nothing."""
        self.upstream.reset()
        self.github.install(self.upstream)
        instance: Any = self.gateway.instance
        settings, context = instance.settings, instance.ctx
        instance.__dict__.clear()
        type(instance).__init__(instance, settings, context)
        self.gateway.within(instance.tokens.save(token_of(self.github, self.upstream.url)))
        assert self.gateway.ask_again() is None
        self.upstream.calls.clear()


def token_of(github: ScriptedGitHub, api: str, **more: Any) -> Token:
    """Give a token as after a login."""
    extra: Mapping[str, Any] = {"api": api, **more}
    return Token(github.new_token(), github.new_login(), github.clock() + 1800, extra=extra)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServedGateway, ScriptedUpstream]]:
    """Gaud and the server that GitHub is to be on."""
    github = ScriptedGitHub()
    with ScriptedUpstream.in_thread() as upstream:
        github.install(upstream)
        sections = {"copilot": {"domain": upstream.url.partition("://")[2]}}
        tokens = {"copilot": token_of(github, upstream.url)}
        folder = tmp_path_factory.mktemp("gaud")
        with ServedGateway(Copilot, sections, folder, tokens=tokens) as gateway:
            yield gateway, upstream


@pytest.fixture
def world(served: tuple[ServedGateway, ScriptedUpstream]) -> World:
    """All of them, as new for each test."""
    gateway, upstream = served
    world = World(gateway, ScriptedGitHub(), upstream)
    world.fresh()
    return world
