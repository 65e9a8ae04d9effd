"""Changes to one member of a JSON object that leave every other byte as it was.

All functions take text that a real parser has accepted; what they do with anything else is undefined.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

__all__ = [
    "append_member",
    "elements",
    "end_of_value",
    "keep_elements",
    "members",
    "rename_members",
    "replace_members",
]

# Possessive, so that a megabyte of image costs no backtracking memory (RFC 8259 §7).
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_STRING_OR_BRACKET = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]]', re.DOTALL)
_SCALAR = re.compile(rb"[^\s,}\]]+")
_SPACE = re.compile(rb"[ \t\r\n]*")


def members(raw: bytes, start: int = 0) -> Iterator[tuple[str, int, int]]:
    """Walk the object that begins at or after `start`: each key, and where its value begins and ends."""
    for key, key_end, value, end in _walk(raw, start):
        yield json.loads(raw[key:key_end]), value, end


def elements(raw: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Walk the array that begins at `start`: where each element begins and ends."""
    at = _skip(raw, start + 1)
    while raw[at : at + 1] != b"]":
        end = end_of_value(raw, at)
        yield at, end
        at = _skip(raw, end)
        if raw[at : at + 1] == b",":
            at = _skip(raw, at + 1)


def keep_elements(raw: bytes, start: int, end: int, keep: Sequence[bool]) -> bytes:
    """Leave out the elements of an array from `start` to `end` that are not kept, with their commas."""
    kept = [raw[a:b] for (a, b), wanted in zip(elements(raw, start), keep, strict=True) if wanted]
    return raw if all(keep) else raw[:start] + b"[" + b",".join(kept) + b"]" + raw[end:]


def replace_members(raw: bytes, key: str, value: bytes) -> bytes:
    """Put `value`, JSON text, in the place of the value of each member named `key`, repeated ones too."""
    view = memoryview(raw)
    if spot := _only_literal_member(raw, key):
        return b"".join((raw[: spot[0]], value, view[spot[1] :]))
    pieces: list[bytes | memoryview] = []
    at = 0
    for name, begin, end in members(raw):
        if name == key:
            pieces += [view[at:begin], value]
            at = end
    return b"".join([*pieces, view[at:]])


def rename_members(raw: bytes, key: str, new: str) -> bytes:
    """Write `new` in the place of the key of each member named `key`."""
    pieces, at = [], 0
    for begin, end, _, _ in _walk(raw, 0):
        if json.loads(raw[begin:end]) == key:
            pieces += [raw[at:begin], json.dumps(new).encode()]
            at = end
    return b"".join([*pieces, raw[at:]])


def append_member(raw: bytes, key: str, value: bytes) -> bytes:
    """Add a member at the end of an object that has at least one."""
    close = raw.rindex(b"}")
    return b'%b,"%b":%b%b' % (raw[:close], key.encode(), value, raw[close:])


def _walk(raw: bytes, start: int) -> Iterator[tuple[int, int, int, int]]:
    """Give for each member where its key begins and ends, and where its value does."""
    at = _skip(raw, raw.index(b"{", start) + 1)
    while raw[at] != ord("}"):
        key_end = _end_of_string(raw, at)
        value = _skip(raw, _skip(raw, key_end) + 1)
        end = end_of_value(raw, value)
        yield at, key_end, value, end
        at = _skip(raw, end)
        if raw[at] == ord(","):
            at = _skip(raw, at + 1)


def _only_literal_member(raw: bytes, key: str) -> tuple[int, int] | None:
    r"""Find the member without a walk where the text can hold it in one place only.

    The caller knows that it is there. Without `\u00..` escapes a plain key is spelled literally, so a
    single occurrence of the quoted key is the member itself and no string that happens to hold its name.
    """
    quoted, plain = _spelled(key)
    if raw.count(quoted) != 1 or (b"\\" in raw and b"\\u00" in raw):
        return None
    at = raw.index(quoted)
    if found := plain.match(raw, at):
        return found.span(1)
    value = _skip(raw, _skip(raw, at + len(quoted)) + 1)
    return value, end_of_value(raw, value)


@lru_cache(maxsize=64)
def _spelled(key: str) -> tuple[bytes, re.Pattern[bytes]]:
    """Give a key as it stands in the text, and what finds it together with a string without escapes."""
    quoted = b'"%b"' % key.encode()
    return quoted, re.compile(re.escape(quoted) + rb'[ \t\r\n]*+:[ \t\r\n]*+("[^"\\]*+")')


def _skip(raw: bytes, at: int) -> int:
    space = _SPACE.match(raw, at)
    return space.end() if space else at


def _end_of_string(raw: bytes, at: int) -> int:
    string = _STRING.match(raw, at)
    if string is None:
        raise ValueError("not a JSON string")
    return string.end()


def end_of_value(raw: bytes, at: int) -> int:
    """Give where the value that begins at `at` ends; ValueError if it has no end."""
    if raw[at] == ord('"'):
        return _end_of_string(raw, at)
    if raw[at] in b"{[":
        return _end_of_container(raw, at)
    scalar = _SCALAR.match(raw, at)
    return scalar.end() if scalar else at


def _end_of_container(raw: bytes, at: int) -> int:
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(raw, at):
        first = raw[token.start()]
        if first in b"{[":
            depth += 1
        elif first in b"}]":
            depth -= 1
            if not depth:
                return token.end()
    raise ValueError("not a JSON value")
