"""What is no mistake but deserves a word: an open file with secrets, variables that nobody reads."""

from __future__ import annotations

import difflib
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from gaud_core.config.instances import Plugins, core_variables, safe_options
from gaud_core.config.model import Instance, env_prefix
from gaud_core.config.sections import SECTIONS
from gaud_core.errors import Problem
from gaud_core.settings.words import printable

if TYPE_CHECKING:
    from gaud_core.config.files import ConfigFile

__all__ = ["environment_warnings", "file_warnings"]

_OTHERS: Final = frozenset({"GAUD_CONFIG", "GAUD_KEY", "GAUD_PLUGINS", "GAUD_STRICT", "GAUD_URL"})


def file_warnings(file: ConfigFile | None, plugins: Plugins) -> Iterator[Problem]:
    """A warning if the file holds a secret and more people than its owner may open it."""
    if file is not None and os.name == "posix" and file.mode & 0o077 and _holds_secret(file, plugins):
        yield Problem(
            "",
            f"{file.path} holds a secret, but other users of this machine may open it.",
            f"Run `chmod 600 {shlex.quote(str(file.path))}`.",
        )


def environment_warnings(
    environ: Mapping[str, str], instances: Iterable[Instance], plugins: Plugins
) -> Iterator[Problem]:
    """Warnings about variables that look like a typo, or that belong to an instance that is not there."""
    there = list(instances)
    used = (
        {variable for i in there for variable in plugins.variables(i.name, i.provider)}
        | core_variables().keys()
        | _OTHERS
    )
    absent = plugins.schemas.keys() - {i.name for i in there}
    waiting = {v: p for p in absent for v in plugins.variables(p, p) if v not in used}
    for variable in sorted(v for v, text in environ.items() if v.startswith("GAUD_") and text.strip()):
        if variable in used or variable.startswith("GAUD_TEST_"):
            continue
        if variable in waiting:
            yield _waiting(variable, waiting[variable], plugins)
        elif near := _near(variable, used | waiting.keys()):
            yield Problem(
                "", f"The variable {printable(variable)} is not used by anything.", f"Did you mean {near}?"
            )


def _waiting(variable: str, provider: str, plugins: Plugins) -> Problem:
    options = safe_options(plugins.schemas[provider])
    creating = [env_prefix(provider) + o.env for o in options.values() if o.creates and o.env]
    first = f"Set {creating[0]} too, or write" if creating else "Write"
    cure = f"{first} [providers.{provider}] in the file."
    return Problem("", f"The variable {variable} has no effect: there is no instance `{provider}`.", cure)


def _near(variable: str, known: Iterable[str]) -> str:
    """Compared without the common `GAUD_`, which would make everything look alike."""
    names = [name.removeprefix("GAUD_") for name in known]
    close = difflib.get_close_matches(variable.removeprefix("GAUD_")[:100], names, n=1, cutoff=0.8)
    return f"GAUD_{close[0]}" if close else ""


def _holds_secret(file: ConfigFile, plugins: Plugins) -> bool:
    """Told from the schemas, so sections with mistakes count as well."""
    sections = file.table.get("providers")
    providers = sections.items() if isinstance(sections, Mapping) else ()
    tables = [(SECTIONS.get(name), table) for name, table in file.table.items()]
    tables += [(plugins.schema(name, table), table) for name, table in providers]
    return any(_has_secret(schema, table) for schema, table in tables)


def _has_secret(schema: type | None, table: Any) -> bool:
    if schema is None or not isinstance(table, Mapping):
        return False
    return any(o.secret and table.get(o.name) for o in safe_options(schema).values())
