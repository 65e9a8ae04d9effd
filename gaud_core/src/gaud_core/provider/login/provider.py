"""`LoginProvider`: a provider whose credentials come from a login and are renewed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import ClassVar, TypeVar

from gaud_core.call import Reply
from gaud_core.errors import LoginFailed, LoginNeeded, UpstreamRefused
from gaud_core.provider.base import Provider
from gaud_core.provider.login.browser import PKCEFlow, pkce
from gaud_core.provider.login.device import DeviceFlow, device_code
from gaud_core.provider.login.screen import Screen
from gaud_core.provider.login.store import TokenStore
from gaud_core.provider.login.token import Token

__all__ = ["LoginProvider"]

S = TypeVar("S")


class LoginProvider(Provider[S]):
    """Put it before the class that makes the calls: `class Acme(LoginProvider[A], HTTPProvider[A])`.

    An author writes `login`, and `renew` if tokens end; a call goes through `with_token`, or takes
    `await self.token()`. `login` also runs on a provider that was not started, and may be cancelled at any
    `await`.
    """

    refused_with: ClassVar[frozenset[int]] = frozenset({401})
    """The statuses by which the upstream says that it does not take the token any more."""

    clock: Callable[[], float] = staticmethod(time.time)
    """Gives seconds since 1970; tests put another one here."""
    sleep: Callable[[float], Awaitable[object]] = staticmethod(asyncio.sleep)
    """How a login waits; tests put something quicker here."""

    @cached_property
    def tokens(self) -> TokenStore:
        """Where the token is kept: `token.json` in the instance's folder."""
        store = TokenStore.of(self.ctx)
        store.clock = self.clock
        return store

    async def login(self, screen: Screen) -> Token:
        """Log a person in and give his token, which the caller keeps; LoginFailed says why there is none."""
        raise NotImplementedError(f"{type(self).__name__} does not define login()")

    async def take_over(self, screen: Screen) -> Token:
        """Give the login of another program on this machine; it runs only when the person asks for that."""
        raise LoginFailed(f"`{self.ctx.name}` knows no other program whose login it could take over.")

    async def renew(self, token: Token) -> Token:
        """Give a new token for an old one; what it leaves out is taken from the old one."""
        hint = f"Log in again: gaud login {self.ctx.name}"
        raise LoginNeeded(f"The token of `{self.ctx.name}` has ended.", hint=hint)

    async def logout(self) -> None:
        """Tell the upstream that the token is not needed any more; the caller deletes it, come what may."""

    async def token(self, *, refused: Token | None = None) -> Token:
        """Give the token for a call; `refused` is one that the upstream has just answered 401 to."""
        return await self.tokens.fresh(self.renew, force_if=refused)

    async def with_token(self, do: Callable[[Token], Awaitable[Reply]]) -> Reply:
        """Do a call with the token; if the upstream refuses that, once more with a new one.

        A refusal is an answer, or an UpstreamRefused, with a status of `refused_with`: it says that the call
        was not executed, so repeating it costs nothing.
        """
        token = await self.token()
        try:
            reply = await do(token)
        except UpstreamRefused as refusal:
            if refusal.http_status not in self.refused_with:
                raise
            new = await self.token(refused=token)
            if new.access_token == token.access_token:
                raise
            return await do(new)
        if reply.status not in self.refused_with:
            return reply
        try:
            new = await self.token(refused=token)
        except BaseException:
            await reply.aclose()
            raise
        if new.access_token == token.access_token:
            return reply
        await reply.aclose()
        return await do(new)

    async def by_device_code(self, screen: Screen, flow: DeviceFlow) -> Token:
        """Log in by a code on the screen (RFC 8628)."""
        return await device_code(self.ctx.http(), screen, flow, clock=self.clock, sleep=self.sleep)

    async def by_browser(self, screen: Screen, flow: PKCEFlow) -> Token:
        """Log in in the browser (RFC 7636)."""
        return await pkce(self.ctx.http(), screen, flow, clock=self.clock, sleep=self.sleep)

    async def stop(self) -> None:
        """Let a renewal that is under way end."""
        await self.tokens.aclose()
        await super().stop()
