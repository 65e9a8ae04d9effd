"""Providers found among the installed distributions, each imported in its own guard."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from typing import Any

import attrs

from gaud_core.errors import PluginError, brief
from gaud_core.provider import Provider

__all__ = ["GROUP", "Plugin", "discover", "install_hint", "load_plugin", "objection_to"]

GROUP = "gaud.providers.v1"
"""The entry-point group; a contract that breaks plugins gets another number."""

_SLOW_IMPORT_SECS = 0.5


@attrs.frozen
class Plugin:
    """A provider's class as it was found; `reason` says why it cannot be used, when it cannot."""

    name: str
    distribution: str
    version: str
    provider: type[Provider[Any]] | None = None
    reason: str = ""
    warning: str = ""

    @property
    def stage(self) -> str:
        """How far it got."""
        return "broken" if self.reason else "installed"


def discover(environ: Mapping[str, str]) -> tuple[Plugin, ...]:
    """Import every installed provider, or those that `GAUD_PLUGINS` names, sorted by name.

    With `GAUD_STRICT=1` a broken one raises instead of being reported.
    """
    wanted = {name.strip() for name in environ.get("GAUD_PLUGINS", "").split(",") if name.strip()}
    points = [(point, dist) for point, dist in _entry_points() if not wanted or point.name in wanted]
    found = [load_plugin(point, *dist) for point, dist in sorted(points, key=lambda pair: pair[0].name)]
    plugins = tuple(_refuse_twins(found))
    if environ.get("GAUD_STRICT") == "1":
        for plugin in plugins:
            if plugin.reason:
                raise PluginError(plugin.name, "import", plugin.reason)
    return plugins


def load_plugin(point: metadata.EntryPoint, distribution: str, version: str) -> Plugin:
    """Import one provider's class and look whether it is one."""
    begun = time.perf_counter()
    try:
        provider = point.load()
    except Exception as error:  # protects every other provider from this one's import
        return Plugin(point.name, distribution, version, reason=f"its import fails: {brief(error)}")
    except SystemExit as error:  # a plugin that exits at import must not take the gateway along
        return Plugin(point.name, distribution, version, reason=f"its import fails: {brief(error)}")
    secs = time.perf_counter() - begun
    slow = f"its import takes {secs:.1f} s" if secs > _SLOW_IMPORT_SECS else ""
    reason = objection_to(point.name, provider)
    return Plugin(point.name, distribution, version, None if reason else provider, reason, slow)


def install_hint(name: str) -> str:
    """Give the command that installs a provider which the `gaud` distribution offers, or nothing."""
    try:
        extras = metadata.metadata("gaud").get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        return ""
    return f'Install it with: pip install "gaud[{name}]"' if name in set(extras) - {"all"} else ""


def _entry_points() -> Iterator[tuple[metadata.EntryPoint, tuple[str, str]]]:
    """Walk the distributions: on Python 3.11 `entry_points()` gives no distribution for a group."""
    seen: set[str] = set()
    for dist in metadata.distributions():
        name = dist.metadata["Name"] or ""
        if name.lower() in seen:
            continue  # an older copy further down the path
        seen.add(name.lower())
        for point in dist.entry_points:
            if point.group == GROUP:
                yield point, (name, dist.version)


def objection_to(name: str, provider: Any) -> str:
    """Say why something cannot be a provider of that name, or nothing."""
    if not isinstance(provider, type) or Provider not in provider.__mro__:
        return "its entry point names something that is no Provider class"
    if getattr(provider, "name", None) != name:
        return f"its class is named `{getattr(provider, 'name', None)}`, its entry point `{name}`"
    if getattr(provider, "settings_class", object) is object:
        return "it names no settings class: write `class ...(Provider[MySettings])`"
    declared: Any = provider
    if not _are_words(declared.patterns, tuple) or not _are_words(declared.endpoints, frozenset):
        return "`patterns` must be a tuple of text and `endpoints` a frozenset of text"
    return ""


def _are_words(value: object, kind: type[tuple[Any, ...] | frozenset[Any]]) -> bool:
    return isinstance(value, kind) and all(isinstance(word, str) for word in value)


def _refuse_twins(plugins: Iterable[Plugin]) -> Iterator[Plugin]:
    owners: dict[str, str] = {}
    for plugin in plugins:
        owner = owners.setdefault(plugin.name, plugin.distribution)
        if owner == plugin.distribution:
            yield plugin
        else:
            reason = f"the distribution `{owner}` has a provider of this name already"
            yield attrs.evolve(plugin, provider=None, reason=reason)
