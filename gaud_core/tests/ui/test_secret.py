"""The secret of the sessions: one for all workers, for its owner only."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gaud_core.errors import BooksClosed
from gaud_core.ui.secret import FILE, signing_secret


def test_it_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    """The second time it is read, and nobody else may."""
    first = signing_secret(tmp_path / "data")
    assert len(first) == 32
    assert signing_secret(tmp_path / "data") == first
    assert stat.S_IMODE((tmp_path / "data" / FILE).stat().st_mode) == 0o600


def test_workers_that_start_at_once_agree(tmp_path: Path) -> None:
    """Whoever comes second takes what the first has made, and nothing else is left behind."""
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: signing_secret(tmp_path), range(64)))
    assert len(found) == 1
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("damaged", ["", "not hex", "abcd"])
def test_a_damaged_one_is_told(tmp_path: Path, damaged: str) -> None:
    """It is not replaced behind the back of a worker that has read it before; the cure is said."""
    (tmp_path / FILE).write_text(damaged)
    with pytest.raises(BooksClosed, match="delete it"):
        signing_secret(tmp_path)
    assert (tmp_path / FILE).read_text() == damaged


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """In a sentence that names the file."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BooksClosed, match=FILE):
        signing_secret(tmp_path / "file")
