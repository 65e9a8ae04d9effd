"""Every setting that there is, of the core and of each installed provider, for the API and the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import attrs

from gaud_core.config.document import toml_value
from gaud_core.config.instances import safe_options
from gaud_core.config.model import Config, Instance, env_prefix, section_of
from gaud_core.config.sections import SECTIONS
from gaud_core.settings import MASK, Option, Secret, Source

__all__ = ["Setting", "list_settings", "shown_value"]

_DEFAULT = Source("default")


@attrs.frozen(kw_only=True)
class Setting:
    """One setting and what it is now.

    `value` and `default` are JSON: text, numbers, true and false, lists of text, or None for nothing. A
    secret that is set is `********`, one that is not is None. `value` is what the file and the environment
    say; where it waits for a restart, `waits` is true and `running` is what is in force.
    """

    key: str
    """Dotted, as `change` takes it: `server.port`, `providers.acme.url`."""
    section: str
    """`server`, `auth.tls_client_cert`, `providers.acme`."""
    label: str
    help: str
    type: str
    """`text`, `secret`, `yes/no`, `whole number`, `number`, `path`, or `list of …` one of them."""
    value: Any
    default: Any
    required: bool
    secret: bool
    env: str | None
    """The variable that can set it, whether or not it does."""
    overridden: bool
    """The variable does set it, so that nothing else can."""
    source: Literal["default", "file", "env"]
    live: bool
    """A change applies at once; otherwise it waits for a restart."""
    waits: bool = False
    running: Any = None
    choices: tuple[str, ...] = ()
    bounds: str = ""
    """In words: `at least 1 and at most 65535`."""
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    unit: str = ""
    creates: bool = False
    """Setting it alone makes the section; clearing it removes the section."""
    provider: str = ""
    """Of which provider it is; empty for the core's own."""
    instance: str = ""
    configured: bool = True
    """Whether its section is there; false for the settings of an installed provider without one."""
    problem: str = ""
    """What is wrong with the value now, if something is."""


def list_settings(
    said: Config, running: Config, schemas: Mapping[str, type], environ: Mapping[str, str]
) -> Iterator[Setting]:
    """List what `said` holds and `running` has in force: the core's, the instances', the other providers'."""
    for name, cls in SECTIONS.items():
        yield from _of_core(name, cls, said, running)
    for instance in said.instances.values():
        yield from _of_instance(instance, said, running, schemas, environ)
    for provider, cls in schemas.items():
        if provider not in said.instances:
            yield from _of_none(provider, cls)


def shown_value(value: Any) -> Any:
    """Give a value as JSON, a secret as `********`."""
    if isinstance(value, Secret):
        return MASK
    return [shown_value(item) for item in value] if isinstance(value, tuple | list) else toml_value(value)


def _of_core(section: str, cls: type, said: Config, running: Config) -> Iterator[Setting]:
    for option in safe_options(cls).values():
        value, runs = (getattr(section_of(config, section), option.name) for config in (said, running))
        source = said.sources.get(f"{section}.{option.name}", _DEFAULT)
        waits = value != runs and not option.live
        in_force = shown_value(runs) if waits else None
        yield _setting(option, section, shown_value(value), source, waits=waits, running=in_force)


def _of_instance(
    instance: Instance,
    said: Config,
    running: Config,
    schemas: Mapping[str, type],
    environ: Mapping[str, str],
) -> Iterator[Setting]:
    section = f"providers.{instance.name}"
    of = {"provider": instance.provider, "instance": instance.name}
    problems = {problem.path: str(problem) for problem in instance.problems}
    if instance.provider != instance.name or instance.provider not in schemas:
        yield _provider_row(instance, problems.get(section) or problems.get(f"{section}.provider", ""))
    if instance.provider not in schemas:
        return
    runs = running.instances.get(instance.name)
    for option in safe_options(schemas[instance.provider]).values():
        source = said.sources.get(f"{section}.{option.name}") or _told(option, instance, said, environ)
        value = _value_of(option, instance, source, said, environ)
        waits = not option.live and runs is not None and _differ(instance, runs, option)
        yield _setting(
            option,
            section,
            value,
            source,
            waits=waits,
            running=shown_value(getattr(runs.settings, option.name)) if waits and runs else None,
            problem=problems.get(f"{section}.{option.name}", ""),
            **of,
        )


def _of_none(provider: str, cls: type) -> Iterator[Setting]:
    for option in safe_options(cls).values():
        value = None if option.required else shown_value(option.default)
        of = {"provider": provider, "instance": provider}
        yield _setting(option, f"providers.{provider}", value, _DEFAULT, configured=False, **of)


def _differ(said: Instance, runs: Instance, option: Option) -> bool:
    if said.settings is None or type(said.settings) is not type(runs.settings):
        return False
    return bool(getattr(said.settings, option.name) != getattr(runs.settings, option.name))


def _told(option: Option, instance: Instance, said: Config, environ: Mapping[str, str]) -> Source:
    """Where the value of a section with mistakes comes from."""
    variable = env_prefix(instance.name) + option.env if option.env else ""
    if variable and environ.get(variable, "").strip():
        return Source("env", variable)
    return Source("file" if option.name in said.table_of(instance.name) else "default")


def _value_of(
    option: Option, instance: Instance, source: Source, said: Config, environ: Mapping[str, str]
) -> Any:
    """Give what is set, as it was written if the section has mistakes."""
    if instance.settings is not None:
        return shown_value(getattr(instance.settings, option.name))
    if source.kind == "default":
        return None if option.required else shown_value(option.default)
    if option.secret:
        return MASK
    return environ[source.variable] if source.kind == "env" else said.table_of(instance.name)[option.name]


def _provider_row(instance: Instance, problem: str) -> Setting:
    section = f"providers.{instance.name}"
    return Setting(
        key=f"{section}.provider",
        section=section,
        label="Provider",
        help="Which provider serves this instance.",
        type="text",
        value=instance.provider,
        default=instance.name,
        required=False,
        secret=False,
        env=None,
        overridden=False,
        source="file",
        live=True,
        provider=instance.provider,
        instance=instance.name,
        problem=problem,
    )


def _setting(option: Option, section: str, value: Any, source: Source, **more: Any) -> Setting:
    prefix = env_prefix(more.get("instance") or section)
    same = ("label", "help", "type", "required", "secret", "live", "choices", "bounds", "unit", "creates")
    return Setting(
        key=f"{section}.{option.name}",
        section=section,
        value=value,
        default=None if option.required else shown_value(option.default),
        env=prefix + option.env if option.env else None,
        overridden=source.kind == "env",
        source=source.kind,
        **{name: getattr(option, name) for name in (*same, "ge", "gt", "le", "lt")},
        **more,
    )
