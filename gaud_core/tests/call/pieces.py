"""JSON texts put together from pieces, so that what has to become of them is known by construction.

A text is a list of pieces. A piece is either bytes, which stay, or a `Slot`, which stands for the value of a
top-level member that the gateway may change.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import attrs
from hypothesis import strategies as st

Strategy = st.SearchStrategy


@attrs.frozen
class Slot:
    """The value of a top-level member: its key as it means, and its text."""

    key: str
    text: bytes


Pieces = tuple[bytes | Slot, ...]

PADDING = b" " * 12
"""Keeps half a character away from the body's very end; test_body.py says what happens there."""

SPACE = st.sampled_from([b"", b"", b" ", b"\n", b"\r\n\t", b"  "])
NUMBERS = st.sampled_from(
    [b"1.50", b"1E5", b"-0", b"1e-7", b"0.10", b"12345678901234567890123456789", b"-1.0E+2", b"1e999", b"7"]
)
# The raw text of strings: lone surrogates, escaped and plain spellings of the names that matter, brackets.
STRING_TEXTS = st.sampled_from(
    [
        b"",
        b"model",
        b"\\u006dodel",
        b'\\"model\\":',
        b"\\\\",
        b"}{][,:",
        b"\\ud83d",
        b"\\ud83d\\ude00",
        b"\\/",
        'grüße 😀\u2028\x7f"'.replace('"', '\\"').encode(),
        b'\\"stream_options',
        b"\\u0000",
        b'a\\\\\\"',
    ]
)
KEY_TEXTS = st.sampled_from(
    [
        b"messages",
        b"temperature",
        b"MODELS",
        b"models",
        b"mode",
        b"x_new",
        b"",
        b"\\ud800",
        b"\\u0041",
        b"\xc3\xa9",
        b"model\\u0000",
        b"stream_option",
        b'\\"model',
        b"include_usage",
    ]
)
NESTED_KEY_TEXTS = KEY_TEXTS | st.sampled_from(
    [b"model", b"Model", b"mo\\u0064el", b"stream", b"stream_options"]
)
MODEL_KEYS = st.sampled_from(
    [b"model", b"model", b"model", b"\\u006dodel", b"mode\\u006c", b"\\u006D\\u006Fdel"]
)


def quoted(text: Strategy[bytes]) -> Strategy[bytes]:
    """The texts in quotes."""
    return text.map(lambda inner: b'"%b"' % inner)


def _array(values: list[tuple[bytes, bytes]]) -> bytes:
    return b"[" + b",".join(space + value for space, value in values) + b"]"


def _object(members: list[tuple[bytes, bytes, bytes]]) -> bytes:
    return (
        b"{" + b",".join(space + key + space + b":" + value + space for space, key, value in members) + b"}"
    )


def _container(inner: Strategy[bytes]) -> Strategy[bytes]:
    arrays = st.lists(st.tuples(SPACE, inner), max_size=3).map(_array)
    objects = st.lists(st.tuples(SPACE, quoted(NESTED_KEY_TEXTS), inner), max_size=3).map(_object)
    return arrays | objects


VALUES: Strategy[bytes] = st.recursive(
    NUMBERS | quoted(STRING_TEXTS) | st.sampled_from([b"true", b"false", b"null", b"{}", b"[]", b"{ }"]),
    _container,
    max_leaves=6,
)


def member(key: Strategy[bytes], value: Strategy[bytes], means: str = "") -> Strategy[Pieces]:
    """A member with odd spacing; with `means` its value is a slot."""

    def build(parts: tuple[bytes, bytes, bytes, bytes, bytes, bytes]) -> Pieces:
        a, name, b, c, text, d = parts
        return (a + b'"' + name + b'"' + b + b":" + c, Slot(means, text) if means else text, d)

    return st.tuples(SPACE, key, SPACE, SPACE, value, SPACE).map(build)


def model_member(names: Strategy[str]) -> Strategy[Pieces]:
    """A `model` member; its key and its value may be escaped."""
    plain = names.map(lambda name: json.dumps(name, ensure_ascii=False).encode())
    escaped = names.map(lambda name: b'"' + b"".join(b"\\u%04x" % ord(c) for c in name) + b'"')
    return member(MODEL_KEYS, plain | plain | escaped, means="model")


def objects(*members: Strategy[Pieces]) -> Strategy[Pieces]:
    """An object of the given members among others, in any order."""
    others = st.lists(member(KEY_TEXTS, VALUES), max_size=4)

    def shuffle(parts: tuple[list[Pieces], tuple[Pieces, ...]]) -> Strategy[list[Pieces]]:
        return st.permutations([*parts[0], *parts[1]])

    def join(many: list[Pieces]) -> Pieces:
        flat: list[bytes | Slot] = []
        for count, one in enumerate(many):
            flat += [b"," if count else b"", *one]
        return (b" {", *flat, b"} \n" + PADDING)

    return st.tuples(others, st.tuples(*members)).flatmap(shuffle).map(join)


def text_of(pieces: Pieces, change: Callable[[Slot], bytes] = lambda slot: slot.text) -> bytes:
    """The whole text, with each slot as it is or as `change` says."""
    return b"".join(change(piece) if isinstance(piece, Slot) else piece for piece in pieces)


def slots_of(pieces: Pieces, key: str) -> list[Slot]:
    """The slots of a key, in order."""
    return [piece for piece in pieces if isinstance(piece, Slot) and piece.key == key]
