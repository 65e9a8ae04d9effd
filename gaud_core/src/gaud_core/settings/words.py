"""How a wrong value is put into words: what it is, how it is shown, what was probably meant."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from gaud_core.settings.secret import MASK, Secret

__all__ = ["Mistake", "did_you_mean", "dotted", "hidden", "kind_of_value", "listed", "printable", "shown"]

_LONGEST: Final = 40
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


class Mistake(ValueError):
    """A value that cannot be used: `message` goes on after the option's name ("must be …"), `cure` helps."""

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(f"{message} {cure}".strip())
        self.message, self.cure = message, cure


def shown(value: object) -> str:
    """A value as a message may show it: short, on one line; lists, tables and secrets only by their kind."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, str | Path):
        return f"`{printable(str(value))}`" if str(value) else "empty"
    return kind_of_value(value)


def kind_of_value(value: object) -> str:
    """What a value is, in the words of the file: `a list`, `text`, `a whole number`."""
    for types, words in _KINDS:
        if isinstance(value, types):
            return words
    return "nothing" if value is None else "something else"


def printable(text: str) -> str:
    """Text without control characters, shortened to forty characters."""
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in short)


def listed(names: Iterable[str], last: str = "and") -> str:
    """`a`, `b` and `c`."""
    quoted = [f"`{name}`" for name in names]
    return f" {last} ".join(filter(None, [", ".join(quoted[:-1]), *quoted[-1:]]))


def dotted(section: str, name: str) -> str:
    """A name below a section as TOML writes it: `providers.acme.url`, `providers."my acme"`."""
    bare = name if _BARE.fullmatch(name) else f'"{printable(name)}"'
    return f"{section}.{bare}" if section else bare


def hidden(message: str, value: object) -> str:
    """A message without the secrets of a value, for texts that were written elsewhere."""
    for item in value if isinstance(value, tuple | list) else (value,):
        if isinstance(item, Secret) and item:
            message = message.replace(item.reveal(), MASK)
    return message


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The known name that looks most like `word`, or an empty text."""
    by_key = {name.casefold().replace("-", "_"): name for name in known}
    close = difflib.get_close_matches(word.casefold().replace("-", "_")[:200], by_key, n=1, cutoff=0.6)
    return by_key[close[0]] if close else ""


def _number(value: float) -> str:
    if isinstance(value, int) and value.bit_length() > 200:  # Python refuses to print the longest ones
        return "a very large number"
    return str(value).removesuffix(".0")


_KINDS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number"),
    ((str, Path), "text"),
    (Secret, "a secret"),
    (Mapping, "a table"),
    ((list, tuple), "a list"),
    ((dt.date, dt.time), "a date or a time"),
)
