"""The `[providers.…]` sections: each read by the settings class of its plugin, each with its own mistakes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs

from gaud_core.config.model import Instance, env_prefix
from gaud_core.config.sections import SECTIONS
from gaud_core.errors import ConfigError, Problem
from gaud_core.settings import Loaded, Option, Source, load, options_of
from gaud_core.settings.words import did_you_mean, dotted, kind_of_value, listed, printable

__all__ = ["Plugins", "core_variables", "read_instances", "safe_options"]

Read = tuple[Instance, Mapping[str, Source]]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")


@attrs.frozen
class Plugins:
    """What is known of providers: settings classes, failed imports, and how to install another one."""

    schemas: Mapping[str, type]
    failed: Mapping[str, str]
    install_hint: Callable[[str], str]

    def schema(self, name: str, section: Any) -> type | None:
        """The settings class for a section of the file, if its provider is installed."""
        provider = section.get("provider", name) if isinstance(section, Mapping) else name
        return self.schemas.get(provider) if isinstance(provider, str) else None

    def variables(self, name: str, provider: str) -> dict[str, Option]:
        """The variables of an instance and the option that each sets."""
        if provider not in self.schemas:
            return {}
        options = safe_options(self.schemas[provider]).values()
        return {env_prefix(name) + o.env: o for o in options if o.env is not None}

    def creating(self, provider: str, environ: Mapping[str, str]) -> str:
        """The variable that is set and creates the provider's default instance, or an empty text."""
        own = self.variables(provider, provider).items()
        return next((v for v, option in own if option.creates and environ.get(v, "").strip()), "")


def safe_options(schema: type) -> Mapping[str, Option]:
    """The options of a plugin's settings class, none if it is broken; reading its section then says so."""
    try:
        return options_of(schema)
    except Exception:
        return {}


def read_instances(
    sections: Mapping[str, Any], environ: Mapping[str, str], plugins: Plugins
) -> Iterator[Read]:
    """Every instance with the sources of its values: those of the file, then those that variables create."""
    owners = core_variables()
    for name, section in sections.items():
        yield _alone(_read(name, section, environ, plugins), owners, environ, plugins)
    for provider in plugins.schemas:
        if provider not in sections and (variable := plugins.creating(provider, environ)):
            instance, sources = _read(provider, {}, environ, plugins)
            made = attrs.evolve(instance, source=Source("env", variable))
            yield _alone((made, sources), owners, environ, plugins)


def core_variables() -> dict[str, str]:
    """The variables of the core's own sections, and whose they are."""
    return {
        env_prefix(s) + o.env: s for s, cls in SECTIONS.items() for o in options_of(cls).values() if o.env
    }


def _alone(read: Read, owners: dict[str, str], environ: Mapping[str, str], plugins: Plugins) -> Read:
    """The instance, unless a variable that is set would mean somebody else as well (`a-b` and `a_b`)."""
    instance = read[0]
    path = dotted("providers", instance.name)
    problems = []
    for variable in plugins.variables(instance.name, instance.provider):
        owner = owners.setdefault(variable, path)
        if owner != path and environ.get(variable, "").strip():
            cure = "Give this instance another name, or unset the variable."
            problems.append(Problem(path, f"shares the variable {variable} with [{owner}].", cure))
    if not problems:
        return read
    return attrs.evolve(instance, settings=None, problems=(*instance.problems, *problems)), {}


def _read(name: str, section: Any, environ: Mapping[str, str], plugins: Plugins) -> Read:
    path = dotted("providers", name)
    provider = section.get("provider", name) if isinstance(section, Mapping) else name
    problems = list(_misnamed(path, name, section, provider))
    if not problems and provider not in plugins.schemas:
        problems.append(_missing(path, name, provider, plugins))
    if problems:
        shown_as = provider if isinstance(provider, str) else name
        return Instance(name=name, provider=shown_as, problems=tuple(problems)), {}
    return _loaded(name, provider, section, environ, plugins.schemas[provider])


def _loaded(
    name: str, provider: str, section: Mapping[str, Any], environ: Mapping[str, str], schema: type
) -> Read:
    path = dotted("providers", name)
    table = {key: value for key, value in section.items() if key != "provider"}
    try:
        loaded: Loaded[Any] = load(
            schema, path=path, table=table, environ=environ, env_prefix=env_prefix(name)
        )
    except ConfigError as wrong:
        return Instance(name=name, provider=provider, problems=wrong.problems), {}
    except Exception as wrong:
        broken = f"cannot be read: the settings class of provider `{provider}` is broken ({_brief(wrong)})."
        problem = Problem(path, broken, "Tell its author.")
        return Instance(name=name, provider=provider, problems=(problem,)), {}
    return Instance(name=name, provider=provider, settings=loaded.value), loaded.sources


def _brief(wrong: Exception) -> str:
    return f"{type(wrong).__name__}: {wrong}" if isinstance(wrong, TypeError) else type(wrong).__name__


def _misnamed(path: str, name: str, section: Any, provider: Any) -> Iterator[Problem]:
    if not _NAME.fullmatch(name):
        yield Problem(
            path,
            "has a name that cannot be used.",
            "Use small letters, digits, `-` and `_`, with a letter or a digit first.",
        )
    if not isinstance(section, Mapping):
        cure = f"Write [{path}], in single brackets, above its settings."
        yield Problem(path, f"must be a section, not {kind_of_value(section)}.", cure)
    elif not isinstance(provider, str) or not provider:
        yield Problem(
            f"{path}.provider",
            "must be the name of a provider, in quotes.",
            'Write for example provider = "acme".',
        )


def _missing(path: str, name: str, provider: str, plugins: Plugins) -> Problem:
    where = path if provider == name else f"{path}.provider"
    word = printable(provider)
    if provider in plugins.failed:
        return Problem(where, f"cannot be used: provider `{word}` does not start: {plugins.failed[provider]}")
    others = f"only {listed(sorted(plugins.schemas))}" if plugins.schemas else "nor is any other"
    near = did_you_mean(provider, plugins.schemas)
    hint = plugins.install_hint(provider) if _NAME.fullmatch(provider) else ""
    cure = f"Did you mean `{near}`? If not: {hint}".removesuffix(" If not: ") if near else hint
    return Problem(where, f"no provider `{word}` is installed, {others}.", cure)
