"""JSON with comments: a member is added or changed, and every other byte stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaud_core.cli.clients.jsonc import BrokenJSON, merged, parsed

OURS = {"env": {"A": "1"}, "helper": "x"}
NAMES = st.text(st.characters(codec="utf-8"), max_size=6)
SCALARS = st.none() | st.booleans() | st.integers() | NAMES
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)
GAPS = st.sampled_from(["", " ", "\n", "\r\n\t", "/* , } */", '// { " \n', " \n  "])


@st.composite
def written(draw: st.DrawFn, value: Any) -> str:
    """A value as a person might write it: with space, comments and commas where JSON has none."""

    def gap() -> str:
        return draw(GAPS)

    if isinstance(value, dict):
        pieces = [f"{gap()}{json.dumps(k)}{gap()}:{gap()}{draw(written(v))}{gap()}" for k, v in value.items()]
    elif isinstance(value, list):
        pieces = [f"{gap()}{draw(written(item))}{gap()}" for item in value]
    else:
        return json.dumps(value)
    comma = draw(st.sampled_from(["", ",", ", // no more\n"])) if pieces else ""
    marks = "{}" if isinstance(value, dict) else "[]"
    return marks[0] + ",".join(pieces) + comma + (gap() if not pieces else "") + marks[1]


def joined(before: Any, content: Any) -> Any:
    """What a merge is meant to give."""
    if not (isinstance(before, dict) and isinstance(content, dict)):
        return content
    return before | {key: joined(before.get(key), value) for key, value in content.items()}


@settings(max_examples=50, deadline=None)
@given(OBJECTS.flatmap(written), GAPS, OBJECTS)
def test_a_merge_gives_both(text: str, gap: str, content: dict[str, Any]) -> None:
    """Whatever stands there, and however it is written, it is there afterwards, and so is what was added."""
    before = parsed(gap + text)
    assert parsed(merged(gap + text, content)) == joined(before, content)


@settings(max_examples=50, deadline=None)
@given(OBJECTS.flatmap(written), OBJECTS)
def test_comments_stay(text: str, content: dict[str, Any]) -> None:
    """A merge only inserts where no member is changed: the text is what is left without the insertions."""
    added = {f"gaud {key}": value for key, value in content.items()}
    rest = iter(merged(text, added))
    assert all(sign in rest for sign in text)


@settings(max_examples=50, deadline=None)
@given(OBJECTS.flatmap(written), OBJECTS)
def test_a_second_merge_changes_nothing(text: str, content: dict[str, Any]) -> None:
    """Connecting twice is connecting once."""
    once = merged(text, content)
    assert merged(once, content) == once


@settings(max_examples=50, deadline=None)
@given(st.text('{}[]:,"\\/* \nabc1truenull', max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but BrokenJSON is raised, and what the standard library reads is read alike."""
    try:
        known = json.loads(text)
    except ValueError:
        known = ...
    try:
        found = parsed(text)
    except BrokenJSON:
        assert known is ...
    else:
        assert (
            known in {..., found} if isinstance(known, str | int | None) else found == known or known is ...
        )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", '{\n  "env": {\n    "A": "1"\n  },\n  "helper": "x"\n}\n'),
        ('{"a": 1}', '{"a": 1, "env": {"A": "1"}, "helper": "x"}'),
        ("{}", '{\n  "env": {\n    "A": "1"\n  },\n  "helper": "x"\n}'),
        (
            '// mine\n{\n    "a": 1 // one\n}\n',
            '// mine\n{\n    "a": 1, // one\n    "env": {\n        "A": "1"\n    },\n    "helper": "x"\n}\n',
        ),
        (
            '{\n\t"env": {\n\t\t"B": "2",\n\t},\n\t"helper": "y",\n}\n',
            '{\n\t"env": {\n\t\t"B": "2",\n\t\t"A": "1"\n\t},\n\t"helper": "x",\n}\n',
        ),
        ('{\r\n  "env": null\r\n}', '{\r\n  "env": {\r\n    "A": "1"\r\n  },\r\n  "helper": "x"\r\n}'),
    ],
)
def test_it_is_written_as_the_rest_of_the_file(text: str, expected: str) -> None:
    """Indent, line ends and place of the comments are the file's."""
    assert merged(text, OURS) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1', "no `}` closes what begins there (line 1)"),
        ('{\n"a": 1\n"b": 2}', "a comma is missing (line 3)"),
        ('{"a": nonsense}', "`nonsense` is no value"),
        ('{"a": NaN}', "is no value"),
        ("{'a': 1}", "a name in quotes is missing"),
        ('{"a" 1}', "`:` is missing"),
        ('{"a": "x\n"}', "a quote is not closed"),
        ("[1]", "it holds no object"),
        ("{} {}", "something stands after the end"),
        ('{"a": ' + "[" * 100, "nested too deeply"),
        ("{,}", "a name in quotes is missing"),
    ],
)
def test_what_is_broken_says_where(text: str, said: str) -> None:
    """The message is for the person who owns the file."""
    with pytest.raises(BrokenJSON) as refused:
        merged(text, OURS)
    assert said in str(refused.value)
