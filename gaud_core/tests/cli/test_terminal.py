"""A login's screen on a terminal and on a pipe."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import threading
from collections.abc import Iterator

import pytest

from gaud_core.cli.terminal import Terminal

pytestmark = pytest.mark.anyio


class TTY(io.StringIO):
    """Text that says that it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture
def anyio_backend() -> str:
    """Screens live in asyncio."""
    return "asyncio"


@pytest.fixture
def keyboard() -> Iterator[tuple[int, int]]:
    """The two ends of a pseudo-terminal: where a person types, and where the program reads."""
    person, program = pty.openpty()
    yield person, program
    os.close(person)
    os.close(program)


def _terminal(out: io.StringIO, **environ: str) -> tuple[Terminal, list[str]]:
    opened: list[str] = []
    return Terminal(out, environ, opened.append), opened


def test_code_on_a_terminal() -> None:
    """In a box, bold, in one piece, so that it can be copied; the address is above it."""
    out = TTY()
    _terminal(out)[0].show_code("TEST-0001", "https://acme.test/enter", 900)
    text = out.getvalue()
    assert "\n    https://acme.test/enter\n" in text
    assert "|    \x1b[1mTEST-0001\x1b[0m    |" in text
    assert "|                 |" in text


def test_code_on_a_pipe() -> None:
    """Without colours, and with the time, since there is no countdown."""
    out = io.StringIO()
    _terminal(out)[0].show_code("TEST-0001", "https://acme.test/enter", 900)
    assert "|    TEST-0001    |" in out.getvalue()
    assert "The code can be used for 15:00 minutes." in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_countdown_on_a_terminal() -> None:
    """One line, which is written anew, and gone when something else is said."""
    out = TTY()
    screen, _ = _terminal(out)
    screen.waiting(895)
    screen.waiting(59.6)
    screen.say("Done.")
    assert out.getvalue() == (
        "\r\x1b[KWaiting for you: 14:55 minutes left. Ctrl-C cancels."
        "\r\x1b[KWaiting for you: 1:00 minutes left. Ctrl-C cancels."
        "\r\x1b[KDone.\n"
    )


def test_countdown_on_a_pipe() -> None:
    """It is said once, however long it takes."""
    out = io.StringIO()
    screen, _ = _terminal(out)
    for left in range(900, 0, -5):
        screen.waiting(left)
    assert out.getvalue() == "Waiting for you.\n"


def test_nothing_commands_the_terminal() -> None:
    """What a server says is shown without control characters."""
    out = io.StringIO()
    screen, _ = _terminal(out)
    screen.show_code("A\x1b[2JB", "https://acme.test/\x1b]0;x\x07\x9b", 60)
    screen.say("one\ntwo\x1b[2J")
    screen.open_url("https://acme.test/\r\x1b[K")
    assert not set(out.getvalue()) & set("\x1b\x07\x9b\r")
    assert "one\ntwo" in out.getvalue()


@pytest.mark.parametrize(
    ("out", "environ", "opens"),
    [
        (TTY, {"DISPLAY": ":0"}, True),
        (TTY, {"WAYLAND_DISPLAY": "w"}, True),
        (TTY, {}, False),
        (io.StringIO, {"DISPLAY": ":0"}, False),
    ],
)
def test_browser(
    monkeypatch: pytest.MonkeyPatch, out: type[io.StringIO], environ: dict[str, str], opens: bool
) -> None:
    """It is opened where a person sits before a desktop; the address is shown everywhere."""
    monkeypatch.setattr("sys.platform", "linux")
    text = out()
    screen, opened = _terminal(text, **environ)
    screen.open_url("https://acme.test/authorize?x=1")
    for thread in threading.enumerate():
        if thread.name == "browser":
            thread.join(5)
    assert opened == (["https://acme.test/authorize?x=1"] if opens else [])
    assert "\n    https://acme.test/authorize?x=1\n" in text.getvalue()


async def test_ask(keyboard: tuple[int, int]) -> None:
    """A line that the person types; a question before it."""
    out = TTY()
    screen, _ = _terminal(out)
    screen.read_from = keyboard[1]
    asking = asyncio.create_task(screen.ask("Paste it:"))
    os.write(keyboard[0], "  http://127.0.0.1/?code=ü \n".encode())
    assert await asyncio.wait_for(asking, 5) == "http://127.0.0.1/?code=ü"
    assert out.getvalue() == "Paste it:\n"


async def test_ask_without_a_keyboard() -> None:
    """It waits, and does not take an empty input for an answer."""
    screen, _ = _terminal(io.StringIO())
    null = os.open(os.devnull, os.O_RDONLY)
    screen.read_from = null
    asking = asyncio.create_task(screen.ask("Paste it:"))
    done, _ = await asyncio.wait([asking], timeout=0.02)
    assert not done
    asking.cancel()
    os.close(null)
