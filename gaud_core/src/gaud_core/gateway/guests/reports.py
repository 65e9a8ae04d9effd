"""Tells of a blocked event loop: each place once in the log, each case in the notes on its provider."""

from __future__ import annotations

import logging
from collections.abc import Hashable

import attrs

from gaud_core.gateway.guests.blame import Suspect
from gaud_core.gateway.guests.guard import Guard
from gaud_core.gateway.guests.loop_watch import LIMIT_SECS, Block

__all__ = ["BlockReports"]

_PLACES_KEPT = 1000
_CURE = "What waits should be awaited, what computes be given to asyncio.to_thread()."

log = logging.getLogger("gaud.providers")


@attrs.frozen
class BlockReports:
    """Hears of blocks, in the thread of the watch; names a provider only if its code alone was at work."""

    _told: set[Hashable] = attrs.field(factory=set)

    def __call__(self, block: Block) -> None:
        """Tell of a block."""
        seen = block.suspect
        if seen is not None and seen.owners and block.secs - block.stood_still > LIMIT_SECS:
            for guard in seen.owners:
                self._accuse(guard, seen, block)
        elif block.stood_still * 2 > block.secs:
            why = "the process stood still: stopped, short of CPU time, or collecting garbage"
            self._log("stood still", "the event loop was blocked for %.2f s: %s", block.secs, why)
        else:
            where = seen.line if seen else "many places"
            told = "the event loop was blocked for %.2f s, by no provider's code; it was seen at %s"
            self._log(where, told, block.secs, where)

    def _accuse(self, guard: Guard, seen: Suspect, block: Block) -> None:
        what = f"held up the event loop, and with it every call, for {block.secs:.2f} s"
        what += f"{' and still does' if block.lasts else ''} at {seen.line}."
        if not block.lasts:  # its end will be told as well
            guard.conduct.note("blocked", what)
        self._log((guard.name, seen.line), "%s: the provider %s %s", guard.name, what, _CURE)

    def _log(self, place: Hashable, told: str, *words: object) -> None:
        if place not in self._told and len(self._told) < _PLACES_KEPT:
            self._told.add(place)
            log.warning(told, *words)
