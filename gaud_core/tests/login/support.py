"""Time that passes when it is told to, a screen that notes what it shows, and a browser without a person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import attrs
import httpx

from gaud_core import Screen, Token

from ..loopback import NO_TLS

NOW = 1_800_000_000.0


class Time:
    """A clock in seconds since 1970, whose `sleep` moves it and takes none of the test's time."""

    def __init__(self) -> None:
        self.now = NOW
        self.slept: list[float] = []

    def __call__(self) -> float:
        """Give the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


async def never(seconds: float) -> None:
    """Wait for ever."""
    await asyncio.Event().wait()


@attrs.define(eq=False)
class Noting(Screen):
    """Keeps what it was to show; `on_wait` gets the number of each wait, `on_open` each address."""

    on_wait: Callable[[int], None] = lambda number: None
    on_open: Callable[[str], None] = lambda url: None
    answers: list[str] = attrs.field(factory=list)
    codes: list[tuple[str, str, float]] = attrs.field(factory=list)
    opened: list[str] = attrs.field(factory=list)
    said: list[str] = attrs.field(factory=list)
    asked: list[str] = attrs.field(factory=list)
    left: list[float] = attrs.field(factory=list)
    cancel: asyncio.Event = attrs.field(factory=asyncio.Event)

    def show_code(self, code: str, url: str, expires_in_secs: float) -> None:
        """Note a code."""
        self.codes.append((code, url, expires_in_secs))

    def waiting(self, left_secs: float) -> None:
        """Note a wait."""
        self.left.append(left_secs)
        self.on_wait(len(self.left))

    def open_url(self, url: str) -> None:
        """Note an address."""
        self.opened.append(url)
        self.on_open(url)

    def say(self, text: str) -> None:
        """Note a sentence."""
        self.said.append(text)

    async def ask(self, question: str) -> str:
        """Give the next of `answers`, and none after the last."""
        self.asked.append(question)
        if self.answers:
            return self.answers.pop(0)
        return await super().ask(question)

    async def cancelled(self) -> None:
        """Wait for `cancel`."""
        await self.cancel.wait()

    @property
    def shown(self) -> str:
        """All of it as one text."""
        return repr([self.codes, self.opened, self.said, self.asked])


@attrs.define(eq=False)
class Browser:
    """Follows an address like the browser of a person who agrees; `answer` is the page that he ends at."""

    tasks: set[asyncio.Task[Any]] = attrs.field(factory=set)
    answer: httpx.Response | None = None
    edit: Callable[[str], str] = lambda url: url

    def __call__(self, url: str) -> None:
        """Open an address; `edit` changes the address of the redirect."""
        task = asyncio.get_running_loop().create_task(self._follow(url))
        self.tasks.add(task)

    async def _follow(self, url: str) -> None:
        async with httpx.AsyncClient(trust_env=False, verify=NO_TLS) as http:
            sent_back = await http.get(url)
            self.answer = await http.get(self.edit(sent_back.headers["location"]))


def new_tasks(before: set[asyncio.Task[Any]]) -> set[str]:
    """Name the tasks that have come since, the servers' own apart."""
    names = {getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks() - before}
    return {name for name in names if not name.startswith("ScriptedUpstream.")}


def token(access: str = "access-test-1", refresh: str | None = "refresh-test-1", **more: Any) -> Token:
    """Make a token."""
    return Token(access, refresh, **more)
