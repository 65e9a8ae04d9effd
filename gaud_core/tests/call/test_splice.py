"""The walk through an object's members agrees with a real parser."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaud_core.splice import append_member, members, rename_members, replace_members

from .pieces import Pieces, model_member, objects, text_of

FAST = settings(max_examples=100, deadline=None)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def _pairs(members: list[tuple[str, object]]) -> object:
    """Read an object as its members stand, so that repeated keys count and an empty object is no array."""
    return members or "an empty object"


@FAST
@given(objects(model_member(st.just("m"))))
def test_members_are_those_of_a_real_parser(pieces: Pieces) -> None:
    """Keys, values, repeated keys and their order are the same as json.loads sees them."""
    raw = text_of(pieces)
    found = [(key, json.loads(raw[begin:end], object_pairs_hook=_pairs)) for key, begin, end in members(raw)]
    assert found == json.loads(raw, object_pairs_hook=_pairs)


@FAST
@given(st.dictionaries(st.text(max_size=8), JSON, min_size=1), st.sampled_from([None, 1, 4]), st.booleans())
def test_any_object_of_any_writer(value: dict[str, object], indent: int | None, ascii_only: bool) -> None:
    """Whatever Python writes, compact or indented, escaped or not, is walked member by member."""
    raw = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert [(key, json.loads(raw[begin:end])) for key, begin, end in members(raw)] == [*value.items()]


@FAST
@given(st.dictionaries(st.sampled_from(["model", "a", "b", "model2"]), JSON, min_size=1), JSON)
def test_replacing_is_what_it_says(value: dict[str, object], new: object) -> None:
    """After replacing a member the object is the old one with another value there."""
    value = {**value, "model": "old"}
    raw = replace_members(json.dumps(value).encode(), "model", json.dumps(new).encode())
    assert json.loads(raw) == {**value, "model": new}
    assert list(json.loads(raw)) == list(value)


@FAST
@given(st.dictionaries(st.sampled_from(["a", "b", "é", "max_tokens"]), JSON, min_size=1), st.booleans())
def test_renaming_is_what_it_says(value: dict[str, object], ascii_only: bool) -> None:
    """Another key, the same order and the same values; a member inside of a value keeps its name."""
    raw = json.dumps({**value, "x": {"é": 1}}, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    renamed = json.loads(rename_members(raw, "é", "new"))
    assert list(renamed.items()) == [
        ("new" if k == "é" else k, v) for k, v in {**value, "x": {"é": 1}}.items()
    ]


@pytest.mark.parametrize("raw", [b'{"a":1}', b' { "a" : [ ] } ', b'{"a":"}"}', b'{"a":{"b":"}"}}\n\n'])
def test_appended_member_comes_last(raw: bytes) -> None:
    """A member is added inside the outermost braces."""
    assert list(json.loads(append_member(raw, "new", b"7"))) == ["a", "new"]


def test_empty_object_has_no_members() -> None:
    """The walk ends at once."""
    assert list(members(b" { } ")) == []


def test_long_strings_are_walked_in_one_step() -> None:
    """A member of many megabytes with many escapes needs no recursion and no backtracking."""
    text = b'"' + b'\\"x\\\\' * 2_000_000 + b'"'
    raw = b'{"image":' + text + b',"\\u006dodel":"old"}'
    assert replace_members(raw, "model", b'"new"').endswith(b',"\\u006dodel":"new"}')


def test_deep_nesting_is_walked_without_recursion() -> None:
    """A hundred thousand brackets are one value."""
    raw = b'{"deep":' + b"[" * 100_000 + b"]" * 100_000 + b',"\\u006dodel":"old"}'
    assert replace_members(raw, "model", b'"new"').endswith(b',"\\u006dodel":"new"}')
