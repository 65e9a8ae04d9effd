"""Tables: they fit the screen, numbers end in one line, and nothing in them steers a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaud_core.cli.common import shorten, table, width_of


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A screen of 40 columns."""
    monkeypatch.setenv("COLUMNS", "40")


def test_numbers_end_in_one_line() -> None:
    """A column to the right, with its heading."""
    assert table(("NAME", "N"), [("a", "5"), ("b", "1,234")], right={1}) == (
        "NAME      N\na         5\nb     1,234"
    )


def test_the_widest_is_cut_first() -> None:
    """Only columns that may be, only as far as needed, and none below six."""
    rows = [("i" * 20, "n" * 30, "l" * 9)]
    line = table(("ID", "NAME", "LABEL"), rows, cut={1, 2}).splitlines()[1]
    assert line == f"{'i' * 20}  {'n' * 7}…  {'l' * 7}…"
    assert len(table(("ID", "NAME"), [("i" * 60, "n" * 30)], cut={1}).splitlines()[1]) == 60 + 2 + 6


def test_nothing_is_cut_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe gets all of it."""
    monkeypatch.delenv("COLUMNS")
    assert "n" * 300 in table(("NAME",), [("n" * 300,)], cut={0})


def test_what_would_steer_the_terminal_is_marked() -> None:
    """Escape, C1 controls, new lines, and marks that turn the reading direction."""
    assert table(("A",), [("\x1b[2J\x9b\n\u202ex",)]).splitlines() == ["A", "�[2J���x"]


@given(st.text(), st.integers(1, 30))
def test_a_cut_text_fits(text: str, width: int) -> None:
    """Whatever its signs are, and what fits is left as it is."""
    cut = shorten(text, width)
    assert width_of(cut) <= width
    assert cut == text or (cut.endswith("…") and text.startswith(cut[:-1]))
