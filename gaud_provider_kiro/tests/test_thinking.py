"""Thoughts between tags, at any boundary."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaud_provider_kiro.stops import StopReader
from gaud_provider_kiro.thinking import ThinkingReader

from .asking import cut_at

PIECES = st.sampled_from(
    [
        "<thinking>",
        "</thinking>",
        "<think>",
        "</think>",
        "<",
        ">",
        "/",
        "`",
        '"',
        "\n",
        " ",
        "thinking",
        "a",
        "é",
    ]
)


def read(pieces: list[str]) -> tuple[str, str]:
    """Give the thoughts and the text."""
    reader = ThinkingReader()
    found = [part for piece in pieces for part in reader.feed(piece)] + list(reader.end())
    thoughts, texts = ("".join(text for thought, text in found if thought is kind) for kind in (True, False))
    return thoughts, texts


@pytest.mark.parametrize(
    ("told", "thought", "text"),
    [
        ("<thinking>hm</thinking>\n\nYes", "hm", "Yes"),
        ("\n <think>hm</think>Yes", "hm", "Yes"),
        ("<reasoning>a</reasoning>\n<thought>b</thought>\n\n\nYes", "ab", "\nYes"),
        ("Yes <thinking>no</thinking>", "", "Yes <thinking>no</thinking>"),
        (
            '<thinking>say `</thinking>` and "</thinking>"</thinking>Yes',
            'say `</thinking>` and "</thinking>"',
            "Yes",
        ),
        ("<thinking>a</think>b</thinking>Yes", "a</think>b", "Yes"),
        ("<thinking>never ends", "never ends", ""),
        ('<thinking>he says "no"</thinking>Yes', 'he says "no"', "Yes"),
        ("<thinking></thinking>Yes", "", "Yes"),
        ("<thinkin", "", "<thinkin"),
        ("  ", "", "  "),
        ("<b>Yes</b>", "", "<b>Yes</b>"),
        ("", "", ""),
    ],
)
def test_thoughts_and_text(told: str, thought: str, text: str) -> None:
    """Only tags at the beginning count, and only those of the same name end a thought."""
    assert read([told]) == (thought, text)


@given(st.lists(PIECES, max_size=14).map("".join), st.lists(st.integers(0, 1000), max_size=8))
def test_any_boundary(told: str, cuts: list[int]) -> None:
    """However the text is cut, the same is found."""
    ends = [*sorted(at % (len(told) + 1) for at in cuts), len(told)]
    pieces = [told[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
    assert read(pieces) == read([told])


@given(st.lists(PIECES, max_size=14).map("".join))
def test_nothing_is_lost_but_tags_and_the_blanks_around_them(told: str) -> None:
    """Every other character is in one of the two."""
    thought, text = read([told])
    left = [told.count(letter) - (thought + text).count(letter) for letter in 'aé`"']
    assert left == [0, 0, 0, 0]


@given(
    st.text("abx", max_size=30),
    st.lists(st.text("abx", min_size=1, max_size=4), max_size=3),
    st.lists(st.integers(0, 100), max_size=6),
)
def test_stop_sequences_at_any_boundary(told: str, stops: list[str], cuts: list[int]) -> None:
    """The text ends before the sequence that is complete first."""
    reader = StopReader(tuple(stops))
    given_ = ""
    for piece in cut_at(told.encode(), cuts):
        if not reader.found:
            given_ += reader.feed(piece.decode())
    found = [(at + len(stop), at) for stop in stops if (at := told.find(stop)) >= 0]
    assert given_ + reader.end() == (told[: min(found)[1]] if found else told)
