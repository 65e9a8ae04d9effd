"""A gateway on a file, in a loop of its own, for the settings that the admin API changes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import attrs

from gaud_core import HTTPProvider, Model, Secret, http_url, option, settings
from gaud_core.admin import Desk
from gaud_core.config import load_config
from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.guests.plugins import Plugin, settings_of
from gaud_core.gateway.live.settings_desk import SettingsDesk
from gaud_core.store import Store

T = TypeVar("T")

FILE = """\
[providers.toy]
url = "http://localhost:4000"
api_key = "sk-test-toy"

# The log
[logging]
level = "info"
"""


@settings
class ToySettings:
    """Settings of [providers.toy]."""

    url: str = option(help="Where it is.", check=http_url, creates=True)
    api_key: Secret | None = option(default=None, help="Key.")
    timeout_secs: float = option(default=120.0, help="Time limit.", gt=0)


class Toy(HTTPProvider[ToySettings]):
    """A provider that nobody calls."""

    name = "toy"

    async def models(self) -> list[Model]:
        """None."""
        return []


class Spare(Toy):
    """Another one, without a section."""

    name = "spare"


PLUGINS = [Plugin(cls.name, f"gaud-{cls.name}", "1.0", cls) for cls in (Toy, Spare)]


@attrs.frozen
class Acting:
    """A gateway that runs in a thread."""

    path: Path
    gateway: Gateway
    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the gateway's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def behind(self, desk: Desk) -> Desk:
        """Let the API use it, from the loop of the API's own server."""
        there: Any = _There(self)
        return attrs.evolve(desk, gateway_settings=there)


@attrs.frozen
class _There:
    """The desk of a gateway in another loop."""

    acting: Acting

    def __getattr__(self, name: str) -> Any:
        method = getattr(SettingsDesk, name)
        desk, loop = self.acting.gateway.desk, self.acting.loop
        if not asyncio.iscoroutinefunction(method):
            return getattr(desk, name)

        async def call(*args: Any, **named: Any) -> Any:
            work = method(desk, *args, **named)
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))

        return call


@contextlib.contextmanager
def gateway_on(folder: Path, store: Store, **environ: str) -> Iterator[Acting]:
    """Run a gateway on a file in a folder; its watch sleeps."""
    path = folder / "llm-proxy.toml"
    path.write_text(FILE)
    path.chmod(0o600)
    variables = {"GAUD_DATA_DIR": str(folder / "data"), "GAUD_PLUGINS": "none", **environ}
    config = load_config(path, variables, settings_of(PLUGINS, variables).schemas)
    gateway = Gateway(config, PLUGINS, store, sleep=_for_ever, environ=variables)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="gateway", daemon=True)
    thread.start()
    acting = Acting(path, gateway, loop)
    acting.run(gateway.start())
    try:
        yield acting
    finally:
        acting.run(gateway.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def _for_ever(secs: float) -> None:
    await asyncio.Event().wait()
