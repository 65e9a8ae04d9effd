"""The list of models: what the account may use, whatever the entries look like."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaud_core import UpstreamFailed
from gaud_provider_copilot.catalog import Entry, entries_from

from .answering import MODELS, model

FAST = settings(max_examples=100, deadline=None)


def _entries(*items: Any) -> dict[str, Entry]:
    return {entry.model.id: entry for entry in entries_from({"data": list(items)})}


def test_the_list_as_copilot_gives_it() -> None:
    """What cannot be read, and what only completes code, is left out; nothing breaks the rest."""
    entries = _entries(*MODELS)
    assert list(entries) == [
        "gpt-4o",
        "gpt-5",
        "gpt-5-codex",
        "claude-sonnet-4.5",
        "gemini-2.5-pro",
        "grok-mini",
        "bare",
        "text-embedding-3-small",
    ]
    assert {name: entry.refusal for name, entry in entries.items() if entry.refusal} == {
        "gemini-2.5-pro": "unconfigured"
    }


def test_endpoints() -> None:
    """As listed; without a list, chat; embeddings have their own."""
    entries = _entries(*MODELS)
    assert entries["gpt-4o"].model.endpoints == frozenset({"chat/completions"})
    assert entries["gpt-5"].model.endpoints == frozenset({"chat/completions", "responses"})
    assert entries["gpt-5-codex"].model.endpoints == frozenset({"responses"})
    assert entries["claude-sonnet-4.5"].model.endpoints == frozenset({"chat/completions", "messages"})
    assert entries["text-embedding-3-small"].model.endpoints == frozenset({"embeddings"})
    assert _entries(model("m", supported_endpoints=["ws:/responses"]))["m"].model.endpoints == frozenset(
        {"chat/completions"}
    )


def test_multipliers() -> None:
    """How many premium requests a turn takes; unknown is not nothing."""
    entries = _entries(*MODELS)
    told = {name: entry.model.price and entry.model.price.milliunits for name, entry in entries.items()}
    assert (told["gpt-4o"], told["gpt-5"], told["grok-mini"], told["bare"]) == (0, 1000, 250, None)


def test_the_usable_one_of_two_entries_counts() -> None:
    """Several entries may share an id."""
    refused = model("m", policy={"state": "disabled"})
    assert _entries(refused, model("m"))["m"].refusal == ""
    assert _entries(model("m"), refused)["m"].refusal == ""


@pytest.mark.parametrize("answer", [None, [], {"data": None}, {"data": "many"}, {}])
def test_no_list_at_all(answer: Any) -> None:
    """Then the last list stays."""
    with pytest.raises(UpstreamFailed, match="no list"):
        entries_from(answer)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "vendor", "policy", "state", "billing", "multiplier", "capabilities", "type"]
            )
            | st.sampled_from(["limits", "supports", "supported_endpoints", "max_output_tokens", "vision"]),
            inner,
        )
    ),
    max_leaves=12,
)


@FAST
@given(st.lists(ANY, max_size=5))
def test_entries_of_any_shape(items: list[Any]) -> None:
    """No entry breaks the list, and what is shown to clients is JSON."""
    for entry in entries_from({"data": [*items, model("good")]}):
        json.dumps(dict(entry.model.extra), allow_nan=False)
        assert entry.model.id.isprintable()
