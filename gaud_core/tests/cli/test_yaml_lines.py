"""A block of lines in a YAML file: it is where YAML finds it, or the file is refused."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gaud_core.cli.clients.yaml_lines import UnclearYAML, with_block

ITEM = {"model_id": "litellm:gpt-4o", "api_base": "http://127.0.0.1:8400/v1", "supports_tools": True}
WORDS = st.text("abc:#-'\"{}[]|> \n", max_size=12)
SCALARS = st.none() | st.booleans() | st.integers() | WORDS
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner)
    ),
    max_leaves=8,
)
TABLES = st.dictionaries(st.text("abc", min_size=1, max_size=4), VALUES, max_size=4)


def read(text: str) -> Any:
    """The value of a text."""
    return yaml.safe_load(text)


@settings(max_examples=30, deadline=None)
@given(TABLES)
def test_members_are_added_to_a_mapping(table: dict[str, Any]) -> None:
    """All that was there is there, in whatever way a library writes it."""
    assert read(with_block(yaml.safe_dump(table) if table else "", ITEM)) == table | ITEM


@settings(max_examples=30, deadline=None)
@given(st.lists(TABLES.filter(bool), min_size=1, max_size=3))
def test_an_item_is_added_to_a_list(items: list[dict[str, Any]]) -> None:
    """The same for a file that is one list."""
    assert read(with_block(yaml.safe_dump(items), ITEM, "-")) == [*items, ITEM]


@settings(max_examples=30, deadline=None)
@given(TABLES, st.lists(TABLES.filter(bool), min_size=1, max_size=3), st.booleans())
def test_an_item_is_added_below_a_name(table: dict[str, Any], items: list[Any], indented: bool) -> None:
    """The first of the list, at the indent that its other items have."""
    text = yaml.safe_dump({**table, "models": items}, sort_keys=False)
    if indented:
        head, _, rest = text.rpartition("models:\n")
        text = head + "models:\n" + "".join(f"  {line}\n" if line else "\n" for line in rest.splitlines())
    assert read(with_block(text, ITEM, "models")) == {**table, "models": [ITEM, *items]}


@settings(max_examples=30, deadline=None)
@given(st.text("ab:- #|>'\"[]{}\n\t", max_size=60), st.sampled_from(["", "-", "models"]))
def test_any_file_is_kept_or_refused(text: str, under: str) -> None:
    """Where the result is written at all, YAML reads it, and reads what it read before."""
    try:
        before = read(text)
    except yaml.YAMLError:
        return
    try:
        after = read(with_block(text, ITEM, under))
    except UnclearYAML:
        return
    if under == "-":
        assert after == [*(before or []), ITEM]
    elif under:
        assert after == {**(before or {}), "models": [ITEM]}
    else:
        assert after == {**(before or {}), **ITEM}


@pytest.mark.parametrize("under", ["", "-", "models"])
def test_a_second_time_writes_the_block_anew(under: str) -> None:
    """Another model takes the place of the first, and nothing piles up."""
    start = "# mine\n" if under != "models" else "name: x # mine\nmodels:\n  - name: y\n"
    once = with_block(start, ITEM, under)
    other = {**ITEM, "model_id": "other"}
    twice = with_block(once, other, under)
    assert with_block(once, ITEM, under) == once
    assert "# mine" in twice
    assert twice == once.replace("litellm:gpt-4o", "other")


@pytest.mark.parametrize(
    ("text", "under", "said"),
    [
        ("model_id: x\n", "", "`model_id` is there already, in line 1"),
        ("'model_id': x\n", "", "`model_id` is there already"),
        ("[a, b]\n", "-", "line 1 is not written"),
        ("{a: b}\n", "", "line 1 is not written"),
        ("a: b\n...\n", "", "line 2 is not written"),
        ("a: b\n---\nc: d\n", "", "line 2 is not written"),
        ("a: b\n", "-", "line 1 is not written"),
        ("models: [a]\n", "models", "`models` in line 1 is no list"),
        ("models:\n  a: b\n", "models", "`models` in line 1 is no list"),
        ("models:\n- a\nmodels:\n- b\n", "models", "`models` in line 1 is no list"),
        ("- model_id: litellm:gpt-4o\n", "-", "is there already"),
        ("# gaud begins\na: b\n", "", "not there as a pair"),
    ],
)
def test_unclear_files_are_refused(text: str, under: str, said: str) -> None:
    """A guess could break the file, so the person pastes."""
    with pytest.raises(UnclearYAML) as refused:
        with_block(text, ITEM, under)
    assert said in str(refused.value)
