"""A real Gaud in front of a scripted Kiro, with a folder of the test's own for its home."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

from gaud_core import Token
from gaud_core.testing import ScriptedUpstream, Seen, ServedGateway
from gaud_provider_kiro import Kiro
from gaud_provider_kiro.logins.login import Login

from .kiro import ScriptedKiro

USERS = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def anyio_backend() -> str:
    """The gateway runs on asyncio."""
    return "asyncio"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads the logins of whoever runs it."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@attrs.define(eq=False)
class World:
    """Gaud, Kiro, and the server that both meet on."""

    gateway: ServedGateway
    kiro: ScriptedKiro
    upstream: ScriptedUpstream
    folder: Path

    def ask(self, model: str = "claude-sonnet-4.5", messages: Any = None, **fields: Any) -> httpx.Response:
        """Make a call."""
        instance = fields.pop("instance", "kiro")
        told = {"model": f"{instance}:{model}", "messages": messages or USERS, **fields}
        return self.gateway.post(json.dumps(told).encode())

    def sent(self) -> Seen:
        """What Kiro got last."""
        return self.upstream.calls[-1]


Serve = Callable[..., contextlib.AbstractContextManager[World]]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Give what begins a world from the settings of its main instance."""

    @contextlib.contextmanager
    def world(
        settings: Mapping[str, Any] | None = None,
        kiro: ScriptedKiro | None = None,
        more: Mapping[str, Mapping[str, Any]] | None = None,
        tokens: Mapping[str, Token] | None = None,
    ) -> Iterator[World]:
        kiro = kiro or ScriptedKiro()
        with ScriptedUpstream.in_thread() as upstream:
            kiro.install(upstream)
            urls = {f"{name}_url": upstream.url for name in ("api", "desktop", "sso")}
            sections = {"kiro": {**urls, **(settings or {})}}
            sections |= {name: {**urls, **section} for name, section in (more or {}).items()}
            with ServedGateway(Kiro, sections, tmp_path, tokens=tokens) as gateway:
                yield World(gateway, kiro, upstream, tmp_path)

    return world


@pytest.fixture
def world(serve: Serve) -> Iterator[World]:
    """One where somebody has logged in."""
    kiro = ScriptedKiro()
    given = kiro.issue()
    token = Login("client-test", None).token(given["access_token"], given["refresh_token"], 4e9)
    with serve(kiro=kiro, tokens={"kiro": token}) as served:
        yield served
