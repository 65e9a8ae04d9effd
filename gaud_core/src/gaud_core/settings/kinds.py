"""The types that an option may have, and their names for people."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import attrs

from gaud_core.settings.secret import Secret

__all__ = ["Kind", "kind_of"]

_NAMES: dict[type, str] = {
    str: "text",
    Secret: "secret",
    bool: "yes/no",
    int: "whole number",
    float: "number",
    Path: "path",
}


@attrs.frozen
class Kind:
    """What an option holds: one value or a list of values of one simple type, or nothing."""

    leaf: type
    many: bool = False
    optional: bool = False
    choices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name for people: `text`, `yes/no`, `list of text`."""
        return f"list of {_NAMES[self.leaf]}" if self.many else _NAMES[self.leaf]

    @property
    def structured(self) -> Any:
        """The type that the converter builds, without the `None`."""
        return tuple[self.leaf, ...] if self.many else self.leaf  # type: ignore[name-defined]

    @property
    def secret(self) -> bool:
        """Whether the value must never be shown."""
        return self.leaf is Secret

    @property
    def numeric(self) -> bool:
        """Whether bounds make sense."""
        return self.leaf in (int, float) and not self.many


def kind_of(annotation: Any) -> Kind:
    """The kind of a resolved annotation; TypeError, with the list of usable types, for anything else."""
    if get_origin(annotation) in (Union, types.UnionType):
        return _optional(annotation)
    if get_origin(annotation) is tuple and get_args(annotation)[1:] == (...,):
        inner = kind_of(get_args(annotation)[0])
        if not inner.many and not inner.optional:
            return attrs.evolve(inner, many=True)
    if get_origin(annotation) is Literal and all(isinstance(a, str) for a in get_args(annotation)):
        return Kind(str, choices=get_args(annotation))
    if isinstance(annotation, type) and annotation in _NAMES:
        return Kind(annotation)
    raise _unusable(annotation)


def _optional(annotation: Any) -> Kind:
    rest = [a for a in get_args(annotation) if a is not types.NoneType]
    if len(rest) == 1 and len(get_args(annotation)) == 2:
        return attrs.evolve(kind_of(rest[0]), optional=True)
    raise _unusable(annotation)


def _unusable(annotation: Any) -> TypeError:
    return TypeError(
        f"has the type {annotation}, which no option can have; use str, Secret, bool, int, float, Path, "
        "a Literal of texts, a tuple[…, ...] of one of them, or one of these `| None`"
    )
