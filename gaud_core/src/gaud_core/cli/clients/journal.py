"""What Gaud has written into files of clients, and what was there before, so that it can be undone."""

from __future__ import annotations

import difflib
import hashlib
import json
from pathlib import Path
from typing import Any

import attrs

from gaud_core.cli.clients.formats import readable
from gaud_core.cli.clients.targets import Target
from gaud_core.errors import GaudError

__all__ = ["Entry", "Journal"]

_MOST_LINES = 5000  # comparing two texts takes the product of their lengths


@attrs.frozen(kw_only=True)
class Entry:
    """One file: its text before, and the text that Gaud wrote; None is no file.

    Of a text that holds a key only the digest is kept.
    """

    path: str
    form: str
    before: str | None
    mode: int
    digest: str
    after: str | None = None

    @classmethod
    def of(cls, path: Path, form: str, mode: int, before: str | None, after: str, *, keyed: bool) -> Entry:
        """Make the entry of a file that is about to be written."""
        return cls(
            path=str(path),
            form=form,
            before=before,
            mode=mode,
            digest=_digest(after),
            after=None if keyed else after,
        )

    def is_state(self, text: str | None) -> bool:
        """Whether this is the text that Gaud wrote."""
        return text is not None and _digest(text) == self.digest

    def original(self, now: str | None) -> str | None:
        """The text as it would be without Gaud's lines; GaudError if that cannot be told any more."""
        if self.is_state(now):
            return self.before
        undone = _undone(self.after, self.before or "", now) if self.after and now else None
        if undone is None or not readable(undone, self.form):
            raise GaudError(
                f"{self.path} has changed since Gaud wrote it, where Gaud wrote. Take the lines out by hand: "
                "`gaud connect NAME --print` shows them."
            )
        return undone


@attrs.frozen
class Journal:
    """The entries of one client, in a file that only its owner reads."""

    path: Path

    @classmethod
    def of(cls, client: str) -> Journal:
        """The journal of a client, in the platform's folder for the state of programs."""
        import platformdirs

        return cls(platformdirs.user_state_path("gaud", appauthor=False) / "connect" / f"{client}.json")

    def entries(self) -> list[Entry]:
        """What was written and not yet undone."""
        try:
            rows: Any = json.loads(self.path.read_text(encoding="utf-8"))
            return [Entry(**row) for row in rows]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, RecursionError):
            raise GaudError(
                f"{self.path} cannot be read, in which Gaud keeps how the files were before. Delete it, and "
                "Gaud forgets that it has changed them."
            ) from None

    def save(self, entries: list[Entry]) -> None:
        """Keep these; none at all removes the file."""
        target = Target(self.path, self.path, None)
        if entries:
            target.write(json.dumps([attrs.asdict(entry) for entry in entries]), 0o600)
        else:
            target.remove()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _undone(after: str, before: str, now: str) -> str | None:
    """Take the step from `before` to `after` back in a text that others have changed; None if they touch."""
    ours, old, lines = (text.splitlines(keepends=True) for text in (after, before, now))
    if max(len(ours), len(old), len(lines)) > _MOST_LINES:
        return None
    kept = difflib.SequenceMatcher(None, ours, lines, autojunk=False).get_matching_blocks()
    steps = difflib.SequenceMatcher(None, ours, old, autojunk=False).get_opcodes()
    for what, start, end, old_start, old_end in reversed(steps):
        if what == "equal":
            continue
        block = next((b for b in kept if b.a <= start and end <= b.a + b.size), None)
        if block is None:
            return None
        at = block.b - block.a
        lines[start + at : end + at] = old[old_start:old_end]
    return "".join(lines)
