"""A gateway on a file of its own, in the test's loop, with a provider that needs no network."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import attrs

from gaud_core import Model, Provider, Secret, option, settings
from gaud_core.call import Call, Reply
from gaud_core.config import load_config
from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.guests.plugins import Plugin, settings_of
from gaud_core.gateway.instances.instance import Instance
from gaud_core.gateway.live.settings_desk import SettingsDesk
from gaud_core.store import open_store

TOY = """\
# All that Gaud reads.

[logging]
level = "info"   # not more

# The toy.
[providers.toy]
url = "http://localhost:4000"   # here it is
api_key = "sk-test-one"

# And now the breaker.
[breaker]
failure_threshold = 3
"""


MOODS = ("good", "no start", "no making", "slow")


@settings
class ToySettings:
    """Settings of [providers.toy]."""

    url: str = option(help="Where it is.", creates=True)
    api_key: Secret | None = option(default=None, help="Key.")
    timeout_secs: float = option(default=120.0, help="Time limit.", gt=0)
    models: tuple[str, ...] = option(default=(), help="Models.")
    mood: str = option(
        default="good", help="What it does.", choices=("good", "no start", "no making", "slow")
    )
    seat: str = option(default="a", help="Cannot be changed while it runs.", live=False)


class Toy(Provider[ToySettings]):
    """Counts what is done with it."""

    name = "toy"
    label = "Toy"
    alive: ClassVar[list[Toy]] = []
    is_ill: ClassVar[bool] = False

    def __init__(self, settings: ToySettings, ctx: Any) -> None:
        super().__init__(settings, ctx)
        if settings.mood == "no making":
            raise RuntimeError("no making today")

    async def start(self) -> None:
        """Start, or not."""
        if self.is_ill or self.settings.mood == "no start":
            raise RuntimeError("no start today")
        if self.settings.mood == "slow":
            await asyncio.Event().wait()
        self.alive.append(self)

    async def stop(self) -> None:
        """Stop."""
        if self in self.alive:
            self.alive.remove(self)

    async def models(self) -> list[Model]:
        """Its models."""
        return [Model(name) for name in self.settings.models or ("one",)]

    async def send(self, call: Call) -> Reply:
        """Say where it is."""
        return Reply(200, (("content-type", "application/json"),), json.dumps(self.settings.url).encode())


PLUGIN = Plugin("toy", "gaud-toy", "1.0", Toy)


@attrs.define
class World:
    """A folder with a file, and a gateway that runs on it."""

    folder: Path
    empty_database: Path
    environ: dict[str, str] = attrs.field(factory=dict)
    gateways: list[Gateway] = attrs.field(factory=list)

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / "llm-proxy.toml"

    def write(self, text: str) -> None:
        """Replace the file as an editor does."""
        draft = self.folder / "draft"
        draft.write_text(text)
        draft.chmod(0o600)
        draft.replace(self.path)

    async def start(self, text: str | None = TOY, *, named: bool = True, **environ: str) -> Gateway:
        """Start a gateway on the file; its watch sleeps, so that the test looks itself."""
        if text is not None:
            self.write(text)
        self.environ |= {"GAUD_DATA_DIR": str(self.folder / "data"), "GAUD_PLUGINS": "none", **environ}
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        if not (data / "gaud.db").exists():
            shutil.copy(self.empty_database, data / "gaud.db")
        known = settings_of([PLUGIN], self.environ)
        config = load_config(self.path if named else None, self.environ, known.schemas)
        gateway = Gateway(config, [PLUGIN], open_store(config), sleep=_for_ever, environ=self.environ)
        self.gateways.append(gateway)
        await gateway.start()
        return gateway

    async def stop(self) -> None:
        """Stop them all."""
        for gateway in self.gateways:
            await gateway.stop()
            if gateway.store is not None:
                gateway.store.close()


async def look(gateway: Gateway) -> None:
    """Look at the file twice, as the watch does in two seconds."""
    await gateway.desk.look()
    await gateway.desk.look()


def toy(gateway: Gateway, name: str = "toy") -> Instance:
    """Give an instance that serves."""
    return gateway.registry.instances[name]


def said(gateway: Gateway, name: str = "toy") -> ToySettings:
    """Give the settings on which an instance runs."""
    found: ToySettings = toy(gateway, name).provider.settings
    return found


def values(desk: SettingsDesk) -> Mapping[str, Any]:
    """Give every value by key."""
    return {setting.key: setting.value for setting in desk.list_settings()}


def mode(path: Path) -> int:
    """Give the bits of a file's mode."""
    return path.stat().st_mode & 0o777


async def _for_ever(secs: float) -> None:
    await asyncio.Event().wait()
