"""Thinking that a model writes into its text between tags, and the tags that ask for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import attrs

__all__ = ["BUDGETS", "ThinkingReader", "asking_to_think", "with_thought"]

BUDGETS: Final = {"minimal": 1024, "low": 4000, "medium": 16000, "high": 32000, "xhigh": 32000}
"""Tokens for each `reasoning_effort`."""

_NAMES = ("thinking", "think", "reasoning", "thought")
_OPENINGS = tuple(f"<{name}>" for name in _NAMES)
_QUOTES = "\"'`"
_NEWLINES = re.compile(r"\n{0,2}")


def asking_to_think(effort: str) -> str:
    """The words that ask a model to think, for the instructions."""
    most = BUDGETS.get(effort, BUDGETS["medium"])
    return f"<thinking_mode>enabled</thinking_mode><max_thinking_length>{most}</max_thinking_length>"


def with_thought(thought: str, text: str) -> str:
    """An earlier answer as the model has written it."""
    return f"<thinking>{thought}</thinking>\n\n{text}"


@attrs.define
class ThinkingReader:
    """Parts thoughts from text, wherever the pieces are cut; gives each with whether it is a thought.

    Thoughts stand at the beginning of an answer, one after the other. Later tags are text: an answer about
    HTML must stay as it is. Within a thought, a closing tag in quotes does not close it.
    """

    _held: str = ""
    _closing: str = ""
    """The tag that ends the thought; empty outside of one."""
    _over: bool = False
    """Whether the text has begun, after which no thought comes."""
    _before: str = ""
    """The character before what is held, within a thought."""
    _newlines: bool = False
    """Whether the newlines after a thought are still to be left out."""

    def feed(self, piece: str) -> Iterator[tuple[bool, str]]:
        """Take a piece, and give what it makes certain."""
        self._held += piece
        yield from self._settle(last=False)

    def end(self) -> Iterator[tuple[bool, str]]:
        """Give the rest: an unfinished tag is text, and an unfinished thought is a thought."""
        yield from self._settle(last=True)

    def _settle(self, *, last: bool) -> Iterator[tuple[bool, str]]:
        while self._held:
            if self._closing:
                given, goes_on = self._thought(last=last)
                if given:
                    yield True, given
            else:
                given, goes_on = self._text(last=last)
                if given:
                    yield False, given
            if not goes_on:
                return

    def _text(self, *, last: bool) -> tuple[str, bool]:
        """Give text that is certain, and whether what is left can be looked at now."""
        if self._over:
            return self._take(len(self._held)), False
        if self._newlines:
            return "", self._skip_newlines(last=last)
        begun = self._held.lstrip()
        opening = next((tag for tag in _OPENINGS if begun.startswith(tag)), "")
        if opening:
            self._take(len(self._held) - len(begun) + len(opening))
            self._closing, self._before = opening.replace("<", "</"), ">"
            return "", True
        if not last and any(tag.startswith(begun) for tag in _OPENINGS):
            return "", False
        self._over = True
        return "", True

    def _thought(self, *, last: bool) -> tuple[str, bool]:
        at = -1
        while (at := self._held.find(self._closing, at + 1)) >= 0:
            after = at + len(self._closing)
            if after == len(self._held) and not last:
                return self._within(at), False  # a quote may follow
            if self._is_quoted(at, after):
                continue
            thought = self._take(at)
            self._take(len(self._closing))
            self._closing, self._newlines = "", True
            return thought, True
        certain = len(self._held) if last else len(self._held) - self._tail()
        return self._within(certain), False

    def _is_quoted(self, at: int, after: int) -> bool:
        before = self._held[at - 1 : at] if at else self._before
        behind = self._held[after : after + 1]
        return before == behind and bool(before) and before in _QUOTES

    def _tail(self) -> int:
        """How many characters at the end may belong to the closing tag."""
        longest = min(len(self._closing) - 1, len(self._held))
        sizes = (size for size in range(longest, 0, -1) if self._closing.startswith(self._held[-size:]))
        return next(sizes, 0)

    def _within(self, size: int) -> str:
        """Take a part of a thought, and remember its last character."""
        taken = self._take(size)
        self._before = taken[-1:] or self._before
        return taken

    def _skip_newlines(self, *, last: bool) -> bool:
        found = _NEWLINES.match(self._held)
        size = found.end() if found else 0
        if size == len(self._held) < 2 and not last:
            return False
        self._take(size)
        self._newlines = False
        return True

    def _take(self, size: int) -> str:
        taken, self._held = self._held[:size], self._held[size:]
        return taken
