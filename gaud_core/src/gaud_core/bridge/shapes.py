"""JSON into attrs classes that keep what they do not know: strict where it is read, open where it is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from operator import eq
from types import UnionType
from typing import Any, TypeVar

import attrs
from cattrs import Converter, transform_error
from cattrs.errors import BaseValidationError
from cattrs.gen import make_dict_structure_fn

from gaud_core.errors import BadRequest

__all__ = ["Open", "Reader", "Unknown"]

T = TypeVar("T")
_LONGEST_PATH = 200


@attrs.frozen(kw_only=True)
class Open:
    """A JSON object whose unknown members are kept in `extra`."""

    extra: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Unknown(Open):
    """An object whose `type` is none that is known."""

    type: str


class Reader:
    """Reads one dialect; `kinds` gives the classes of each union, by their `type`.

    The lists in `spelled` may also come as a string, which stands for a list of one such object.
    """

    def __init__(
        self,
        kinds: Mapping[UnionType, Mapping[str, type[Open]]],
        spelled: Mapping[Any, Callable[[str], Open]],
    ) -> None:
        self._converter = converter = Converter()
        for kind, words in _WORDS.items():
            converter.register_structure_hook(kind, _only(kind, words))
        converter.register_structure_hook_factory(_is_open, self._open)
        for union, classes in kinds.items():
            converter.register_structure_hook(union, self._tagged(classes))
        converter.register_structure_hook_func(lambda t: t == dict[str, Any], _object)
        for lists, make in spelled.items():
            hook = _or_text(converter.get_structure_hook(lists), make)
            converter.register_structure_hook_func(partial(eq, lists), hook)

    def read(self, cls: type[T], value: Any) -> T:
        """Read an object; BadRequest names the first thing in it that is wrong."""
        try:
            return self._converter.structure(value, cls)
        except (BaseValidationError, TypeError, ValueError) as error:
            what, _, where = transform_error(error, format_exception=_words)[0].rpartition(" @ $")
            path = where.removeprefix(".")[:_LONGEST_PATH]
            raise BadRequest(f"`{path}` {what}." if path else f"The body {what}.", param=path) from None
        except RecursionError:
            raise BadRequest("The request body is nested too deeply.") from None

    def _open(self, cls: type[Any]) -> Callable[[Any, Any], Any]:
        inside = make_dict_structure_fn(cls, self._converter)
        known = {field.name for field in attrs.fields(cls)} - {"extra"}

        def structure(value: Any, _: Any) -> Any:
            if not isinstance(value, dict):
                raise TypeError("must be an object")
            named = {key: item for key, item in value.items() if key in known}
            return inside({**named, "extra": {k: v for k, v in value.items() if k not in known}}, cls)

        return structure

    def _tagged(self, classes: Mapping[str, type[Open]]) -> Callable[[Any, Any], Any]:
        def structure(value: Any, _: Any) -> Any:
            if not isinstance(value, dict):
                raise TypeError("must be an object")
            kind = value.get("type", "")
            if not isinstance(kind, str):
                raise TypeError("must have a `type` that is a string")
            if kind not in classes:
                return Unknown(type=kind, extra=value)
            return self._converter.structure(value, classes[kind])

        return structure


_WORDS: Mapping[type, str] = {
    str: "must be a string",
    int: "must be a whole number",
    bool: "must be true or false",
}


def _is_open(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, Open)


def _only(kind: type, words: str) -> Callable[[Any, Any], Any]:
    def structure(value: Any, _: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(words)
        return value

    return structure


def _object(value: Any, _: Any) -> Any:
    if not isinstance(value, dict):
        raise TypeError("must be an object")
    return value


def _or_text(inside: Callable[[Any, Any], Any], make: Callable[[str], Open]) -> Callable[[Any, Any], Any]:
    def structure(value: Any, lists: Any) -> Any:
        if isinstance(value, str):
            return [make(value)]
        if not isinstance(value, list):
            raise TypeError("must be a string or a list")
        return inside(value, lists)

    return structure


def _words(error: BaseException, _: Any) -> str:
    if isinstance(error, KeyError):
        return "is missing"
    return str(error) if str(error).startswith("must") else "has the wrong shape"
