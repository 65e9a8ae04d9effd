"""Reading a settings class from a table of the file and from the environment, with provenance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import attrs

from gaud_core.errors import ConfigError, Problem
from gaud_core.settings.declare import options_of
from gaud_core.settings.words import Mistake, did_you_mean, dotted, hidden, listed

if TYPE_CHECKING:
    from gaud_core.settings.option import Option

__all__ = ["Loaded", "Source", "coerce_text", "load"]

T = TypeVar("T")


@attrs.frozen
class Source:
    """Where a value came from; `variable` is the environment variable if it was one."""

    kind: Literal["default", "file", "env"]
    variable: str = ""

    def __str__(self) -> str:
        return self.variable or self.kind


@attrs.frozen
class Loaded(Generic[T]):
    """A settings object and, by option name, where each of its values came from."""

    value: T
    sources: Mapping[str, Source]


def load(
    cls: type[T], *, path: str, table: Mapping[str, Any], environ: Mapping[str, str], env_prefix: str
) -> Loaded[T]:
    """Read a settings class: environment over table over default; ConfigError holds every mistake.

    `path` is the dotted section for messages, `env_prefix` what stands before a suffix (`GAUD_ACME_`). A
    variable that is empty counts as not set.
    """
    options = options_of(cls)
    problems = list(_unknown(path, table, options))
    values: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    for name, option in options.items():
        sources[name] = source = _source(option, table, environ, env_prefix)
        try:
            if source.kind != "default":
                values[name] = _read(option, source, table, environ)
            elif option.required:
                problems.append(_missing(path, option, env_prefix))
        except Mistake as wrong:
            problems.append(_wrong(dotted(path, name), source, wrong))
    if problems:
        raise ConfigError(problems)
    return Loaded(_made(cls, path, values), MappingProxyType(sources))


def coerce_text(cls: type, name: str, value: Any, *, path: str = "") -> Any:
    """One value as the settings API takes it: typed (`true`, `120`) or as text (`"true"`, `"120"`).

    Returns it in the option's type; ConfigError if there is no such option or the value does not fit.
    """
    options = options_of(cls)
    if name not in options:
        raise ConfigError(_unknown(path, {name: value}, options))
    try:
        return options[name].read(value, text=True)
    except Mistake as wrong:
        raise ConfigError([Problem(dotted(path, name), wrong.message, wrong.cure)]) from None


def _source(option: Option, table: Mapping[str, Any], environ: Mapping[str, str], prefix: str) -> Source:
    if option.env is not None and environ.get(prefix + option.env, "").strip():
        return Source("env", prefix + option.env)
    return Source("file" if option.name in table else "default")


def _read(option: Option, source: Source, table: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
    if source.kind == "env":
        return option.read(environ[source.variable], text=True)
    return option.read(table[option.name])


def _made(cls: type[T], path: str, values: dict[str, Any]) -> T:
    try:
        return cls(**values)
    except Exception as wrong:
        text = str(wrong) if isinstance(wrong, ValueError) else f"its check raised {type(wrong).__name__}."
        for value in values.values():
            text = hidden(text, value)
        raise ConfigError([Problem(path, f"cannot be used: {text}")]) from None


def _missing(path: str, option: Option, prefix: str) -> Problem:
    variable = f", or set the variable {prefix}{option.env}" if option.env else ""
    return Problem(dotted(path, option.name), "is missing.", f"Set it in the file{variable}.")


def _wrong(path: str, source: Source, wrong: Mistake) -> Problem:
    subject = f"the variable {source.variable} " if source.kind == "env" else ""
    return Problem(path, subject + wrong.message, wrong.cure)


def _unknown(path: str, table: Mapping[str, Any], options: Mapping[str, Option]) -> Iterator[Problem]:
    for key in table:
        if key not in options:
            near = did_you_mean(str(key), options)
            cure = f"Did you mean `{near}`?" if near else f"Known here: {listed(options)}."
            yield Problem(dotted(path, str(key)), "is not a known setting.", cure)
