"""A whole gateway on loopback in a thread, with upstreams that are scripted and people who are made up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import uvicorn

from gaud_core.access import People
from gaud_core.app import create_app
from gaud_core.config import load_config
from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.guests.plugins import Plugin
from gaud_core.gateway.http_protocol import protocol_with_limit
from gaud_core.store import Store
from gaud_core.testing import ScriptedUpstream
from gaud_core.testing.oauth import ScriptedOAuth
from gaud_provider_litellm import LiteLLM

from .upstreams import Harbour, answer_as_litellm, answer_as_vendor

__all__ = ["ADMIN_KEY", "World", "world"]

ADMIN_KEY = "sk-prx-test-administrator"
HELD = {"GAUD_BREAKER_OPEN_SECS": "45"}
"""The setting that the environment holds."""

_PLUGINS = (
    Plugin("harbour", "gaud-provider-harbour", "0.3.0", Harbour),
    Plugin("litellm", "gaud-provider-litellm", "0.1.0", LiteLLM),
)


@attrs.frozen
class World:
    """A gateway that runs, what it calls, and its file."""

    url: str
    gateway: Gateway
    litellm: ScriptedUpstream
    vendor: ScriptedUpstream
    oauth: ScriptedOAuth
    file: Path
    loop: asyncio.AbstractEventLoop

    @property
    def store(self) -> Store:
        """The gateway's store."""
        assert self.gateway.store is not None
        return self.gateway.store

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something in the gateway's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    @property
    def people(self) -> People:
        """The register of the gateway's users."""
        return People(self.store)


@contextlib.contextmanager
def world(folder: Path, *, litellm: bool = False) -> Iterator[World]:
    """Run one; LiteLLM is set up at once only if asked for."""
    with (
        ScriptedUpstream.in_thread() as upstream,
        ScriptedUpstream.in_thread() as vendor,
        environment(HELD),
    ):
        answer_as_litellm(upstream)
        oauth = answer_as_vendor(vendor)
        file = folder / "llm-proxy.toml"
        file.write_text(_toml(folder, upstream.url if litellm else "", vendor.url))
        file.chmod(0o600)
        app = _app(file)
        loops = _noting_its_loop(app)
        with _serving(app) as url:
            yield World(url, app.state.gateway, upstream, vendor, oauth, file, loops[0])


@contextlib.contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables, and no other one of Gaud's."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("GAUD_")]:
        del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _toml(folder: Path, litellm: str, vendor: str) -> str:
    text = f"""# The gateway of the tests; this comment stays.
[auth]
bootstrap_key = "{ADMIN_KEY}"

[data]
dir = "{folder / "data"}"

[providers.harbour]
url = "{vendor}"
"""
    return text + (
        f'\n[providers.litellm]\nurl = "{litellm}"\napi_key = "sk-litellm-test"\n' if litellm else ""
    )


def _app(file: Path) -> Any:
    schemas = {plugin.name: plugin.provider.settings_class for plugin in _PLUGINS if plugin.provider}
    config = load_config(str(file), os.environ, schemas)
    return create_app(config, plugins=_PLUGINS)


def _noting_its_loop(app: Any) -> list[asyncio.AbstractEventLoop]:
    """Note in which loop the application starts."""
    loops: list[asyncio.AbstractEventLoop] = []
    lifespan = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def noting(app: Any) -> AsyncIterator[Any]:
        loops.append(asyncio.get_running_loop())
        async with lifespan(app) as state:
            yield state

    app.router.lifespan_context = noting
    return loops


@contextlib.contextmanager
def _serving(app: Any) -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=protocol_with_limit(65_536),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]), name="gaud", daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(15)
