"""Stop sequences, which Kiro does not know: the text ends before the first of them."""

from __future__ import annotations

import attrs

__all__ = ["StopReader"]


@attrs.define
class StopReader:
    """Gives a text up to the stop sequence that is complete first; holds back what may begin one."""

    stops: tuple[str, ...] = ()
    found: bool = False
    _held: str = ""

    def feed(self, piece: str) -> str:
        """Take a piece, and give what is certain."""
        if not self.stops:
            return piece
        self._held += piece
        found = [(at + len(stop), at) for stop in self.stops if (at := self._held.find(stop)) >= 0]
        if found:
            self.found = True
            return self._take(min(found)[1])
        return self._take(len(self._held) - self._tail())

    def end(self) -> str:
        """Give what was held back."""
        return "" if self.found else self._take(len(self._held))

    def _tail(self) -> int:
        """How many characters at the end may belong to a stop sequence."""
        held = self._held
        longest = min(max(len(stop) for stop in self.stops) - 1, len(held))
        beginnings = (size for size in range(longest, 0, -1) if self._begins(held[-size:]))
        return next(beginnings, 0)

    def _begins(self, tail: str) -> bool:
        return any(stop.startswith(tail) for stop in self.stops)

    def _take(self, size: int) -> str:
        taken, self._held = self._held[:size], self._held[size:]
        return taken
