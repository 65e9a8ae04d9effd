"""Declaring settings: `@settings`, `option()` and what they say about themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast, dataclass_transform, get_type_hints

import attrs

from gaud_core.settings.kinds import kind_of
from gaud_core.settings.option import FROM_NAME, REQUIRED, Check, Option
from gaud_core.settings.words import Mistake

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["OptionInfo", "describe", "option", "options_of", "settings"]

T = TypeVar("T")

_KEY: Final = "gaud.option"
_NO_DEFAULT: Final[Any] = REQUIRED
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_SUFFIX: Final = re.compile(r"[A-Z][A-Z0-9_]*")
_ACRONYMS: Final = frozenset({"api", "cors", "http", "id", "json", "url"})


@attrs.frozen(kw_only=True)
class OptionInfo:
    """One option for people: a row in the docs, an entry of the settings API, a field on its page."""

    name: str
    type: str
    default: Any
    required: bool
    env: str | None
    help: str
    label: str
    bounds: str
    gt: float | None
    ge: float | None
    lt: float | None
    le: float | None
    choices: tuple[str, ...]
    secret: bool
    optional: bool
    creates: bool
    live: bool
    unit: str


def option(  # noqa: PLR0913 - each is one thing that can be said of an option
    default: T = _NO_DEFAULT,
    *,
    help: str,
    env: str | None = FROM_NAME,
    label: str | None = None,
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
    choices: Sequence[str] | None = None,
    check: Check | None = None,
    unit: str | None = None,
    creates: bool = False,
    live: bool = True,
) -> T:
    """One option of a settings class; without `default` it is required.

    `env` is the suffix of its variable: with `URL` the instance `acme` reads `GAUD_ACME_URL`. Left out it
    is the name in capitals; `None` switches it off. `check` gets the converted value, never None, and gives
    it back in order, or raises Mistake or ValueError; it must accept what it gave back. `creates` lets the
    variable alone create the section. `live=False` says that a change waits for a restart.

    Write `default=` with its name: type checkers then know that the option may be left out.
    """
    bounds: dict[str, Any] = {"gt": gt, "ge": ge, "lt": lt, "le": le}
    declared = Option(
        default=default,
        help=help,
        env=env,
        label=label or "",
        choices=tuple(choices or ()),
        check=check,
        unit=unit or "",
        creates=creates,
        live=live,
        **bounds,
    )
    given = attrs.NOTHING if declared.required else default
    return cast("T", attrs.field(default=given, metadata={_KEY: declared}))


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(option,))
def settings(cls: type[T]) -> type[T]:
    """Make a class of options a frozen settings class; TypeError says which one was declared wrongly."""
    try:
        made = attrs.frozen(cls, kw_only=True, auto_attribs=True, field_transformer=_declared)
    except attrs.exceptions.UnannotatedAttributeError as wrong:
        raise TypeError(
            f"{cls.__name__}: write a type for every option, as in `url: str = …`. {wrong}"
        ) from None
    _refuse_twice(made)
    return made


def options_of(cls: type) -> dict[str, Option]:
    """The options of a settings class by name, in order; TypeError if it is none."""
    if not attrs.has(cls) or any(_KEY not in field.metadata for field in attrs.fields(cls)):
        raise TypeError(f"{cls.__name__} is no settings class: put `@settings` above it")
    return {field.name: field.metadata[_KEY] for field in attrs.fields(cls)}


def describe(cls: type) -> tuple[OptionInfo, ...]:
    """Everything that people, docs and pages need to know about the options of a settings class."""
    return tuple(_info(declared) for declared in options_of(cls).values())


def _info(option: Option) -> OptionInfo:
    copied = {field.name: getattr(option, field.name) for field in attrs.fields(OptionInfo)}
    return OptionInfo(**copied | {"default": None if option.required else option.default})


def _declared(cls: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """Give each attribute its resolved type, and its option the name, kind and variable that follow."""
    hints = _hints(cls)
    done = []
    for field in fields:
        try:
            finished = _finished(field, hints.get(field.name))
        except (TypeError, Mistake) as wrong:
            raise TypeError(f"{cls.__name__}.{field.name} {wrong}") from None
        metadata = {**field.metadata, _KEY: finished}
        done.append(field.evolve(type=hints[field.name], metadata=metadata, converter=_converter(finished)))
    return done


def _hints(cls: type) -> dict[str, Any]:
    try:
        return get_type_hints(cls)
    except NameError as wrong:
        raise TypeError(
            f"{cls.__name__}: a type of its options cannot be found ({wrong}); "
            "import it at the top of the module, not under TYPE_CHECKING"
        ) from None


def _finished(field: attrs.Attribute[Any], hint: Any) -> Option:
    declared: Option | None = field.metadata.get(_KEY)
    if declared is None:
        raise TypeError(f"must be declared with option(), as in `{field.name}: … = option(help=…)`")
    if not _NAME.fullmatch(field.name) or field.name == "provider":
        raise TypeError(
            "needs another name: small letters, digits and `_`; `provider` is taken, it names the plugin"
        )
    kind = kind_of(hint)
    done = attrs.evolve(
        declared,
        name=field.name,
        kind=kind,
        env=field.name.upper() if declared.env == FROM_NAME else declared.env,
        label=declared.label or _label(field.name),
        choices=declared.choices or kind.choices,
    )
    _check_declaration(done)
    return done


def _check_declaration(o: Option) -> None:
    if not o.help.strip():
        raise TypeError("needs a help text")
    if o.env is not None and not _SUFFIX.fullmatch(o.env):
        raise TypeError(f"has the variable suffix {o.env!r}; use capitals, digits and `_`, as in `API_KEY`")
    if o.creates and o.env is None:
        raise TypeError("has creates=True but no variable that could create the section")
    if o.bounds and not o.kind.numeric:
        raise TypeError("has bounds, but is no number")
    if o.choices and o.kind.leaf is not str:
        raise TypeError("has choices, but is no text")
    if isinstance(o.default, list | dict | set):
        raise TypeError("has a default that can be changed; use a tuple")
    if o.default is None and not o.optional:
        raise TypeError("has the default None; add `| None` to its type")
    if not o.required:
        o.read(o.default)


def _converter(o: Option) -> Callable[[Any], Any]:
    """What `__init__` runs, so that a settings object made by hand is as good as one from a file."""

    def convert(value: Any) -> Any:
        try:
            return o.read(value)
        except Mistake as wrong:
            raise ValueError(f"`{o.name}` {wrong}") from None

    return convert


def _refuse_twice(cls: type) -> None:
    seen: dict[str, str] = {}
    for name, option in options_of(cls).items():
        if option.env is not None and (first := seen.setdefault(option.env, name)) != name:
            raise TypeError(f"{cls.__name__}: `{first}` and `{name}` share the variable suffix {option.env}")


def _label(name: str) -> str:
    words = [word.upper() if word in _ACRONYMS else word for word in name.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])
