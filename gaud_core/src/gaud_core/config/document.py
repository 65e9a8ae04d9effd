"""Changes of single settings in the text of a file, which leave its comments, its order and its spelling."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from gaud_core.errors import ConfigError, Problem
from gaud_core.settings import Secret

__all__ = ["Address", "edited", "toml_value"]

Address = tuple[str, ...]
"""Where a setting or a section is: `("providers", "acme", "url")`."""

Table = MutableMapping[str, Any]
Body = list[tuple[Any, Any]]


def edited(text: str, edits: Mapping[Address, Any]) -> str:
    """Set each address to its value, or take it out where that is None; sections are made where needed.

    The result holds exactly the changed settings: where the library that keeps the comments would make
    something else of an unusual file, that is a ConfigError and not a guess.
    """
    import tomlkit  # here, because a start does not need it

    wanted = tomllib.loads(text.replace("\r\n", "\n"))
    for address, value in edits.items():
        _edit(wanted, address, value)
    made = ""
    try:
        document = tomlkit.parse(text if not text or text.endswith("\n") else f"{text}\n")
        for address, value in edits.items():
            _edit(document, address, value)
        made = tomlkit.dumps(document)
        as_wanted = _held(tomllib.loads(made.replace("\r\n", "\n"))) == _held(wanted)
    except Exception:  # protects the file from whatever the library makes of sections that stand apart
        as_wanted = False
    if not as_wanted:
        cure = "Put the parts of each section together, or change the file by hand; Gaud notices that."
        raise ConfigError([Problem("", "The file is written in a way that Gaud cannot change.", cure)])
    return made


def toml_value(value: Any) -> Any:
    """Give a setting's value as a TOML file holds it."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, tuple | list):
        return [toml_value(item) for item in value]
    return value


def _edit(root: Table, address: Address, value: Any) -> None:
    """Do one edit, in plain tables and in those of tomlkit alike."""
    *sections, name = address
    table = root
    for depth, section in enumerate(sections, start=1):
        if section not in table:
            if value is None:
                return
            table = _add_section(table, section, last=depth == len(sections))
        else:
            table = table[section]
    if value is None:
        _remove(root, table, name)
    elif name in table:
        table[name] = value
    else:
        tail = _without_tail(_body(table))
        table[name] = value
        _body(table).extend(tail)


def _held(table: Table) -> Table:
    """A table without empty sections at its top, which hold no setting."""
    return {key: value for key, value in table.items() if value != {}}


def _remove(root: Table, table: Table, name: str) -> None:
    """Take a setting or a section out; the comments behind a section belong to the next one and stay."""
    if name not in table:
        return
    tail = _without_tail(_last_body(table[name])) if _body(table[name]) else []
    kept = "".join(item.as_string() for _, item in tail).removeprefix("\n")
    body, place = next(_places(table, name), ([], 0))
    if kept and len(_parts(table)) > 1 and len(body) == 1:
        body, place = _before(root, name)  # the piece goes as a whole
        kept = f"{body[place][1].as_string()}{kept}" if body else ""
    del table[name]
    if kept and body[place][0] is None:
        from tomlkit.items import Whitespace

        body[place] = (None, Whitespace(kept))


def _before(root: Table, name: str) -> tuple[Body, int]:
    """Find a place for text in front of the piece that holds nothing but this section."""
    from tomlkit import items

    body = _body(root)
    for number, (_, item) in enumerate(body):
        if number and isinstance(item, items.Table) and item.is_super_table() and list(item) == [name]:
            if body[number - 1][0] is None:
                return body, number - 1
            previous = _last_body(body[number - 1][1])
            previous.append((None, items.Whitespace("")))
            return previous, len(previous) - 1
    return [], 0


def _places(table: Table, name: str) -> Iterator[tuple[Body, int]]:
    """Where a name stands in the text of a table."""
    for part in _parts(table):
        yield from ((_body(part), n) for n, (key, _) in enumerate(_body(part)) if key and key.key == name)


def _parts(table: Any) -> Sequence[Any]:
    """Give the pieces of a table that other sections stand between."""
    parts: Sequence[Any] = getattr(table, "_tables", [table])
    return parts


def _add_section(table: Table, section: str, *, last: bool) -> Table:
    """Add an empty section; comments above the next one stay above that."""
    table = _parts(table)[-1]
    made = _new_section(table, last=last)
    tail: Body = []
    if last and type(table) is not dict:
        tail = _without_tail(_last_body(table))
        made.trivia.indent = "\n" if table else ""
    table[section] = made
    _body(table[section]).extend(tail)
    added: Table = table[section]
    return added


def _new_section(table: Table, *, last: bool) -> Any:
    if type(table) is dict:
        return {}
    import tomlkit
    from tomlkit.items import InlineTable

    return (
        tomlkit.inline_table() if isinstance(table, InlineTable) else tomlkit.table(is_super_table=not last)
    )


def _body(table: Any) -> Body:
    """Give what a table of tomlkit consists of, with the comments; nothing of other tables."""
    body: Body = getattr(table, "body", None) or getattr(getattr(table, "value", None), "body", [])
    return body


def _last_body(table: Any) -> Body:
    """Give the body in which the text of a table ends."""
    body = _body(table)
    return _last_body(body[-1][1]) if body and _body(body[-1][1]) else body


def _without_tail(body: Body) -> Body:
    """Cut off the comments and empty lines at the end: they belong to what follows."""
    tail: Body = []
    while body and body[-1][0] is None:
        tail.insert(0, body.pop())
    return tail
