"""The commands in blocks of shell code, and the requests that `curl` would make."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import attrs

from .pages import Block, blocks

__all__ = ["Curl", "Statement", "curl", "outputs", "statements"]

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
_WITH_VALUE = {"-H": "headers", "-d": "data", "-X": "method", "--data": "data", "--header": "headers"}


@attrs.frozen
class Statement:
    """One command, without the variables that are set for it."""

    where: str
    words: tuple[str, ...]

    @property
    def command(self) -> str:
        """The command's own name, without its folder."""
        return self.words[0].rpartition("/")[2]


@attrs.frozen
class Curl:
    """What a `curl` command asks for."""

    url: str
    method: str
    headers: dict[str, str]
    data: str | None


def statements(found: list[Block] | None = None) -> list[Statement]:
    """Every command of the blocks: whole bash blocks, and what follows `$ ` in console blocks."""
    return [statement for block in found or blocks("bash", "console") for statement in _of(block)]


def outputs(block: Block) -> list[str]:
    """The lines of a console block that are no commands."""
    return [line for line in block.text.splitlines() if line.strip() and not line.startswith("$ ")]


def curl(words: tuple[str, ...]) -> Curl:
    """Read the options that the documents use; any other is an error."""
    url, method, data = "", "", None
    headers: dict[str, str] = {}
    rest = iter(words[1:])
    for word in rest:
        kind = _WITH_VALUE.get(word)
        if kind == "headers":
            name, _, value = next(rest).partition(":")
            headers[name] = value.strip()
        elif kind == "data":
            data = next(rest)
        elif kind == "method":
            method = next(rest)
        elif not re.fullmatch(r"-[isN]+", word):
            assert not word.startswith("-"), f"unknown option {word}"
            url = word
    return Curl(url, method or ("GET" if data is None else "POST"), headers, data)


def _of(block: Block) -> Iterator[Statement]:
    lines = block.text.splitlines()
    if block.language == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    for text in _joined(lines):
        words = shlex.split(text.replace("\\\n", " "), comments=True)
        while words and (_ASSIGNMENT.fullmatch(words[0]) or words[0] == "export"):
            words.pop(0)
        if words:
            yield Statement(block.where, tuple(words))


def _joined(lines: list[str]) -> Iterator[str]:
    """Join what backslashes and open quotes continue."""
    text = ""
    for line in lines:
        text += line + "\n"
        if line.endswith("\\"):
            continue
        try:
            shlex.split(text, comments=True)
        except ValueError:
            continue
        yield text
        text = ""
    assert not text.strip(), f"a quote is not closed: {text}"
