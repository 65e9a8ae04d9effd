"""Providers found among the installed distributions, each imported in its own guard."""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from importlib import metadata
from typing import Any

import attrs

from gaud_core.config.instances import Plugins
from gaud_core.errors import PluginError, brief
from gaud_core.provider import Provider
from gaud_core.settings.words import did_you_mean

__all__ = [
    "GROUP",
    "Plugin",
    "discover",
    "install_hint",
    "is_strict",
    "left_out",
    "load_plugin",
    "objection_to",
    "rediscover",
    "schemas_of",
    "settings_of",
]

GROUP = "gaud.providers.v1"
"""The entry-point group; a contract that breaks plugins gets another number."""

_GROUPS = "gaud.providers."
_MAJOR = GROUP.removeprefix(_GROUPS + "v")
_LEVEL = re.compile(rf"{_MAJOR}\.\d+")
_SLOW_IMPORT_SECS = 0.5


@attrs.frozen
class Plugin:
    """A provider's class as it was found; `reason` says why it cannot be used, when it cannot.

    Without a `distribution` none has been found: GAUD_PLUGINS names a provider that is not installed.
    """

    name: str
    distribution: str
    version: str
    provider: type[Provider[Any]] | None = None
    reason: str = ""
    warning: str = ""

    @property
    def stage(self) -> str:
        """How far it got."""
        if not self.distribution:
            return "not installed"
        return "broken" if self.reason else "installed"


@attrs.frozen
class _Found:
    """An entry point and whose it is; `reason` is why it must not be imported."""

    name: str
    distribution: str
    version: str
    point: metadata.EntryPoint | None = None
    reason: str = ""

    @property
    def rank(self) -> tuple[str, bool, str]:
        """Where it stands among others: of one name, the distribution that is called after it comes first."""
        return self.name, self.distribution.lower() != f"gaud-provider-{self.name}", self.distribution.lower()

    def loaded(self) -> Plugin:
        if self.point is None or self.reason:
            return Plugin(self.name, self.distribution, self.version, reason=self.reason)
        return load_plugin(self.point, self.distribution, self.version)


def discover(environ: Mapping[str, str]) -> tuple[Plugin, ...]:
    """Import every installed provider, or those that `GAUD_PLUGINS` names, sorted by name.

    With `GAUD_STRICT=1` a broken one raises instead of being reported.
    """
    wanted, found = _wanted(environ), sorted(_found(), key=lambda one: one.rank)
    named = [one for one in found if not wanted or one.name in wanted]
    plugins = [one.loaded() for one in _refuse_twins(named)]
    names = {one.name for one in found}
    plugins += [_not_installed(name, names) for name in sorted(wanted - names)]
    if is_strict(environ):
        for plugin in plugins:
            if plugin.reason:
                raise PluginError(plugin.name, "import", plugin.reason)
    return tuple(sorted(plugins, key=lambda plugin: plugin.name))


def rediscover(known: Collection[Plugin], environ: Mapping[str, str]) -> tuple[Plugin, ...]:
    """Find what has been installed since; code that is loaded stays, because nothing unloads it.

    It imports, so call it in a thread.
    """
    importlib.invalidate_caches()
    loaded = {plugin.name: plugin for plugin in known if plugin.provider is not None}
    found = [loaded.pop(plugin.name, plugin) for plugin in _once(discover(environ), loaded)]
    return tuple(sorted([*found, *loaded.values()], key=lambda plugin: plugin.name))


def _once(found: Iterable[Plugin], loaded: Collection[str]) -> Iterator[Plugin]:
    """Leave out the twins of what is loaded, which stand there with a reason of their own."""
    seen: set[str] = set()
    for plugin in found:
        if plugin.name not in seen or plugin.name not in loaded:
            seen.add(plugin.name)
            yield plugin


def settings_of(plugins: Iterable[Plugin], environ: Mapping[str, str]) -> Plugins:
    """Give what the reading of a configuration must know of the providers."""
    found = list(plugins)
    failed = dict.fromkeys(left_out(environ), "GAUD_PLUGINS leaves it out.")
    failed |= {plugin.name: plugin.reason for plugin in found if plugin.reason and plugin.distribution}
    return Plugins(schemas_of(found), failed, install_hint)


def schemas_of(plugins: Iterable[Plugin]) -> dict[str, type]:
    """Give the settings class of each provider that can be used."""
    return {plugin.name: plugin.provider.settings_class for plugin in plugins if plugin.provider}


def is_strict(environ: Mapping[str, str]) -> bool:
    """Whether a provider that cannot be used is an error instead of being left out."""
    return environ.get("GAUD_STRICT") == "1"


def left_out(environ: Mapping[str, str]) -> set[str]:
    """Give the installed providers that `GAUD_PLUGINS` does not name."""
    wanted = _wanted(environ)
    return {one.name for one in _found()} - wanted if wanted else set()


def load_plugin(point: metadata.EntryPoint, distribution: str, version: str) -> Plugin:
    """Import one provider's class and look whether it is one."""
    begun = time.perf_counter()
    try:
        provider = point.load()
        reason = objection_to(point.name, provider)
    except KeyboardInterrupt:
        raise  # somebody waits no longer
    except BaseException as error:  # protects the others from this one's import, also from its SystemExit
        return Plugin(point.name, distribution, version, reason=f"its import fails: {brief(error)}")
    secs = time.perf_counter() - begun
    slow = f"its import takes {secs:.1f} s" if secs > _SLOW_IMPORT_SECS else ""
    return Plugin(point.name, distribution, version, None if reason else provider, reason, slow)


def install_hint(name: str) -> str:
    """Give the command that installs a provider which the `gaud` distribution offers, or nothing."""
    return f'Install it with: pip install "gaud[{name}]"' if name in _extras() else ""


@cache
def _extras() -> frozenset[str]:
    """Read once what the distribution offers: each call of a model that is not there asks for it."""
    try:
        extras = metadata.metadata("gaud").get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        return frozenset()
    return frozenset(extras) - {"all"}


def _wanted(environ: Mapping[str, str]) -> set[str]:
    return {name.strip() for name in environ.get("GAUD_PLUGINS", "").split(",") if name.strip()}


def _not_installed(name: str, names: Collection[str]) -> Plugin:
    near = did_you_mean(name, names)
    reason = "GAUD_PLUGINS names it, but no installed distribution has a provider of this name."
    cure = f"Did you mean `{near}`?" if near else install_hint(name)
    return Plugin(name, "", "", reason=f"{reason} {cure}".rstrip())


def _found() -> Iterator[_Found]:
    """Walk the distributions: on Python 3.11 `entry_points()` gives no distribution for a group.

    Of most the entry points are enough: to parse the metadata of all takes 0.1 s.
    """
    seen: set[str] = set()
    for dist in metadata.distributions():
        try:
            if _GROUPS not in (dist.read_text("entry_points.txt") or ""):
                continue
            name = dist.metadata["Name"] or ""
            first = _first_copy(dist, name)
            points = [point for point in first.entry_points if point.group.startswith(_GROUPS)]
        except Exception as error:  # protects every provider from somebody's broken installation
            yield from _unreadable(dist, error)
            continue
        if name.lower() not in seen:
            seen.add(name.lower())
            yield from _of_one(name, first.version, points)


def _first_copy(dist: metadata.Distribution, name: str) -> metadata.Distribution:
    """Give the copy that stands first on the path: it is the one that is imported."""
    copies = metadata.distributions(name=name) if name else ()
    return next((one for one in copies if one.metadata["Name"] == name), dist)


def _unreadable(dist: metadata.Distribution, error: Exception) -> Iterator[_Found]:
    """Give a distribution whose metadata is damaged, if a provider may be in it."""
    try:
        concerns = _GROUPS in (dist.read_text("entry_points.txt") or "")
        name, version = str(dist.metadata["Name"]), str(dist.version)
    except Exception:  # the same protection: what cannot even be read names nobody
        return
    if concerns:
        reason = f"the metadata of its distribution cannot be read: {brief(error)}. Install it again."
        yield _Found(name, name, version, reason=reason)


def _of_one(distribution: str, version: str, points: Iterable[metadata.EntryPoint]) -> Iterator[_Found]:
    """Give the entry points of this contract, and those of another one that have no twin in this."""
    points = list(points)
    ours = {point.name for point in points if point.group == GROUP}
    for point in points:
        if point.group == GROUP:
            yield _Found(point.name, distribution, version, point)
        elif point.name not in ours:
            reason = f"it is made for another contract, `{point.group}`; this Gaud knows `{GROUP}`."
            yield _Found(point.name, distribution, version, reason=f"{reason} {_cure(point.group)}")


def _cure(group: str) -> str:
    number = group.removeprefix(_GROUPS + "v")
    newer = number.isdecimal() and int(number) > int(_MAJOR)
    return "Upgrade gaud-core." if newer else "Look for a newer version of it."


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
    if not isinstance(declared.contract, str) or not _LEVEL.fullmatch(declared.contract):
        return f"it claims level {declared.contract!r} of the contract; this Gaud knows {_MAJOR}.x only"
    return ""


def _are_words(value: object, kind: type[tuple[Any, ...] | frozenset[Any]]) -> bool:
    return isinstance(value, kind) and all(isinstance(word, str) for word in value)


def _refuse_twins(found: Iterable[_Found]) -> Iterator[_Found]:
    """Of several that have one name, leave the first; the others are not even imported."""
    owners: dict[str, str] = {}
    for one in found:
        if one.reason:
            yield one
        elif one.name not in owners:
            owners[one.name] = one.distribution
            yield one
        else:
            reason = f"the distribution `{owners[one.name]}` has a provider of this name already"
            yield attrs.evolve(one, reason=reason)
