"""What the tests of a login happen in: time that passes at once, a person at a screen, a token server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import attrs
import httpx

from gaud_core import LoginProvider, Screen
from gaud_core.gateway.guests.login import log_in

from .oauth import ScriptedOAuth
from .upstream import ScriptedUpstream

__all__ = ["Person", "Time", "World"]

_PATIENCE_SECS = 300.0
_NOW = 1_800_000_000.0


@attrs.define(eq=False)
class Time:
    """A clock that goes on by as much as somebody sleeps, and at once; who is patient sleeps for ever."""

    now: float = _NOW

    def __call__(self) -> float:
        """Give the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        if seconds >= _PATIENCE_SECS:
            await asyncio.Event().wait()
        self.now += seconds
        await asyncio.sleep(0)


@attrs.define(eq=False)
class Person(Screen):
    """Looks at the screen, does what it says, and remembers all of it."""

    http: httpx.AsyncClient
    decide: Callable[[], None]
    shown: list[str] = attrs.field(factory=list)
    codes: list[str] = attrs.field(factory=list)
    cancels: bool = False
    has_cancelled: asyncio.Event = attrs.field(factory=asyncio.Event)
    tasks: set[asyncio.Task[Any]] = attrs.field(factory=set)

    def show_code(self, code: str, url: str, expires_in_secs: float) -> None:
        """Keep a code."""
        self.codes.append(code)
        self.shown += [code, url]

    def waiting(self, left_secs: float) -> None:
        """Do something at last."""
        self._act()

    def open_url(self, url: str) -> None:
        """Follow an address, unless there is a code to type in."""
        self.shown.append(url)
        if self.cancels:
            self._act()
        elif not self.codes:
            self.tasks.add(asyncio.get_running_loop().create_task(self._follow(url)))

    def say(self, text: str) -> None:
        """Keep a sentence."""
        self.shown.append(text)

    async def cancelled(self) -> None:
        """Wait for the person to cancel."""
        await self.has_cancelled.wait()

    def _act(self) -> None:
        if self.cancels:
            self.has_cancelled.set()
        else:
            self.decide()

    async def _follow(self, url: str) -> None:
        sent_back = await self.http.get(url)
        if "location" in sent_back.headers:
            await self.http.get(sent_back.headers["location"])


@attrs.define(eq=False)
class World:
    """A provider that nobody has started, its token server, its upstream, and a person at a screen."""

    provider: LoginProvider[Any]
    oauth: ScriptedOAuth
    upstream: ScriptedUpstream
    person: Person

    async def logged_in(self) -> None:
        """Log in."""
        await log_in(self.provider, self.person)

    async def ended(self) -> None:
        """Let the token have ended long ago."""
        token = await asyncio.to_thread(self.provider.tokens.load)
        assert token is not None
        await self.provider.tokens.save(attrs.evolve(token, expires_at=1.0))

    def secrets(self) -> list[str]:
        """All tokens that the server has given out."""
        return self.oauth.given
