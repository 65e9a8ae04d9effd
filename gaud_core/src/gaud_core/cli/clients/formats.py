"""How content is put into a text of each format: JSON with comments, TOML, YAML, and lines of variables."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from typing import Any

from gaud_core.cli.clients.jsonc import BrokenJSON, merged
from gaud_core.cli.clients.jsonc import parsed as parsed_json
from gaud_core.cli.clients.yaml_lines import UnclearYAML, with_block

__all__ = ["CannotChange", "changed", "readable"]


class CannotChange(ValueError):
    """The text cannot be changed without a risk for what is in it; the message says why."""


def changed(text: str, content: Mapping[str, Any], form: str, under: str = "") -> str:
    """Give the text with the content in it; what else it holds stays as it was."""
    try:
        if form == "json":
            return _json(text, content)
        if form == "toml":
            return _toml(text, content)
        return with_block(text, content, under) if form == "yaml" else _env(text, content)
    except BrokenJSON as wrong:
        raise CannotChange(f"it is no JSON that can be read: {wrong}") from None
    except UnclearYAML as wrong:
        raise CannotChange(str(wrong)) from None


def readable(text: str, form: str) -> bool:
    """Whether a text is of its format, as far as this can tell."""
    try:
        if form == "json":
            parsed_json(text)
        elif form == "toml":
            tomllib.loads(text)
    except (BrokenJSON, tomllib.TOMLDecodeError, RecursionError):
        return False
    return True


def _json(text: str, content: Mapping[str, Any]) -> str:
    before, result = parsed_json(text), merged(text, content)
    if parsed_json(result) != _joined(before or {}, content):  # such as a name that is there twice
        raise CannotChange("the change would not come out as it should")
    return result


def _toml(text: str, content: Mapping[str, Any]) -> str:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        before = tomllib.loads(text)
        document = tomlkit.parse(text)
        _merge(document, content)
        result = tomlkit.dumps(document)
        good = tomllib.loads(result) == _joined(before, content)
    except (tomllib.TOMLDecodeError, TOMLKitError, RecursionError) as wrong:
        raise CannotChange(f"it is no TOML that can be read: {wrong}") from None
    if not good:
        raise CannotChange("the change would not come out as it should")
    return result


def _merge(table: Any, content: Mapping[str, Any]) -> None:
    import tomlkit

    for key, value in content.items():
        if not isinstance(value, Mapping):
            table[key] = value
            continue
        if not isinstance(table.get(key), Mapping):
            holds_tables = all(isinstance(item, Mapping) for item in value.values())
            table[key] = tomlkit.table(is_super_table=holds_tables)
        _merge(table[key], value)


def _env(text: str, content: Mapping[str, Any]) -> str:
    """Lines `NAME=value`; an earlier line of the name goes."""
    kept = [line for line in text.splitlines() if line.partition("=")[0].strip() not in content]
    return "\n".join([*kept, *(f"{name}={value}" for name, value in content.items())]) + "\n"


def _joined(before: Any, content: Mapping[str, Any]) -> Any:
    """What the file should say afterwards."""
    if not isinstance(before, Mapping):
        return json.loads(json.dumps(content))
    joined = dict(before)
    for key, value in content.items():
        joined[key] = _joined(before.get(key), value) if isinstance(value, Mapping) else value
    return joined
