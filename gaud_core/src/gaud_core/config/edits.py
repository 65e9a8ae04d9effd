"""From changes by key, as the API and the page take them, to edits of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gaud_core.config.document import Address, toml_value
from gaud_core.config.instances import Plugins
from gaud_core.config.model import env_prefix
from gaud_core.config.sections import SECTIONS
from gaud_core.errors import BadRequest, ConfigError, Problem
from gaud_core.settings import MASK, Option, coerce_text, options_of
from gaud_core.settings.words import did_you_mean, printable

__all__ = ["edits_of"]

Edit = tuple[Address, Any]


def edits_of(
    changes: Mapping[str, Any], table: Mapping[str, Any], environ: Mapping[str, str], plugins: Plugins
) -> dict[Address, Any]:
    """Check each change alone and give the edits, None for what goes; ConfigError holds every mistake.

    BadRequest 409 `held_by_environment` for what a variable holds. `table` is what the file says now.
    """
    edits: dict[Address, Any] = {}
    problems: list[Problem] = []
    for key, value in sorted(changes.items(), key=lambda one: not one[0].endswith(".provider")):
        try:
            edits.update(_edits(key, value, _provider_of(key, changes, table), environ, plugins))
        except ConfigError as wrong:
            problems += wrong.problems
    if problems:
        raise ConfigError(problems)
    gone = [address for address, value in edits.items() if value is None]
    return {a: v for a, v in edits.items() if not any(a != g and a[: len(g)] == g for g in gone)}


def _edits(
    key: str, value: Any, provider: str, environ: Mapping[str, str], plugins: Plugins
) -> Iterator[Edit]:
    section, _, name = key.rpartition(".")
    if section in SECTIONS:
        yield from _of_option(key, SECTIONS[section], section, value, environ)
        return
    address = tuple(key.split("."))
    if address[0] != "providers" or len(address) not in (2, 3) or not all(address):
        raise _unknown(key)
    if len(address) == 2 or name == "provider":
        yield from _of_section(key, address, value)
        return
    schema = plugins.schemas.get(provider)
    if schema is None:
        if value is None and provider:
            yield address, None
            return
        raise ConfigError([_no_provider(section, provider, plugins)])
    for place, done in _of_option(key, schema, section, value, environ):
        yield place, done
        option = options_of(schema)[name]
        if done is None and (option.required or option.creates):
            yield address[:2], None


def _of_option(key: str, cls: type, section: str, value: Any, environ: Mapping[str, str]) -> Iterator[Edit]:
    name = key.rpartition(".")[2]
    option = options_of(cls).get(name)
    if option is None:
        coerce_text(cls, name, value, path=section)  # says what is near
        raise _unknown(key)
    _refuse_held(key, option, section, environ)
    if option.secret and value == MASK:
        return
    address = tuple(key.split("."))
    if value is None or (isinstance(value, str) and not value.strip()):
        yield address, None
        return
    yield address, toml_value(coerce_text(cls, name, value, path=section))


def _of_section(key: str, address: Address, value: Any) -> Iterator[Edit]:
    """`providers.work` may only be taken out, `providers.work.provider` set as well."""
    if value is None or value == "":
        yield address[:2], None
    elif len(address) == 3 and isinstance(value, str):
        yield address, value
    else:
        told = "must be the name of a provider." if len(address) == 3 else "is a section: set what is in it."
        raise ConfigError([Problem(printable(key), told)])


def _provider_of(key: str, changes: Mapping[str, Any], table: Mapping[str, Any]) -> str:
    """Which provider serves the instance that a key is about, by these changes or by the file."""
    parts = key.split(".")
    if parts[0] != "providers" or len(parts) < 2:
        return ""
    asked = changes.get(f"providers.{parts[1]}.provider")
    if isinstance(asked, str) and asked:
        return asked
    providers = table.get("providers")
    found = providers.get(parts[1]) if isinstance(providers, Mapping) else None
    said = found.get("provider", parts[1]) if isinstance(found, Mapping) else parts[1]
    return str(said)


def _refuse_held(key: str, option: Option, section: str, environ: Mapping[str, str]) -> None:
    variable = env_prefix(section.removeprefix("providers.")) + option.env if option.env else ""
    if variable and environ.get(variable, "").strip():
        told = (
            f"`{key}` is set by the variable {variable}, which wins over the file. Unset it and start anew."
        )
        raise BadRequest(told, status=409, code="held_by_environment", param=key)


def _unknown(key: str) -> ConfigError:
    known = [f"{section}.{name}" for section, cls in SECTIONS.items() for name in options_of(cls)]
    near = did_you_mean(key, known)
    cure = f"Did you mean `{near}`?" if near else "GET /admin/settings lists them."
    return ConfigError([Problem(printable(key), "is not a known setting.", cure)])


def _no_provider(section: str, provider: str, plugins: Plugins) -> Problem:
    if provider in plugins.failed:
        return Problem(
            section, f"cannot be used: provider `{provider}` does not start: {plugins.failed[provider]}"
        )
    near = did_you_mean(provider, plugins.schemas)
    cure = f"Did you mean `{near}`?" if near else plugins.install_hint(provider)
    return Problem(printable(section), f"no provider `{printable(provider)}` is installed.", cure)
