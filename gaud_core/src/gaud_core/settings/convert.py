"""Values from the file (strict) and from the environment (text) into the types of options, by cattrs."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

import cattrs

from gaud_core.settings.secret import Secret
from gaud_core.settings.words import Mistake, kind_of_value, printable, shown

if TYPE_CHECKING:
    from gaud_core.settings.kinds import Kind

__all__ = ["from_file", "from_text"]

_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"0", "false", "no", "off"})
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,400}")
_NUMBER: Final = re.compile(r"[+-]?([0-9]{1,400}\.?[0-9]{0,400}|\.[0-9]{1,400})([eE][+-]?[0-9]{1,4})?")


def from_file(value: object, kind: Kind) -> Any:
    """A value as TOML or Python gives it: `"true"` is no bool; Mistake if it does not fit."""
    return _file_converter().structure(value, kind.structured)


def from_text(value: str, kind: Kind) -> Any:
    """A value as the environment gives it, always text, lists with commas; Mistake if it does not fit."""
    return _text_converter().structure(value.strip(), kind.structured)


Hook = Callable[[Any], Any]


@functools.cache
def _file_converter() -> cattrs.Converter:
    return _converter({str: _str, bool: _file_bool, int: _file_int, float: _file_float}, _file_list)


@functools.cache
def _text_converter() -> cattrs.Converter:
    return _converter({str: _str, bool: _text_bool, int: _text_int, float: _text_float}, _text_list)


def _converter(hooks: Mapping[type, Hook], items: Callable[[Any], list[Any]]) -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=False)
    for leaf, hook in {**hooks, Secret: _secret, Path: _path}.items():
        converter.register_structure_hook(leaf, _without_type(hook))
    converter.register_structure_hook_func(
        _is_tuple, lambda value, tp: _tuple(converter, items(value), get_args(tp)[0])
    )
    return converter


def _without_type(hook: Hook) -> Callable[[Any, Any], Any]:
    return lambda value, _: hook(value)


def _is_tuple(annotation: Any) -> bool:
    return get_origin(annotation) is tuple


def _tuple(converter: cattrs.Converter, items: list[Any], leaf: type) -> tuple[Any, ...]:
    done: list[Any] = []
    for number, item in enumerate(items, start=1):
        try:
            done.append(converter.structure(item, leaf))
        except Mistake as wrong:
            raise Mistake(f"is wrong in item {number}, which {wrong.message}", wrong.cure) from None
    return tuple(done)


def _str(value: object) -> str:
    if isinstance(value, str):
        return value
    cure = "" if value is None or isinstance(value, dict | list | tuple) else "Put it in quotes."
    raise Mistake(f"must be text, not {kind_of_value(value)}.", cure)


def _file_bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _YES | _NO:
        word = "true" if value.strip().lower() in _YES else "false"
        raise Mistake(f"must be true or false, not the text {shown(value)}.", f"Drop the quotes: {word}.")
    raise Mistake(f"must be true or false, not {shown(value)}.")


def _file_int(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _not_a("whole number", value, _WHOLE)


def _file_float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _not_a("number", value, _NUMBER)
    try:
        return _finite(float(value))
    except OverflowError:
        raise Mistake("must be a smaller number.") from None


def _file_list(value: object) -> list[Any]:
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, str):
        raise Mistake("must be a list, not text.", f"Put brackets around it: [{_quoted(value)}].")
    raise Mistake(f"must be a list, not {kind_of_value(value)}.")


def _text_list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _text_bool(text: str) -> bool:
    if text.lower() in _YES | _NO:
        return text.lower() in _YES
    raise Mistake(f"must be true or false (or 1, 0, yes, no, on, off), not {shown(text)}.")


def _text_int(text: str) -> int:
    if _WHOLE.fullmatch(text):
        return int(text)
    raise Mistake(f"must be a whole number, not {shown(text)}.")


def _text_float(text: str) -> float:
    if _NUMBER.fullmatch(text):
        return _finite(float(text))
    raise Mistake(f"must be a number, not {shown(text)}.")


def _secret(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    return Secret(_str(value))


def _path(value: object) -> Path:
    path = value if isinstance(value, Path) else Path(_str(value))
    if value == "":
        raise Mistake("must be a path, not empty text.")
    if "\0" in str(value):
        raise Mistake("must be a path without a zero byte in it.")
    try:
        return path.expanduser()
    except RuntimeError:
        raise Mistake(
            f"is {shown(value)}, but that home folder is unknown.", "Write the path in full."
        ) from None


def _finite(number: float) -> float:
    if math.isfinite(number):
        return number
    raise Mistake(f"must be a finite number, not {number}.")


def _not_a(wanted: str, value: object, pattern: re.Pattern[str]) -> Mistake:
    if isinstance(value, str):
        cure = "Drop the quotes." if pattern.fullmatch(value.strip()) else ""
        return Mistake(f"must be a {wanted}, not the text {shown(value)}.", cure)
    return Mistake(f"must be a {wanted}, not {shown(value)}.")


def _quoted(value: str) -> str:
    return f'"{printable(value)}"' if len(value) <= 40 and '"' not in value else '"…"'
