"""Tools as Kiro takes them: names, descriptions and schemas within its limits, and the names mapped back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from gaud_provider_kiro import wire
from gaud_provider_kiro.openai import Function

__all__ = ["GOOD_NAME", "LONGEST_DESCRIPTION", "LONGEST_NAME", "Toolbox", "clean_schema"]

LONGEST_NAME = 64
LONGEST_DESCRIPTION = 10_000
"""In characters and in bytes."""
GOOD_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,63}")

_KEPT = 54
_DIGITS = 8
_MORE = " … The rest of this description is in the instructions, under this tool's name."

_SCHEMAS = frozenset(
    {"additionalItems", "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames"}
    | {"then", "unevaluatedItems", "unevaluatedProperties"}
)
_SCHEMA_LISTS = frozenset({"allOf", "anyOf", "items", "oneOf", "prefixItems"})
_SCHEMA_MAPS = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})


@attrs.define
class Toolbox:
    """The tools of one call; `wire_name` and `own_name` are the two directions of one mapping.

    Kiro compares names without regard to case, so no two of ours differ in that alone.
    """

    removed: frozenset[str] = frozenset({"additionalProperties"})
    """Members of a schema that Kiro does not take."""
    tools: list[wire.Tool] = attrs.field(factory=list)
    overflow: list[str] = attrs.field(factory=list)
    """Descriptions that are too long for their place, for the instructions."""
    _wire: dict[str, str] = attrs.field(factory=dict)
    _own: dict[str, str] = attrs.field(factory=dict)

    @classmethod
    def of(cls, functions: Iterable[Function], removed: frozenset[str]) -> Toolbox:
        """Fill one; of two tools with one name the last counts."""
        box = cls(removed)
        for function in {function.name: function for function in functions}.values():
            box.add(function)
        return box

    def __bool__(self) -> bool:
        return bool(self.tools)

    def add(self, function: Function) -> None:
        """Add a tool."""
        name = self.wire_name(function.name)
        description = function.description.strip() or f"The tool {name}."
        if _size(description) > LONGEST_DESCRIPTION:
            self.overflow.append(f"## Tool: {name}\n\n{description}")
            description = _shortened(description, LONGEST_DESCRIPTION - len(_MORE.encode())) + _MORE
        self.tools.append(wire.Tool.of(name, description, clean_schema(function.parameters, self.removed)))

    def declare(self, names: Iterable[str]) -> None:
        """Add tools that the conversation has used and that are no longer there."""
        there = {tool.tool_specification.name for tool in self.tools}
        for name in dict.fromkeys(names):
            if self.wire_name(name) not in there:
                self.add(Function(name, "A tool that was used earlier. It is not there any more."))

    def wire_name(self, name: str) -> str:
        """Give the name that Kiro gets."""
        if name not in self._wire:
            given = _name_for(name, taken=self._own)
            self._wire[name], self._own[given.casefold()] = given, name
        return self._wire[name]

    def own_name(self, name: str) -> str:
        """Give the client's name for one of Kiro's; a name that nobody declared stays as it is."""
        return self._own.get(name.casefold(), name)


def clean_schema(schema: Mapping[str, Any] | None, removed: frozenset[str]) -> dict[str, Any]:
    """Give a schema of an object without what Kiro refuses, and with the same meaning otherwise."""
    cleaned = _cleaned(schema or {}, removed)
    if cleaned.get("type") != "object":
        cleaned = {"type": "object", **{name: value for name, value in cleaned.items() if name != "type"}}
    return cleaned if "properties" in cleaned else {**cleaned, "properties": {}}


def _cleaned(schema: Mapping[str, Any], removed: frozenset[str]) -> dict[str, Any]:
    done: dict[str, Any] = {}
    for name, value in schema.items():
        if name in removed or (name == "required" and not value) or (value is None and name in _NEVER_NULL):
            continue
        done[name] = _member(name, value, removed)
    return _with_one_type(done)


_NEVER_NULL = frozenset({"properties", "type", *_SCHEMAS, *_SCHEMA_LISTS, *_SCHEMA_MAPS})


def _member(name: str, value: Any, removed: frozenset[str]) -> Any:
    if name in _SCHEMAS and isinstance(value, dict):
        return _cleaned(value, removed)
    if name in _SCHEMA_LISTS and isinstance(value, list):
        return [_cleaned(each, removed) if isinstance(each, dict) else each for each in value]
    if name in _SCHEMA_MAPS and isinstance(value, dict):
        return {
            key: _cleaned(each, removed) if isinstance(each, dict) else each for key, each in value.items()
        }
    return value


def _with_one_type(schema: dict[str, Any]) -> dict[str, Any]:
    """Say `type: [a, b]` as a choice between schemas, because Kiro wants a type to be text."""
    types = schema.get("type")
    if "type" not in schema or isinstance(types, str):
        return schema
    rest = {name: value for name, value in schema.items() if name != "type"}
    choice = [{"type": kind} for kind in types if isinstance(kind, str)] if isinstance(types, list) else []
    if len(choice) < 2:
        return {**(choice[0] if choice else {}), **rest}
    if "anyOf" not in rest:
        return {**rest, "anyOf": choice}
    return {**rest, "allOf": [*rest.get("allOf", []), {"anyOf": choice}]}


def _name_for(name: str, taken: Mapping[str, str]) -> str:
    """Keep a good name; any other one becomes its beginning and a digest, which is the same in every call."""
    if GOOD_NAME.fullmatch(name) and name.casefold() not in taken:
        return name
    begin = re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:_KEPT]
    begin = begin if begin[:1].isalpha() else f"t{begin}"[:_KEPT]
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{begin}_{digest[:_DIGITS]}"


def _size(text: str) -> int:
    return max(len(text), len(text.encode("utf-8", "replace")))


def _shortened(text: str, most: int) -> str:
    return text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")
