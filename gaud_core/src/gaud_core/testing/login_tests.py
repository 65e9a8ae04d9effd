"""`LoginProviderTests`: a provider's login, its token in calls and its logout, at a strict token server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import httpx
import pytest

from gaud_core import (
    Body,
    Call,
    Context,
    LoginCancelled,
    LoginFailed,
    LoginNeeded,
    LoginProvider,
    Reply,
)
from gaud_core.gateway.guests.login import log_out
from gaud_core.gateway.upstream import Upstream
from gaud_core.settings import load

from .answers import Answer
from .chat import chat_completion
from .kit import Kit, since
from .login_world import Person, Time, World
from .oauth import ScriptedOAuth
from .served import NO_TLS
from .upstream import ScriptedUpstream, Seen

__all__ = ["LoginProviderTests"]

_CALLS = 50
_LIMIT_SECS = 10.0


class LoginProviderTests(Kit):
    """Set `provider`; override `settings` and `token_server` where your upstream's login is another one.

    The login's time must be `self.clock` and `self.sleep`, as in `by_device_code` and `by_browser`, so that
    the tests need not wait.
    """

    provider: ClassVar[type[LoginProvider[Any]]]
    """The class under test."""
    renews: ClassVar[bool] = True
    """Whether a token can be renewed without the person."""

    def token_server(self, upstream: ScriptedUpstream, clock: Callable[[], float]) -> ScriptedOAuth:
        """Put the token server on the upstream, at the paths and in the spelling of the real one."""
        oauth = ScriptedOAuth(clock=clock)
        oauth.install(upstream)
        return oauth

    def token_of(self, seen: Seen) -> str:
        """The token that a call carries."""
        return (seen.header("authorization") or "").removeprefix("Bearer ")

    def upstream_answer(self) -> Answer:
        """How the upstream answers a call with a good token."""
        return chat_completion("Hello")

    @since("1.0")
    def test_login_gives_a_token(self, tmp_path: Path) -> None:
        """Look at login(): it shows where to go, keeps the server's pace, and gives the server's token."""

        async def look(world: World) -> None:
            failure = None
            try:
                await world.logged_in()
            except LoginFailed as error:
                failure = error
            assert world.person.shown, "login() showed neither a code nor an address."
            assert not world.oauth.slowed, (
                "login() asks more often than the server allows: take `by_device_code`, or wait for its "
                "`interval` between two questions."
            )
            assert not world.oauth.refusals, f"The token server refused: {world.oauth.refusals}."
            assert failure is None, f"login() failed although the person had agreed: {failure}"
            token = world.provider.tokens.load()
            assert token is not None
            known = {token.access_token.reveal(), token.refresh_token and token.refresh_token.reveal()}
            assert known & set(world.secrets()), "login() gave a token that the server has not given out."

        self._run(tmp_path, look)

    @since("1.0")
    def test_token_is_for_one_user_only(self, tmp_path: Path) -> None:
        """Look at who writes the token: `self.tokens` makes its file with mode 0600."""

        async def look(world: World) -> None:
            await world.logged_in()
            for path in world.provider.ctx.data_dir.iterdir():
                mode = stat.S_IMODE(path.stat().st_mode)
                assert not mode & 0o077, f"{path.name} can be read by others (mode {mode:o})."

        self._run(tmp_path, look)

    @since("1.0")
    def test_secrets_do_not_show(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """Look at what is shown, logged and put into reprs: a token is for the upstream alone."""

        async def look(world: World) -> None:
            await world.logged_in()
            await self._call(world)
            if self.renews:
                world.oauth.revoke()
                await self._call(world)
            places = {
                "on the screen": repr(world.person.shown),
                "in the log": caplog.text,
                "in the provider's repr": repr(world.provider) + repr(vars(world.provider)),
                "in an address": repr([seen.target for seen in world.upstream.seen]),
            }
            for place, text in places.items():
                shown = next((secret for secret in world.secrets() if secret in text), "")
                assert not shown, f"A token shows {place}."

        with caplog.at_level(logging.DEBUG):
            self._run(tmp_path, look)

    @since("1.0")
    def test_refused_login_is_told(self, tmp_path: Path) -> None:
        """Look at login(): when the person refuses, it raises LoginFailed, and the old token stays."""

        async def look(world: World) -> None:
            world.person.decide = world.oauth.deny
            try:
                await world.logged_in()
            except LoginFailed as error:
                crashed = error.__cause__
                assert crashed is None, f"login() raised {crashed!r} instead of LoginFailed."
            else:
                if world.person.codes:
                    pytest.fail("login() gave a token although the person had refused.")
                pytest.skip("the login is none by code")
            assert world.provider.tokens.load() is None

        self._run(tmp_path, look)

    @since("1.0")
    def test_login_can_be_cancelled(self, tmp_path: Path) -> None:
        """Look at `except` and create_task() in login(): it ends when it is cancelled, with all it began."""

        async def look(world: World) -> None:
            before = asyncio.all_tasks()
            world.person.cancels = True
            with pytest.raises(LoginCancelled):
                await world.logged_in()
            assert world.provider.tokens.load() is None, "A cancelled login left a token."
            left = {_where(task) for task in asyncio.all_tasks() - before}
            left = {name for name in left if not name.startswith("ScriptedUpstream.")}
            assert not left, f"A cancelled login leaves running: {', '.join(sorted(left))}."

        self._run(tmp_path, look)

    @since("1.0")
    def test_call_without_login_says_so(self, tmp_path: Path) -> None:
        """Look at send(): without a token it sends nothing, and raises the LoginNeeded of `self.token()`."""

        async def look(world: World) -> None:
            error = await self._refused(world, "nobody has logged in")
            assert f"gaud login {world.provider.ctx.name}" in str(error.hint), (
                "The error does not name the command that cures it."
            )
            assert not world.upstream.calls, "A call was sent although nobody has logged in."

        self._run(tmp_path, look)

    @since("1.0")
    def test_one_renewal_for_all_calls(self, tmp_path: Path) -> None:
        """Look at where the token comes from: `self.token()` or `with_token` renew once for all."""
        self._need_renewal()

        async def look(world: World) -> None:
            await world.logged_in()
            await world.ended()
            await self._all_answered(world, "whose token has ended")
            assert world.oauth.renewals == 1, (
                f"{_CALLS} calls at once renewed the token {world.oauth.renewals} times."
            )

        self._run(tmp_path, look)

    @since("1.0")
    def test_refused_token_is_renewed(self, tmp_path: Path) -> None:
        """Look at send(): after a 401 take `with_token`, or `self.token(refused=…)`, and try once more."""
        self._need_renewal()

        async def look(world: World) -> None:
            await world.logged_in()
            world.oauth.revoke()
            await self._all_answered(world, "whose token was refused")
            assert world.oauth.renewals == 1, (
                f"{_CALLS} calls with a refused token renewed it {world.oauth.renewals} times."
            )

        self._run(tmp_path, look)

    @since("1.0")
    def test_dead_login_says_so(self, tmp_path: Path) -> None:
        """Look at renew(): a refusal is an UpstreamRefused with 400 or 401, which becomes LoginNeeded."""
        self._need_renewal()

        async def look(world: World) -> None:
            await world.logged_in()
            world.oauth.revoke_logins()
            await world.ended()
            await self._refused(world, "the refresh token is dead")

        self._run(tmp_path, look)

    @since("1.0")
    def test_logout_forgets_the_token(self, tmp_path: Path) -> None:
        """Look at logout() and at copies of the token: after it no call has one."""

        async def look(world: World) -> None:
            await world.logged_in()
            await self._call(world)
            await log_out(world.provider)
            await self._refused(world, "the person has logged out")

        self._run(tmp_path, look)

    async def _call(self, world: World) -> Reply:
        body = Body.parse(b'{"model":"%s","messages":[{"role":"user","content":"Hi"}]}' % self.model.encode())
        reply = await world.provider.send(Call("call-test", "chat/completions", self.model, body))
        await reply.aclose()
        return reply

    async def _refused(self, world: World, why: str) -> LoginNeeded:
        try:
            reply = await self._call(world)
        except LoginNeeded as error:
            return error
        except Exception as error:  # whatever else a provider raises is what the test is about
            pytest.fail(f"A call when {why} raised {error!r} instead of LoginNeeded.")
        pytest.fail(f"A call when {why} was answered with {reply.status}; it should raise LoginNeeded.")

    async def _all_answered(self, world: World, what: str) -> None:
        replies = await asyncio.gather(*(self._call(world) for _ in range(_CALLS)), return_exceptions=True)
        bad = [reply for reply in replies if isinstance(reply, BaseException) or reply.status != 200]
        assert not bad, f"Of {_CALLS} calls {what}, {len(bad)} failed; one with {bad[0]!r}."

    def _need_renewal(self) -> None:
        if not self.renews:
            pytest.skip("its tokens are not renewed (`renews = False`)")

    def _run(self, folder: Path, look: Callable[[World], Awaitable[None]]) -> None:
        async def within() -> None:
            async with self._world(folder) as world:
                try:
                    async with asyncio.timeout(_LIMIT_SECS):
                        await look(world)
                except TimeoutError:
                    pytest.fail(f"No end within {_LIMIT_SECS:g} s: does the login wait by `self.sleep`?")

        asyncio.run(within())

    @staticmethod
    def _client() -> httpx.AsyncClient:
        return httpx.AsyncClient(trust_env=False, timeout=5, verify=NO_TLS)

    @contextlib.asynccontextmanager
    async def _world(self, folder: Path) -> AsyncIterator[World]:
        time, sends = Time(), Upstream("work")
        async with ScriptedUpstream() as upstream, self._client() as http:
            oauth = self.token_server(upstream, time)
            upstream.default = self._guarded(oauth)
            provider = self._provider(folder, upstream.url, sends, http)
            provider.clock, provider.sleep = time, time.sleep
            async with self._client() as browser:
                person = Person(browser, oauth.approve)
                try:
                    yield World(provider, oauth, upstream, person)
                finally:
                    await provider.stop()
                    await sends.aclose()
                    await asyncio.gather(*person.tasks, return_exceptions=True)

    def _guarded(self, oauth: ScriptedOAuth) -> Callable[[Seen], Answer]:
        def answer(seen: Seen) -> Answer:
            if oauth.knows(self.token_of(seen)):
                return self.upstream_answer()
            return Answer.error(401, f"Bad token at {urlsplit(seen.target).path}.")

        return answer

    def _provider(
        self, folder: Path, url: str, sends: Upstream, http: httpx.AsyncClient
    ) -> LoginProvider[Any]:
        loaded: Any = load(
            self.provider.settings_class,
            path="providers.work",
            table=dict(self.settings(url)),
            environ={},
            env_prefix="GAUD_WORK_",
        )
        log = logging.getLogger("gaud.provider.work")
        context = Context("work", sends.send, lambda: http, folder / "work", log)
        return self.provider(loaded.value, context)


def _where(task: asyncio.Task[Any]) -> str:
    coroutine = task.get_coro()
    return str(getattr(coroutine, "__qualname__", coroutine))
