"""GAUD_STRICT=1: a provider that cannot be used ends the start, for the tests of its author."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from gaud_core import PluginError, Problem, Provider
from gaud_core.app import create_app
from gaud_core.config import Auth, Config, Data, Instance
from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.guests.plugins import Plugin

from .guests.providers import Fine, Guest, Mishap, with_method
from .support import GuestSettings

pytestmark = pytest.mark.anyio

Make = Callable[..., Gateway]


@pytest.fixture
def anyio_backend() -> str:
    """Providers live in asyncio."""
    return "asyncio"


@pytest.fixture
def gateway(tmp_path: Path) -> Make:
    """Make a strict gateway with a good provider and another one."""

    def make(cls: type[Provider[Any]], *, strict: bool = True, **section: Any) -> Gateway:
        instances = {
            each.name: Instance(name=each.name, provider=each.name, settings=GuestSettings())
            for each in (Fine, cls)
        }
        instances[cls.name] = attrs.evolve(instances[cls.name], **section)
        config = Config(data=Data(dir=tmp_path), auth=Auth(enabled=False), instances=instances)
        plugins = [Plugin(each.name, f"gaud-{each.name}", "1.0", each) for each in (Fine, cls)]
        return Gateway(config, plugins, strict=strict)

    return make


def _init(self: object, settings: object, ctx: object) -> None:
    raise Mishap("no luck")


FAILURES: dict[str, tuple[type[Provider[Any]], str]] = {
    "constructor": (type("Odd", (Guest,), {"__init__": _init}), "settings: Mishap: no luck"),
    "known_models": (with_method("known_models", Mishap("no luck")), "settings: Mishap: no luck"),
    "start": (with_method("start", Mishap("no luck")), "start: Mishap: no luck"),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_strict_start(gateway: Make, name: str) -> None:
    """Each stage raises, with the instance, the stage and the reason; what had started is stopped."""
    cls, reason = FAILURES[name]
    before = asyncio.all_tasks()
    with pytest.raises(PluginError, match=f"provider `guest` failed at {reason}"):
        await gateway(cls).start()
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("name", FAILURES)
async def test_lenient_start(gateway: Make, name: str) -> None:
    """Without it the others serve."""
    lenient = gateway(FAILURES[name][0], strict=False)
    await lenient.start()
    assert lenient.registry.instances["fine"].stage == "serving"
    await lenient.stop()


async def test_strict_settings(gateway: Make) -> None:
    """Mistakes in the section of a provider raise as well."""
    mistaken = {"settings": None, "problems": (Problem("providers.guest.url", "is missing."),)}
    with pytest.raises(PluginError, match=r"failed at settings: providers\.guest\.url: is missing\."):
        await gateway(Guest, **mistaken).start()


async def test_good_providers_start(gateway: Make) -> None:
    """With good ones it makes no difference."""
    strict = gateway(Guest)
    await strict.start()
    assert {instance.stage for instance in strict.registry.instances.values()} == {"serving"}
    await strict.stop()


@pytest.mark.parametrize(("value", "strict"), [("1", True), ("0", False), ("", False)])
def test_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, *, strict: bool) -> None:
    """The application reads it."""
    monkeypatch.setenv("GAUD_STRICT", value)
    app = create_app(Config(data=Data(dir=tmp_path), auth=Auth(enabled=False)), plugins=[])
    assert app.state.gateway.strict is strict
    app.state.gateway.store.close()
