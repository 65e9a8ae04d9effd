"""A block of lines in a YAML file of somebody else's; nothing else in it is read further than need be.

The block stands between two comments, so that it is found again and written anew. Where a file is not plain
enough to tell, it is refused: a person can paste, and a wrong guess would break the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["UnclearYAML", "with_block"]

_BEGIN, _END = "# gaud begins", "# gaud ends"
_NAME = re.compile(r"""([A-Za-z_][\w.-]*|"[^"\\]*"|'[^']*')[ \t]*:([ \t]|$)""")


class UnclearYAML(ValueError):
    """The file is not written the way that this reads; the message says what is in the way."""


def with_block(text: str, content: Mapping[str, Any], under: str = "") -> str:
    """Add the members of `content` to the file's, or as an item of the list `under`; `-` is the file."""
    lines = _without_block(text.split("\n"))
    while lines and not lines[-1].strip():
        lines.pop()
    _refuse_unclear(lines, under)
    if under in {"", "-"}:
        _refuse_twins(lines, content, under)
        indent, at = "", len(lines)
    else:
        indent, at = _in_list(lines, under)
    lines[at:at] = [f"{indent}{line}" for line in _block(content, as_item=bool(under))]
    return "\n".join(lines) + "\n"


def _without_block(lines: list[str]) -> list[str]:
    marks = [number for number, line in enumerate(lines) if line.strip() in {_BEGIN, _END}]
    if not marks:
        return lines
    if len(marks) != 2 or lines[marks[0]].strip() != _BEGIN:
        raise UnclearYAML(f"the comments `{_BEGIN}` and `{_END}` are not there as a pair")
    return lines[: marks[0]] + lines[marks[1] + 1 :]


def _refuse_unclear(lines: list[str], under: str) -> None:
    """Lines at the margin must be names (of a mapping) or items (of a list, or below a name)."""
    begun = False
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#") or (line == "---" and not begun):
            continue
        item = line == "-" or line.startswith("- ")
        named = bool(_NAME.match(line))
        plain = item if under == "-" else named or (begun and item)
        if "\t" in line or not (plain or (begun and line.startswith(" "))):
            raise UnclearYAML(f"line {number} is not written in a way that can be added to safely")
        begun = True


def _refuse_twins(lines: list[str], content: Mapping[str, Any], under: str) -> None:
    """One name twice in a mapping is an error of YAML, and one model twice a client's."""
    if under == "-":
        first = f"- {next(_pairs(content))}"
        if any(line.replace('"', "").rstrip() == first.replace('"', "") for line in lines):
            raise UnclearYAML(f"`{first}` is there already")
        return
    names = [
        (number, found[1].strip("\"'"))
        for number, line in enumerate(lines, 1)
        if (found := _NAME.match(line))
    ]
    for number, name in names:
        if name in content:
            raise UnclearYAML(f"`{name}` is there already, in line {number}")


def _in_list(lines: list[str], name: str) -> tuple[str, int]:
    """The indent of the items of a list, and where one more can stand; the list is made if it is missing."""
    heads = [number for number, line in enumerate(lines) if re.match(rf"{name}[ \t]*:", line)]
    if not heads:
        lines.append(f"{name}:")
        return "  ", len(lines)
    if len(heads) > 1 or not re.fullmatch(rf"{name}:[ \t]*(#.*)?", lines[heads[0]]):
        raise UnclearYAML(f"`{name}` in line {heads[0] + 1} is no list with a line for each item")
    for number in range(heads[0] + 1, len(lines)):
        if found := re.match(r"([ ]*)-( |$)", lines[number]):
            return found[1], heads[0] + 1
        if lines[number].strip() and not lines[number].lstrip().startswith("#"):
            if not lines[number].startswith(" "):
                break
            raise UnclearYAML(f"`{name}` in line {heads[0] + 1} is no list")
    return "  ", heads[0] + 1


def _block(content: Mapping[str, Any], *, as_item: bool) -> Iterator[str]:
    yield _BEGIN
    for number, pair in enumerate(_pairs(content)):
        yield f"{'  ' if number else '- '}{pair}" if as_item else pair
    yield _END


def _pairs(content: Mapping[str, Any]) -> Iterator[str]:
    """Every JSON value is one of YAML, on one line."""
    for key, value in content.items():
        yield f"{key}: {json.dumps(value, ensure_ascii=False)}"
