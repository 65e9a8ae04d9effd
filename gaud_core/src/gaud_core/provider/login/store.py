"""`TokenStore`: one token for all who need it, renewed early, and once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from gaud_core.errors import (
    ApiError,
    LoginNeeded,
    TokenFileError,
    Unavailable,
    UpstreamRefused,
    UpstreamTimeout,
    brief,
)
from gaud_core.provider.base import Context
from gaud_core.provider.login.file import Signature, TokenFile
from gaud_core.provider.login.lock import locked
from gaud_core.provider.login.token import Token, fields_of, token_of

__all__ = ["Renew", "TokenStore"]

Renew = Callable[[Token], Awaitable[Token]]

_MARGIN_SECS = 300.0
_ENOUGH_SECS = 30.0
_RENEWAL_SECS = 30.0
_FIRST_PAUSE_SECS = 5.0
_LAST_PAUSE_SECS = 60.0
_FORCED_MOST, _FORCED_SECS = 3, 60.0
_STOP_SECS = 5.0

log = logging.getLogger("gaud.providers")


@attrs.frozen
class _Failure:
    """A renewal that failed: with which token, why, and until when nobody tries again."""

    token: Token
    error: Exception
    since: float
    pause: float

    def holds(self, token: Token, now: float) -> bool:
        """Whether it still stands for a token; a clock that was set back does not make it last."""
        return token == self.token and 0 <= now - self.since < self.pause


@attrs.define(eq=False)
class TokenStore:
    """The token of one instance, in a file of its own that other processes may share and change.

    `name` is the instance's, for messages; `TokenStore.of(ctx)` knows both. `clock` gives seconds since 1970.
    The file has mode 0600 and is replaced in one step; `read` and `write` spell the members of a file that
    belongs to another program.
    """

    path: Path
    name: str = ""
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    read: Callable[[Mapping[str, Any]], Token] = token_of
    write: Callable[[Token], Mapping[str, Any]] = fields_of

    _file: TokenFile = attrs.field(init=False)
    _known: Token | None = attrs.field(init=False, default=None)
    _state: Signature | None = attrs.field(init=False, default=None)
    _renewal: asyncio.Task[Token] | None = attrs.field(init=False, default=None)
    _failure: _Failure | None = attrs.field(init=False, default=None)
    _told: str = attrs.field(init=False, default="")
    _forced: deque[float] = attrs.field(init=False, factory=lambda: deque(maxlen=_FORCED_MOST))

    def __attrs_post_init__(self) -> None:
        cure = f"Delete the file, then: {self._command}" if self.name else "Delete the file and log in again."
        self._file = TokenFile(self.path, cure, self.read, self.write)

    @classmethod
    def of(cls, ctx: Context) -> TokenStore:
        """Give the store of an instance: `token.json` in its own folder."""
        return cls(ctx.data_dir / "token.json", ctx.name)

    def load(self) -> Token | None:
        """Read the file; None without one, TokenFileError if it is broken. It blocks."""
        return self._file.load()[0]

    async def save(self, token: Token, *, unless: Callable[[Token], bool] | None = None) -> bool:
        """Put a token in the place of the one that is there; a renewal that is under way ends first.

        `unless` is asked about the one that is there, while no other process can change it: with True nothing
        is written. Tell whether the token was written.
        """
        async with locked(self.path, self.sleep):
            if unless is not None:
                there = await asyncio.to_thread(self._there)
                if there is not None and unless(there):
                    return False
            await asyncio.to_thread(self._file.save, token)
            return True

    async def delete(self) -> bool:
        """Remove the token, also a broken one; tell whether there was one."""
        async with locked(self.path, self.sleep):
            return await asyncio.to_thread(self._file.delete)

    async def fresh(
        self, renew: Renew, *, margin_secs: float = _MARGIN_SECS, force_if: Token | None = None
    ) -> Token:
        """Give a token that holds; one that ends within `margin_secs` is renewed meanwhile with `renew`.

        However many ask at once, in however many processes, one of them renews. A token that the upstream
        has refused goes into `force_if`: it is renewed unless somebody has done so since. `renew` takes the
        old token and gives the new one; it is left alone for 5 to 60 s after it has failed, and whoever
        needs it meanwhile gets the same error. LoginNeeded if there is no token, or no way to renew it.
        """
        for _ in range(3):  # a renewal that others began may have another purpose
            token = await self._current()
            refused = _same(token, force_if)
            if not refused and token.good_for(margin_secs, self.clock()):
                return token
            enough = not refused and token.good_for(min(margin_secs, _ENOUGH_SECS), self.clock())
            try:
                mine = self._begin(token, renew, margin_secs, force_if)
                if enough or self._renewal is None:
                    return token
                given = await asyncio.shield(self._renewal)  # who stops waiting does not stop it
            except Exception:  # protects calls from a renewal that came early and failed
                if not refused and token.good_for(0, self.clock()):
                    return token
                raise
            if mine or not _same(given, force_if):
                return given
        return token

    async def aclose(self) -> None:
        """Let a renewal that is under way come to its end, or end it after 5 s."""
        if self._renewal is not None and not self._renewal.done():
            _, late = await asyncio.wait([self._renewal], timeout=_STOP_SECS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    @property
    def _command(self) -> str:
        return f"gaud login {self.name}".strip()

    def _there(self) -> Token | None:
        """Read the token; one that cannot be read is not worth keeping."""
        try:
            return self.load()
        except TokenFileError:
            return None

    async def _current(self) -> Token:
        """Give the token as it is in the file now; looking whether that has changed takes microseconds."""
        state = self._file.signature()
        if state is None:
            self._known = None
        elif self._known is None or state != self._state:
            self._known, self._state = await self._read()
        if self._known is None:
            who = f"`{self.name}`" if self.name else "this provider"
            raise LoginNeeded(f"Nobody has logged in at {who}.", hint=f"Run: {self._command}")
        return self._known

    async def _read(self) -> tuple[Token | None, Signature | None]:
        try:
            return await asyncio.to_thread(self._file.load)
        except TokenFileError as error:
            if str(error) != self._told:
                self._told = str(error)
                log.error("%s: %s", self.name, error)  # noqa: TRY400 - the sentence says it all
            who = f"`{self.name}`" if self.name else "this provider"
            message = f"The stored token of {who} cannot be used; Gaud's log names the file and the cure."
            raise LoginNeeded(message, hint=f"Log in again: {self._command}") from None

    def _begin(self, token: Token, renew: Renew, margin_secs: float, force_if: Token | None) -> bool:
        """Begin a renewal unless one is under way, and tell whether; the last failure may still stand."""
        if self._renewal is not None and not self._renewal.done():
            return False
        self._renewal = None
        if self._failure is not None and self._failure.holds(token, self.clock()):
            raise self._failure.error.with_traceback(None)
        if not _same(token, force_if) or self._may_force():
            work = self._renew_alone(renew, margin_secs, force_if)
            self._renewal = asyncio.create_task(work, name=f"renewal of the token of {self.name}")
            self._renewal.add_done_callback(_seen)
        return True

    def _may_force(self) -> bool:
        """Whether the upstream has not been refusing one new token after the other."""
        now = self.clock()
        if len(self._forced) == _FORCED_MOST and 0 <= now - self._forced[0] < _FORCED_SECS:
            return False
        self._forced.append(now)
        return True

    async def _renew_alone(self, renew: Renew, margin_secs: float, force_if: Token | None) -> Token:
        token = None
        try:
            async with locked(self.path, self.sleep):
                token = await self._current()
                if not _same(token, force_if) and token.good_for(margin_secs, self.clock()):
                    return token  # another process was quicker
                new = token.renewed(await self._ask(renew, token))
                await self._keep(new)
        except Exception as error:  # told to all who wait, and once to the log
            told = self._in_words(error)
            self._note(token or self._known, told)
            if told is error:
                raise
            raise told from error
        self._failure = None
        return new

    async def _ask(self, renew: Renew, token: Token) -> Token:
        try:
            async with asyncio.timeout(_RENEWAL_SECS):
                new = await renew(token)
        except TimeoutError:
            raise UpstreamTimeout(f"The token was not renewed within {_RENEWAL_SECS:g} s.") from None
        if not isinstance(new, Token):
            raise TypeError(f"renew() gave {type(new).__name__} instead of a Token")
        return new

    async def _keep(self, token: Token) -> None:
        """Write the token; if that fails it is used all the same, because the old one may be dead now."""
        try:
            self._state = await asyncio.to_thread(self._file.save, token)
        except TokenFileError as error:
            log.error("%s: the renewed token is lost when Gaud stops: %s", self.name, error)  # noqa: TRY400
            self._state = self._file.signature()
        self._known = token

    def _in_words(self, error: Exception) -> Exception:
        """Turn a refusal into what cures it: nobody but a person gets another token then."""
        if isinstance(error, TokenFileError):
            message = f"The token of `{self.name}` cannot be renewed; Gaud's log names the file and the cure."
            return Unavailable(message, retry_after=5)
        final = isinstance(error, UpstreamRefused) and error.http_status in {400, 401}
        if not final or isinstance(error, LoginNeeded):
            return error
        message = f"The token of `{self.name}` is not renewed any more: {error}"
        return LoginNeeded(message, hint=f"Log in again: {self._command}")

    def _note(self, token: Token | None, error: Exception) -> None:
        trace = None if isinstance(error, ApiError) else error
        log.warning("%s: the token was not renewed: %s", self.name, brief(error), exc_info=trace)
        before = self._failure
        if token is not None:
            again = before is not None and before.token == token
            pause = min(before.pause * 2, _LAST_PAUSE_SECS) if before and again else _FIRST_PAUSE_SECS
            self._failure = _Failure(token, error.with_traceback(None), self.clock(), pause)


def _same(token: Token, refused: Token | None) -> bool:
    return refused is not None and token.access_token == refused.access_token


def _seen(task: asyncio.Task[Token]) -> None:
    """Look at the outcome of a renewal for which nobody waits any more."""
    if not task.cancelled():
        task.exception()
