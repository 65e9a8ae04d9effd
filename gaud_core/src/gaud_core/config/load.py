"""From the file and the environment to one `Config`: every mistake at once, one bad instance alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

from gaud_core.config.files import ConfigFile, find_file, read_file
from gaud_core.config.instances import Plugins, read_instances
from gaud_core.config.model import Config, Instance, certificate_problem, env_prefix, network_problem
from gaud_core.config.sections import SECTIONS
from gaud_core.config.warn import environment_warnings, file_warnings
from gaud_core.errors import ConfigError, Problem
from gaud_core.settings import Loaded, Source, load, options_of
from gaud_core.settings.words import did_you_mean, dotted, kind_of_value, listed

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["config_of", "load_config"]

_NONE: Mapping[str, str] = MappingProxyType({})


def _no_hint(provider: str) -> str:
    return f"Install the distribution that brings `{provider}`."


def load_config(
    path: str | Path | None,
    environ: Mapping[str, str],
    schemas: Mapping[str, type],
    install_hint: Callable[[str], str] = _no_hint,
    failed: Mapping[str, str] = _NONE,
) -> Config:
    """Read the configuration; ConfigError, with all mistakes of the file, if the core itself cannot use it.

    `path` is what `--config` named, `schemas` the settings class of each usable provider, `failed` the reason
    for each one that is installed but cannot be imported. Mistakes that are only in provider sections do not
    raise: they are in `Instance.problems`. `install_hint` gives the sentence that says how to install a
    provider, or an empty text; the core knows none, and a guessed name must never reach `pip install`.
    """
    found, named_by = find_file(path, environ)
    file = read_file(found, named_by) if found else None
    return config_of(file, environ, Plugins(schemas, failed, install_hint))


def config_of(file: ConfigFile | None, environ: Mapping[str, str], plugins: Plugins) -> Config:
    """Make a configuration of a file that was read, or is to be written; ConfigError as `load_config`."""
    table = file.table if file else {}
    core = _read_core(table, environ, plugins)
    core.values |= _anchored(core, file.path.parent.absolute()) if file else {}
    instances = list(read_instances(_sections(table), environ, plugins))
    if core.problems:
        theirs = [problem for instance, _ in instances for problem in instance.problems]
        raise ConfigError([*core.problems, *theirs], source=str(file.path if file else ""))
    return _config(file, core, instances, environ, plugins)


@attrs.define
class _Core:
    """The core's sections while they are read."""

    values: dict[str, Any] = attrs.field(factory=dict)
    sources: dict[str, Source] = attrs.field(factory=dict)
    problems: list[Problem] = attrs.field(factory=list)


def _read_core(table: Mapping[str, Any], environ: Mapping[str, str], plugins: Plugins) -> _Core:
    core = _Core(problems=list(_strangers(table, plugins)))
    for name, cls in SECTIONS.items():
        try:
            loaded: Loaded[Any] = load(
                cls, path=name, table=_section(table, name), environ=environ, env_prefix=env_prefix(name)
            )
        except ConfigError as wrong:
            core.problems += wrong.problems
            continue
        core.values[name.rpartition(".")[2]] = loaded.value
        core.sources |= {f"{name}.{key}": source for key, source in loaded.sources.items()}
    core.problems += _disagreements(core.values)
    return core


def _anchored(core: _Core, folder: Path) -> dict[str, Any]:
    """Let relative paths of the file count from the file, so that every command finds the same place."""
    sections = {}
    for name in {"data", "database"} & core.values.keys():
        section: Any = core.values[name]
        paths = {
            key: folder / value
            for key, value in attrs.asdict(section).items()
            if isinstance(value, os.PathLike) and core.sources[f"{name}.{key}"].kind == "file"
        }
        sections[name] = attrs.evolve(section, **paths)
    return sections


def _disagreements(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Settings that are good alone and not together."""
    pairs = ((network_problem, "auth"), (certificate_problem, "tls_client_cert"))
    for problem_of, section in pairs:
        if {"server", section} <= values.keys():
            problem = problem_of(values["server"], values[section])
            yield from [problem] if problem else []


def _config(
    file: ConfigFile | None,
    core: _Core,
    instances: list[tuple[Instance, Mapping[str, Source]]],
    environ: Mapping[str, str],
    plugins: Plugins,
) -> Config:
    sources = {
        f"providers.{i.name}.{key}": source for i, theirs in instances for key, source in theirs.items()
    }
    made = [instance for instance, _ in instances]
    return Config(
        path=file.path if file else None,
        file=file,
        loaded=True,
        **core.values,
        instances={instance.name: instance for instance in made},
        sources=core.sources | sources,
        warnings=(*file_warnings(file, plugins), *environment_warnings(environ, made, plugins)),
    )


def _section(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A section's own settings, without the sections inside it."""
    section: Any = table
    for part in name.split("."):
        section = section.get(part, {}) if isinstance(section, Mapping) else {}
    if isinstance(section, Mapping):
        inside = {s.removeprefix(f"{name}.") for s in SECTIONS if s.startswith(f"{name}.")}
        return {key: value for key, value in section.items() if key not in inside}
    raise ConfigError(
        [
            Problem(
                name,
                f"must be a section, not {kind_of_value(section)}.",
                f"Write [{name}] above its settings.",
            )
        ]
    )


def _sections(table: Mapping[str, Any]) -> Mapping[str, Any]:
    sections = table.get("providers", {})
    return sections if isinstance(sections, Mapping) else {}


def _strangers(table: Mapping[str, Any], plugins: Plugins) -> Iterator[Problem]:
    """Whatever stands at the top of the file and is no section of it."""
    for name, value in table.items():
        if name == "providers" and not isinstance(value, Mapping):
            yield Problem(
                name,
                f"must hold sections, not {kind_of_value(value)}.",
                "Write one [providers.<name>] for each.",
            )
        elif name != "providers" and name not in SECTIONS:
            yield _stranger(name, value, plugins)


def _stranger(name: str, value: Any, plugins: Plugins) -> Problem:
    path = dotted("", name)
    homes = [section for section, cls in SECTIONS.items() if name in options_of(cls)]
    if homes and not isinstance(value, Mapping):
        return Problem(path, "must not stand at the top of the file.", f"Put it below the line [{homes[0]}].")
    if name in plugins.schemas:
        return Problem(path, "is a provider, not a section of Gaud itself.", f"Write [providers.{name}].")
    near = did_you_mean(name, [*SECTIONS, "providers"])
    cure = f"Did you mean [{near}]?" if near else f"Known are {listed([*SECTIONS, 'providers'])}."
    return Problem(path, "is not a known section.", cure)
