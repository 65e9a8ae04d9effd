"""Tokens: what the upstream has counted, else what can be concluded, else a guess; and which it is."""

from __future__ import annotations

import math

import attrs

from gaud_core import Usage
from gaud_provider_kiro import wire

__all__ = ["Meter"]

_CHARACTERS_PER_TOKEN = 4.0  # of English and of code, as Anthropic counts
_OTHERS_PER_TOKEN = 1.5  # of Chinese or Japanese
_LARGEST = 1 << 40


@attrs.define
class Meter:
    """Counts along with an answer; `window` is how many tokens the model takes."""

    asked: int
    """What the request is guessed to have."""
    window: int
    told: wire.TokenUsage | None = None
    percentage: float | None = None
    credits: float = 0.0
    _plain: int = 0
    _others: int = 0
    _thought: int = 0

    def say(self, text: str, *, thought: bool = False) -> None:
        """Count a piece of the answer."""
        plain = len(text.encode("ascii", "ignore"))
        self._plain += plain
        self._others += len(text) - plain
        if thought:
            self._thought += len(text)

    def spend(self, credits: float) -> None:
        """Take credits in; what is no amount is none."""
        if 0 <= credits < _LARGEST:
            self.credits += credits

    def fill(self, percentage: float | None) -> None:
        """Note how full the window is; what is no percentage says nothing."""
        if percentage is not None and 0 <= percentage < 1000:
            self.percentage = percentage

    @property
    def said(self) -> int:
        """How many tokens the answer is guessed to have so far."""
        return math.ceil(self._plain / _CHARACTERS_PER_TOKEN + self._others / _OTHERS_PER_TOKEN)

    @property
    def is_full(self) -> bool:
        """Whether the model's window is full."""
        return self.percentage is not None and self.percentage >= 100

    def usage(self) -> Usage:
        """Give what is known at the end of the answer."""
        shown = {} if self.percentage is None else {"context_usage_percentage": self.percentage}
        units = round(self.credits * 1000) if self.credits else None
        if self.told is not None:
            told = self.told
            new, cached = _count(told.uncached_input_tokens), _count(told.cache_read_input_tokens)
            entered = new + cached + _count(told.cache_write_input_tokens)
            return Usage(entered, _count(told.output_tokens), cached, milliunits=units, extra=shown)
        said = self.said
        entered = max(self._in_window() - said, 1) if self.percentage else self.asked
        thought = self._reasoning(said)
        return Usage(entered, said, 0, thought, estimated=True, milliunits=units, extra=shown)

    def _in_window(self) -> int:
        """How many tokens the window holds, the answer's too."""
        return min(round((self.percentage or 0) / 100 * self.window), _LARGEST)

    def _reasoning(self, said: int) -> int:
        characters = self._plain + self._others
        return said * self._thought // characters if characters else 0


def _count(told: int) -> int:
    return min(max(told, 0), _LARGEST)
