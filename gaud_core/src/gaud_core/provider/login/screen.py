"""`Screen`: how a login talks to the person who logs in, on a terminal or on a page."""

from __future__ import annotations

import asyncio
from typing import Protocol

__all__ = ["Screen"]


class Screen(Protocol):
    """What a login may show and ask; who implements it inherits, so that later methods have a default.

    A login does not look after cancelling: whoever runs it waits for `cancelled` and ends the login's task.
    Nothing that is shown is a secret; a token never is.
    """

    def show_code(self, code: str, url: str, expires_in_secs: float) -> None:
        """Show the code that the person types in at `url`, and how long he has."""

    def waiting(self, left_secs: float) -> None:
        """Note that the login still waits for the person; called every few seconds."""

    def open_url(self, url: str) -> None:
        """Show an address and open it in a browser if there is one."""

    def say(self, text: str) -> None:
        """Show a sentence."""

    async def ask(self, question: str) -> str:
        """Give one line that the person enters; where he cannot enter any, this waits for ever."""
        await asyncio.Event().wait()
        return ""

    async def cancelled(self) -> None:
        """Come back when the person cancels; a screen without a way to do so waits for ever."""
        await asyncio.Event().wait()
