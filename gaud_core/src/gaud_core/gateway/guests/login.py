"""A login and a logout from outside of the plugin: cancelled by the person, guarded, the token kept."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from gaud_core.errors import GaudError, LoginCancelled, LoginFailed
from gaud_core.provider import LoginProvider, Screen, Token

__all__ = ["log_in", "log_out"]

_LAST_WORDS_SECS = 5.0

log = logging.getLogger("gaud.providers")


async def log_in(provider: LoginProvider[Any], screen: Screen, *, take_over: bool = False) -> None:
    """Log a person in and keep the token; LoginFailed or another GaudError says why there is none.

    With `take_over` the login of another program is taken instead, if the provider knows one.
    """
    begin = provider.take_over if take_over else provider.login
    with _guarding(provider):
        token: Any = await _unless_cancelled(begin, screen)
        if not isinstance(token, Token):
            raise TypeError(f"{begin.__name__}() gave {type(token).__name__} instead of a Token")
        await provider.tokens.save(token)


async def log_out(provider: LoginProvider[Any]) -> bool:
    """Delete the token, whatever the upstream says to it; tell whether there was one."""
    try:
        with _guarding(provider):
            await provider.logout()
    except GaudError as error:
        log.warning("%s: the upstream was not told of the logout: %s", provider.ctx.name, error)
    with _guarding(provider):
        return await provider.tokens.delete()


async def _unless_cancelled(begin: Callable[[Screen], Awaitable[Any]], screen: Screen) -> Any:
    """Wait for the login or for the person's cancelling, and leave neither behind."""
    login = asyncio.ensure_future(begin(screen))
    cancelled = asyncio.ensure_future(screen.cancelled())
    try:
        await asyncio.wait([login, cancelled], return_when=asyncio.FIRST_COMPLETED)
        if login.done():
            return login.result()
        raise LoginCancelled("The login was cancelled; nothing has changed.")
    finally:
        login.cancel()
        cancelled.cancel()
        await asyncio.wait([login, cancelled], timeout=_LAST_WORDS_SECS)


@contextlib.contextmanager
def _guarding(provider: LoginProvider[Any]) -> Iterator[None]:
    try:
        yield
    except GaudError:
        raise
    except Exception as error:  # protects the person from a traceback; the log has it
        name = provider.ctx.name
        log.exception("%s: the provider raised an exception", name)
        told = f"The provider `{name}` failed with {type(error).__name__}; Gaud's log has the details."
        raise LoginFailed(told) from error
