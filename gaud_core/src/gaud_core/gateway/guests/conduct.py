"""What a provider has done that no guest should: kept for `/health`, a line for each kind of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Literal

import attrs

__all__ = ["Conduct", "Kind", "Note"]

Kind = Literal["crash", "blocked", "leaked"]


@attrs.frozen
class Note:
    """A kind of misconduct: the last case of it in a sentence, how many there were, when the last one was."""

    kind: Kind
    message: str
    count: int
    at: float


@attrs.frozen
class Conduct:
    """The notes on one provider; as many as there are kinds and methods, however often it happens."""

    clock: Callable[[], float] = time.time
    _notes: dict[tuple[Kind, str], Note] = attrs.field(factory=dict)

    @property
    def notes(self) -> Mapping[tuple[Kind, str], Note]:
        """What there is, by kind and method."""
        return dict(self._notes)  # a copy: the watch over the event loop notes from its own thread

    def note(self, kind: Kind, message: str, method: str = "") -> None:
        """Keep a case."""
        before = self._notes.get((kind, method))
        self._notes[kind, method] = Note(kind, message, before.count + 1 if before else 1, self.clock())
