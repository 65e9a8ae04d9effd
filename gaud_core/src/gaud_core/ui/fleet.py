"""The instances and the installed providers, as pages show them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.guests.conduct import Note
from gaud_core.gateway.guests.plugins import Plugin
from gaud_core.gateway.instances.instance import Instance
from gaud_core.ledger.trends import Pace
from gaud_core.provider import LoginProvider, Quota

__all__ = ["Tile", "look_at", "spare_plugins"]


@attrs.frozen(kw_only=True)
class Tile:
    """One configured instance; `tone` is good, warn or bad, and says how it is all in all."""

    name: str
    provider: str
    label: str
    stage: str
    reason: str = ""
    healthy: bool | None = None
    detail: str = ""
    breaker: str = "closed"
    models: int = 0
    discovered_at: int | None = None
    discovery_failed: bool = False
    last_error: str = ""
    last_error_at: int | None = None
    pace: Pace
    quotas: Sequence[Quota] = ()
    notes: Sequence[Note] = ()
    has_login: bool = False
    connected: bool | None = True
    """Whether there is a token where one is needed; None if its file is broken."""
    distribution: str = ""
    endpoints: Sequence[str] = ()

    @property
    def tone(self) -> str:
        """How it is, for a colour."""
        if self.stage == "broken" or self.breaker == "open" or self.healthy is False:
            return "bad"
        uneasy = self.stage != "serving" or self.breaker != "closed" or self.discovery_failed
        return "warn" if uneasy or self.healthy is None or not self.connected else "good"

    @property
    def word(self) -> str:
        """How it is, in a word or two."""
        if self.stage != "serving":
            return self.stage
        if self.breaker != "closed":
            return f"breaker {self.breaker}"
        if not self.connected:
            return "not connected"
        if self.healthy is False:
            return "not healthy"
        return "discovery fails" if self.discovery_failed else "serving"


def _tiles_of(gateway: Gateway, by_name: Mapping[str, Pace]) -> Sequence[Tile]:
    """Give every configured instance, also those that could not be made."""
    registry = gateway.registry
    plugins = {plugin.name: plugin for plugin in gateway.plugins}
    working = [
        _tile_of(instance, by_name.get(name), plugins) for name, instance in registry.instances.items()
    ]
    return working + [
        Tile(
            name=name,
            provider=_provider_of(gateway, name),
            label=name,
            stage="broken",
            reason=reason,
            pace=by_name.get(name) or Pace(name),
        )
        for name, reason in registry.broken.items()
    ]


def _tile_of(instance: Instance, pace: Pace | None, plugins: Mapping[str, Plugin]) -> Tile:
    """Give one instance."""
    provider: Any = instance.provider
    plugin = plugins.get(provider.name)
    error = instance.last_error
    return Tile(
        name=instance.name,
        provider=provider.name,
        label=provider.label or provider.name,
        stage=instance.stage,
        reason=instance.reason,
        healthy=instance.health.healthy if instance.health else None,
        detail=instance.health.detail if instance.health else "",
        breaker=instance.breaker.state,
        models=sum(not model.is_pattern for model in instance.models),
        discovered_at=None if instance.discovered_at is None else int(instance.discovered_at * 1000),
        discovery_failed=instance.discovery_failed,
        last_error=str(error) if error else "",
        last_error_at=int(error.at * 1000) if error else None,
        pace=pace or Pace(instance.name),
        quotas=instance.guard.quotas(),
        notes=list(instance.guard.conduct.notes.values()),
        has_login=isinstance(provider, LoginProvider),
        distribution=f"{plugin.distribution} {plugin.version}" if plugin else "",
        endpoints=sorted(provider.endpoints),
    )


def spare_plugins(gateway: Gateway) -> Sequence[Plugin]:
    """Give the installed providers without an instance, and those that cannot be used."""
    used = {instance.provider.name for instance in gateway.registry.instances.values()}
    return [plugin for plugin in gateway.plugins if plugin.reason or plugin.name not in used]


def _provider_of(gateway: Gateway, name: str) -> str:
    section = gateway.config.instances.get(name)
    return section.provider if section else name


async def look_at(gateway: Gateway, by_name: Mapping[str, Pace]) -> Sequence[Tile]:
    """Give every configured instance, with its login; a token's file is read in a thread."""
    return [
        attrs.evolve(tile, connected=await _connected(gateway, tile.name)) if tile.has_login else tile
        for tile in _tiles_of(gateway, by_name)
    ]


async def _connected(gateway: Gateway, name: str) -> bool | None:
    instance = gateway.registry.instances.get(name)
    if instance is None or not isinstance(instance.provider, LoginProvider):
        return True
    try:
        return await asyncio.to_thread(instance.provider.tokens.load) is not None
    except Exception:  # protects the page from a plugin whose own store of tokens fails
        return None
