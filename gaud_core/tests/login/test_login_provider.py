"""`LoginProvider`: what an author writes, and what becomes of it in a call and in a login."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from gaud_core import (
    Body,
    Call,
    Context,
    DeviceFlow,
    HTTPProvider,
    LoginCancelled,
    LoginFailed,
    LoginNeeded,
    LoginProvider,
    PKCEFlow,
    Reply,
    Screen,
    Token,
    UpstreamRefused,
    UpstreamRequest,
    option,
    settings,
    token_request,
)
from gaud_core.gateway.guests.login import log_in, log_out
from gaud_core.gateway.guests.plugins import objection_to
from gaud_core.testing import ScriptedOAuth, ScriptedUpstream

from .support import NOW, Browser, Noting, Time, never, new_tasks, token

pytestmark = pytest.mark.anyio

CALL = Call("id-1", "chat/completions", "m", Body.parse(b'{"model":"m"}'))


@settings
class AcmeSettings:
    """Settings of [providers.acme]."""

    url: str = option(default="http://acme.test", help="Base URL.")


class Acme(LoginProvider[AcmeSettings], HTTPProvider[AcmeSettings]):
    """A provider as an author writes one."""

    name = "acme"

    async def login(self, screen: Screen) -> Token:
        """By device code."""
        url = self.settings.url
        flow = DeviceFlow(device_url=f"{url}/device", token_url=f"{url}/token", client_id="client-test")
        return await self.by_device_code(screen, flow)

    async def renew(self, token: Token) -> Token:
        """By refresh token."""
        assert token.refresh_token is not None
        fields = {"grant_type": "refresh_token", "refresh_token": token.refresh_token.reveal()}
        where = f"{self.settings.url}/token"
        return await token_request(
            self.ctx.http(), where, {**fields, "client_id": "client-test"}, clock=self.clock
        )

    async def send(self, call: Call) -> Reply:
        """With the token."""
        return await self.with_token(
            lambda token: self.pass_on(call, {"authorization": f"Bearer {token.access_token.reveal()}"})
        )


class Upstream:
    """Takes the tokens that the server knows, and answers 401 to others; counts what was closed."""

    def __init__(self, oauth: ScriptedOAuth) -> None:
        self.oauth = oauth
        self.sent: list[str] = []
        self.closed = 0
        self.refuses: Callable[[], Reply | None] = lambda: None

    async def __call__(self, request: UpstreamRequest) -> Reply:
        """Answer one call."""
        text = request.headers["authorization"].removeprefix("Bearer ")
        self.sent.append(text)
        status = 200 if self.oauth.knows(text) else 401
        return self.refuses() or Reply(status, (), b"{}", aclose=self._close)

    async def _close(self) -> None:
        self.closed += 1


@pytest.fixture
def calls(oauth: ScriptedOAuth) -> Upstream:
    """Where the calls go."""
    return Upstream(oauth)


@pytest.fixture
async def acme(
    tmp_path: Path, upstream: ScriptedUpstream, calls: Upstream, http: httpx.AsyncClient, time: Time
) -> AsyncIterator[Acme]:
    """The provider at its servers."""
    context = Context("work", calls, lambda: http, tmp_path / "work", logging.getLogger("gaud.provider.work"))
    provider = Acme(AcmeSettings(url=upstream.url), context)
    provider.clock, provider.sleep = time, time.sleep
    yield provider
    await provider.stop()


def test_it_is_a_provider() -> None:
    """The settings class is found in both brackets, and a plugin may be made of it."""
    assert Acme.settings_class is AcmeSettings
    assert objection_to("acme", Acme) == ""


async def test_login_and_call(acme: Acme, oauth: ScriptedOAuth, calls: Upstream) -> None:
    """After a login calls carry the token, which is in the instance's own folder."""
    oauth.at_once = True
    await log_in(acme, Noting())
    assert (await acme.send(CALL)).status == 200
    assert acme.tokens.path == acme.ctx.data_dir / "token.json"
    loaded = acme.tokens.load()
    assert loaded is not None
    assert calls.sent == [loaded.access_token.reveal()]


async def test_call_without_login(acme: Acme, calls: Upstream) -> None:
    """Nothing is sent, and the error names the instance's command."""
    with pytest.raises(LoginNeeded) as wrong:
        await acme.send(CALL)
    assert wrong.value.hint == "Run: gaud login work"
    assert calls.sent == []


async def test_refused_token_is_renewed_once(acme: Acme, oauth: ScriptedOAuth, calls: Upstream) -> None:
    """Fifty calls are answered 401 at once: one renewal, and each call is done again with the new token."""
    oauth.at_once = True
    await log_in(acme, Noting())
    oauth.revoke()
    replies = await asyncio.gather(*(acme.send(CALL) for _ in range(50)))
    assert {reply.status for reply in replies} == {200}
    assert oauth.renewals == 1
    assert calls.closed == len(calls.sent) - 50


async def test_refusal_of_the_new_token_is_told(acme: Acme, oauth: ScriptedOAuth, calls: Upstream) -> None:
    """The upstream's own 401 reaches the client, after one try more."""
    oauth.at_once = True
    await log_in(acme, Noting())
    calls.refuses = lambda: Reply(401, (), b"no", aclose=calls._close)
    assert (await acme.send(CALL)).content == b"no"
    assert (len(calls.sent), calls.closed) == (2, 1)


async def test_refused_token_that_is_not_renewed(acme: Acme, oauth: ScriptedOAuth, calls: Upstream) -> None:
    """The person must log in again, and the upstream's answer is closed."""
    oauth.at_once = True
    await log_in(acme, Noting())
    oauth.revoke_logins()
    with pytest.raises(LoginNeeded, match="invalid_grant"):
        await acme.send(CALL)
    assert calls.closed == 1


async def test_refusal_as_an_exception(acme: Acme, oauth: ScriptedOAuth) -> None:
    """A provider that raises for a 401 gets the same second try; other errors are none of it."""
    await acme.tokens.save(Token("access-test-0", oauth.issue()["refresh_token"]))
    used: list[str] = []

    async def do(token: Token) -> Reply:
        used.append(token.access_token.reveal())
        if not oauth.knows(used[-1]):
            raise UpstreamRefused("old", status=401)
        raise UpstreamRefused("slow", status=429)

    with pytest.raises(UpstreamRefused, match="slow"):
        await acme.with_token(do)
    assert len(used) == 2


async def test_token_without_renewal(acme: Acme) -> None:
    """A provider that says nothing of renewing needs another login when the token ends."""
    await acme.tokens.save(token(expires_at=NOW - 1))
    with pytest.raises(LoginNeeded, match="The token of `work` has ended"):
        await acme.tokens.fresh(super(Acme, acme).renew)


async def test_stop_leaves_nothing(acme: Acme, oauth: ScriptedOAuth) -> None:
    """A renewal that came early ends before the provider does, and is kept."""
    issued = oauth.issue()
    await acme.tokens.save(Token(issued["access_token"], issued["refresh_token"], NOW + 100))
    await acme.token()
    await acme.stop()
    loaded = acme.tokens.load()
    assert loaded is not None
    assert loaded.access_token.reveal() != issued["access_token"]


async def test_login_in_the_browser(acme: Acme, upstream: ScriptedUpstream, oauth: ScriptedOAuth) -> None:
    """The provider's clock and client are used."""
    acme.sleep = never
    flow = PKCEFlow(
        authorize_url=f"{upstream.url}/authorize", token_url=f"{upstream.url}/token", client_id="client-test"
    )
    given = await acme.by_browser(Noting(on_open=Browser()), flow)
    assert given.expires_at == NOW + 3600


async def test_cancelled_at_the_screen(acme: Acme) -> None:
    """The login ends, nothing is written and no task is left."""
    before = asyncio.all_tasks()
    acme.sleep = never
    screen = Noting()
    screen.on_wait = lambda number: screen.cancel.set()
    with pytest.raises(LoginCancelled):
        await log_in(acme, screen)
    assert not acme.ctx.data_dir.exists()
    assert new_tasks(before) == set()


async def test_cancelled_from_outside(acme: Acme) -> None:
    """As Ctrl-C does it: the plugin's task ends too."""
    acme.sleep = never
    before, waits = asyncio.all_tasks(), asyncio.Event()
    task = asyncio.create_task(log_in(acme, Noting(on_wait=lambda number: waits.set())))
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert new_tasks(before) == set()


@pytest.mark.parametrize("bad", ["raises", "gives text"])
async def test_login_of_a_bad_plugin(
    acme: Acme, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, bad: str
) -> None:
    """The person gets a sentence that names the instance, the log gets the traceback."""

    async def login(screen: Screen) -> Any:
        if bad == "raises":
            raise KeyError("device_code")
        return "token"

    monkeypatch.setattr(acme, "login", login)
    with pytest.raises(LoginFailed, match=r"The provider `work` failed with (KeyError|TypeError)"):
        await log_in(acme, Noting())
    assert "Traceback" in caplog.text


async def test_failed_login_keeps_the_old_token(acme: Acme, oauth: ScriptedOAuth) -> None:
    """Nothing changes until there is a new one."""
    await acme.tokens.save(token())
    screen = Noting(on_wait=lambda number: oauth.deny())
    with pytest.raises(LoginFailed):
        await log_in(acme, screen)
    assert acme.tokens.load() == token()


async def test_logout(acme: Acme) -> None:
    """The token is gone; it tells whether there was one."""
    await acme.tokens.save(token())
    assert await log_out(acme) is True
    assert await log_out(acme) is False
    assert acme.tokens.load() is None


async def test_logout_when_the_upstream_fails(
    acme: Acme, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The token is deleted all the same."""

    async def logout() -> None:
        raise ConnectionError("no network")

    await acme.tokens.save(token())
    monkeypatch.setattr(acme, "logout", logout)
    assert await log_out(acme) is True
    assert "the upstream was not told of the logout" in caplog.text
