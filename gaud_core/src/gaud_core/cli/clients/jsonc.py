"""Changes to a JSON file of somebody else's that leave every other byte, and every comment, as it was.

Settings often hold what JSON does not know: comments, and commas after the last member. Both are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import attrs

__all__ = ["BrokenJSON", "merged", "parsed"]

_DEEPEST = 64
_TOKEN = re.compile(
    r"""
      (?P<space> [ \t\r\n]++ )
    | (?P<comment> //[^\n]*+ | /\*.*?\*/ )
    | (?P<string> "(?:[^"\\\x00-\x1f]|\\.)*+" )
    | (?P<mark> [{}\[\]:,] )
    | (?P<word> [^\s"{}\[\]:,/]++ )
    """,
    re.VERBOSE | re.DOTALL,
)


class BrokenJSON(ValueError):
    """The text is no JSON; the message says from which line on."""


def parsed(text: str) -> Any:
    """Give the value of a text with comments; None for one that holds nothing else."""
    root = _Reader(text).root()
    return None if root is None else root.value


def merged(text: str, content: Mapping[str, Any]) -> str:
    """Put the members of `content` into a text's object, tables into tables; BrokenJSON if it has none."""
    root = _Reader(text).root()
    if root is None:
        gap = "" if not text or text.endswith("\n") else "\n"
        return f"{text}{gap}{json.dumps(content, indent=2, ensure_ascii=False)}\n"
    if root.members is None:
        raise BrokenJSON("it holds no object")
    style = _Style.of(text, root)
    for start, end, new in sorted(_splices(root, content, style, 0), reverse=True):
        text = text[:start] + new + text[end:]
    return text


@attrs.frozen
class _Node:
    """A value, and where it stands; an object also has its members, and where another could be added."""

    start: int
    end: int
    value: Any
    members: dict[str, _Node] | None = None
    comma_at: int = -1
    """Where a comma is missing before a further member; -1 if none is."""
    tail: int = 0
    """Where the last thing in the object ends, be it a comment."""


@attrs.frozen
class _Style:
    """How the file is written."""

    text: str
    unit: str
    newline: str

    @classmethod
    def of(cls, text: str, root: _Node) -> _Style:
        """Take the indent of the first member, or two spaces."""
        found = re.match(r"\{[ \t\r\n]*?\n([ \t]+)\S", text[root.start :])
        return cls(text, found[1] if found else "  ", "\r\n" if "\r\n" in text else "\n")

    def indent_of(self, at: int) -> str:
        """The space at the beginning of the line in which something stands."""
        line = self.text[self.text.rfind("\n", 0, at) + 1 : at]
        return line[: len(line) - len(line.lstrip(" \t"))]

    def written(self, value: Any, indent: str) -> str:
        """A value that begins somewhere in a line of this indent."""
        lines = json.dumps(value, indent=self.unit, ensure_ascii=False).split("\n")
        return f"{self.newline}{indent}".join(lines)


def _splices(
    node: _Node, content: Mapping[str, Any], style: _Style, depth: int
) -> Iterator[tuple[int, int, str]]:
    """What has to be put where: each place is an insertion, or a value that another takes the place of."""
    members = node.members or {}
    added = {key: value for key, value in content.items() if key not in members}
    for key, value in content.items():
        there = members.get(key)
        if there is None:
            continue
        if isinstance(value, Mapping) and there.members is not None:
            yield from _splices(there, value, style, depth + 1)
        elif there.value != value or type(there.value) is not type(value):
            yield there.start, there.end, style.written(value, style.indent_of(there.start))
    if added:
        yield from _insertions(node, added, style)


def _insertions(node: _Node, added: Mapping[str, Any], style: _Style) -> Iterator[tuple[int, int, str]]:
    outer = style.indent_of(node.start)
    inner = outer + style.unit
    if node.members and "\n" not in style.text[node.start : node.end]:  # all of it is on one line
        pieces = [
            f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in added.items()
        ]
        comma = ", " if node.comma_at >= 0 else " "
        yield node.tail, node.tail, comma + ", ".join(pieces)
        return
    comma = "," if node.comma_at >= 0 else ""
    if comma and node.comma_at != node.tail:  # a comment stands between
        yield node.comma_at, node.comma_at, ","
        comma = ""
    lines = [f"{inner}{json.dumps(key)}: {style.written(value, inner)}" for key, value in added.items()]
    end = "" if "\n" in style.text[node.tail : node.end] else style.newline + outer
    yield node.tail, node.tail, comma + style.newline + f",{style.newline}".join(lines) + end


@attrs.define
class _Reader:
    """Reads a text from left to right."""

    text: str
    at: int = 0
    behind: int = 0
    """Where the last token or comment ended."""

    def root(self) -> _Node | None:
        """The only value of the text; None if there is nothing but space and comments."""
        self._skip()
        if self.at == len(self.text):
            return None
        node = self._value(0)
        self._skip()
        if self.at < len(self.text):
            self._fail("something stands after the end")
        return node

    def _value(self, depth: int) -> _Node:
        self._skip()
        start, sign = self.at, self._token()
        if depth > _DEEPEST:
            self._fail("it is nested too deeply")
        if sign == "{":
            return self._object(start, depth)
        if sign == "[":
            return self._array(start, depth)
        try:
            return _Node(start, self.at, json.loads(sign, parse_constant=self._fail))
        except ValueError:
            self._fail(f"`{sign[:20]}` is no value", start)

    def _object(self, start: int, depth: int) -> _Node:
        members: dict[str, _Node] = {}
        comma_at = -1
        while not self._closes("}", start):
            if members and comma_at >= 0:
                self._fail("a comma is missing")
            key_at, token = self.at, self._token()
            if not token.startswith('"'):
                self._fail("a name in quotes is missing", key_at)
            key = json.loads(token)
            self._expect(":")
            node = members[key] = self._value(depth + 1)
            comma_at = -1 if self._comma() else node.end
        tail = self.behind
        self.at += 1
        self.behind = self.at
        value = {key: node.value for key, node in members.items()}
        return _Node(start, self.at, value, members, comma_at, tail)

    def _array(self, start: int, depth: int) -> _Node:
        items: list[Any] = []
        separated = True
        while not self._closes("]", start):
            if not separated:
                self._fail("a comma is missing")
            items.append(self._value(depth + 1).value)
            separated = self._comma()
        self.at += 1
        self.behind = self.at
        return _Node(start, self.at, items)

    def _closes(self, mark: str, opened: int) -> bool:
        self._skip()
        if self.at == len(self.text):
            self._fail(f"no `{mark}` closes what begins there", opened)
        return self.text[self.at] == mark

    def _comma(self) -> bool:
        self._skip()
        there = self.text.startswith(",", self.at)
        if there:
            self._token()
        return there

    def _expect(self, mark: str) -> None:
        self._skip()
        if not self.text.startswith(mark, self.at):
            self._fail(f"`{mark}` is missing")
        self._token()

    def _token(self) -> str:
        found = _TOKEN.match(self.text, self.at)
        if found is None or found.lastgroup in {"space", "comment"}:
            self._fail("a value is missing" if self.at == len(self.text) else "a quote is not closed")
        self.at = self.behind = found.end()
        return found[0]

    def _skip(self) -> None:
        while (found := _TOKEN.match(self.text, self.at)) and found.lastgroup in {"space", "comment"}:
            self.at = found.end()
            if found.lastgroup == "comment":
                self.behind = self.at

    def _fail(self, what: str, at: int | None = None) -> NoReturn:
        line = self.text.count("\n", 0, self.at if at is None else at) + 1
        raise BrokenJSON(f"{what} (line {line})")
