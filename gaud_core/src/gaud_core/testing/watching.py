"""Watches an event loop: how late it was at worst, and which line held it up."""

from __future__ import annotations

import asyncio
import traceback
from types import FrameType, TracebackType
from typing import Any, Self

from gaud_core.gateway.guests.blame import Suspect
from gaud_core.gateway.guests.loop_watch import Block
from gaud_core.gateway.guests.loop_watch import LoopWatch as GatewayWatch

__all__ = ["LoopWatch"]

_LINES_SHOWN = 6


class LoopWatch:
    """While the block runs, `worst` is the longest time in seconds that code held up the running loop.

    `culprit` is the stack of the loop's thread in that time, innermost line last. It is the gateway's own
    watch, so a machine that is busy with something else is not taken for a provider that blocks.
    """

    def __init__(self) -> None:
        self.worst = 0.0
        self.culprit = ""
        self._watch = GatewayWatch(_stack, self._tell)

    async def __aenter__(self) -> Self:
        self._watch.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.beat()
        self._watch.stop()
        self._watch.check()  # what has held up the loop just now

    def _tell(self, block: Block) -> None:
        secs = block.secs - block.stood_still
        if secs > self.worst:
            self.worst, self.culprit = secs, block.suspect.line if block.suspect else ""


def _stack(frame: FrameType, task: asyncio.Task[Any] | None) -> Suspect:
    """Show the stack; whose it is does not matter where only one provider runs."""
    return Suspect((), "".join(traceback.format_stack(frame)[-_LINES_SHOWN:]))
