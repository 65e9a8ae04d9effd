"""A login's screen on a terminal; on a pipe or in a log it says each thing once."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import webbrowser
from collections.abc import Callable, Mapping
from typing import TextIO

import attrs

from gaud_core.provider import Screen

__all__ = ["Terminal"]

_LONGEST_LINE = 1 << 14
_CLEAR = "\r\x1b[K"
_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"


@attrs.define(eq=False)
class Terminal(Screen):
    """Writes to `out`; Ctrl-C cancels the login's task, so there is no other way to cancel."""

    out: TextIO = attrs.field(factory=lambda: sys.stdout)
    environ: Mapping[str, str] = attrs.field(factory=lambda: os.environ)
    browse: Callable[[str], object] = webbrowser.open
    read_from: int = 0
    _counting: bool = False
    _told: bool = False

    def show_code(self, code: str, url: str, expires_in_secs: float) -> None:
        """Show the code in a box."""
        shown = _printable(code)
        edge, blank = "+" + "-" * (len(shown) + 8) + "+", "|" + " " * (len(shown) + 8) + "|"
        bold, plain = (_BOLD, _PLAIN) if self._is_terminal else ("", "")
        box = [edge, blank, f"|    {bold}{shown}{plain}    |", blank, edge]
        self.say(f"Open this address and enter the code:\n\n    {_printable(url)}\n")
        self.say("\n".join(f"    {line}" for line in box) + "\n", clean=False)
        if not self._is_terminal:
            self.say(f"The code can be used for {_duration(expires_in_secs)}.")

    def waiting(self, left_secs: float) -> None:
        """Count down in one line that is written anew; say it once where lines cannot be."""
        if self._is_terminal:
            self._write(f"{_CLEAR}Waiting for you: {_duration(left_secs)} left. Ctrl-C cancels.")
            self._counting = True
        elif not self._told:
            self._told = True
            self.say("Waiting for you.")

    def open_url(self, url: str) -> None:
        """Show an address; open it when a person sits at a desktop."""
        self.say(f"Open this address in your browser:\n\n    {_printable(url)}\n")
        if self._is_terminal and self._has_desktop:
            threading.Thread(target=self.browse, args=[url], name="browser", daemon=True).start()

    def say(self, text: str, *, clean: bool = True) -> None:
        """Show a sentence, in a line of its own."""
        self.end_line()
        self._write((_printable(text, "\n") if clean else text) + "\n")

    def end_line(self) -> None:
        """Leave the line that counts down."""
        if self._counting:
            self._counting = False
            self._write(_CLEAR)

    async def ask(self, question: str) -> str:
        """Read a line, without a hold on the end of the program; wait for ever where nobody can write."""
        self.say(question)
        if not os.isatty(self.read_from):
            await asyncio.Event().wait()
        loop = asyncio.get_running_loop()
        line: asyncio.Future[str] = loop.create_future()
        threading.Thread(target=self._read, args=[loop, line], name="keyboard", daemon=True).start()
        return await line

    def _read(self, loop: asyncio.AbstractEventLoop, line: asyncio.Future[str]) -> None:
        """Read without Python's buffer, whose lock would not let the program end."""
        text = b""
        while not text.endswith(b"\n") and len(text) < _LONGEST_LINE:
            piece = os.read(self.read_from, _LONGEST_LINE)
            if not piece:
                return  # the person has closed the input
            text += piece
        if not loop.is_closed():
            loop.call_soon_threadsafe(_give, line, text.decode("utf-8", "replace").strip())

    @property
    def _is_terminal(self) -> bool:
        return self.out.isatty()

    @property
    def _has_desktop(self) -> bool:
        """Whether a browser would open a window of its own, and not take the terminal."""
        if sys.platform in {"darwin", "win32"}:
            return "SSH_CONNECTION" not in self.environ
        return any(self.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))

    def _write(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()


def _give(line: asyncio.Future[str], text: str) -> None:
    if not line.done():
        line.set_result(text)


def _printable(text: str, kept: str = "") -> str:
    """Leave out what could command the terminal: some texts come from a server."""
    return "".join(character for character in text if character.isprintable() or character in kept)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes}:{rest:02d} minutes" if minutes else f"{rest} seconds"
