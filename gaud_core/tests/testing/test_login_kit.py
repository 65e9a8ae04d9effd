"""The tests for logins on a provider without a fault, and on some with one each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gaud_core import (
    Call,
    DeviceFlow,
    HTTPProvider,
    LoginProvider,
    PKCEFlow,
    Reply,
    Screen,
    Token,
    UpstreamFailed,
    device_code,
    option,
    settings,
    token_request,
)
from gaud_core.testing.login_tests import LoginProviderTests


@settings
class AcmeSettings:
    """Settings of [providers.acme]."""

    url: str = option(help="Base URL.")


class Acme(LoginProvider[AcmeSettings], HTTPProvider[AcmeSettings]):
    """A provider without a fault."""

    name = "acme"

    async def login(self, screen: Screen) -> Token:
        """By device code."""
        return await self.by_device_code(screen, self.flow)

    @property
    def flow(self) -> DeviceFlow:
        """Where its server is."""
        url = self.settings.url
        return DeviceFlow(device_url=f"{url}/device", token_url=f"{url}/token", client_id="client-test")

    async def renew(self, token: Token) -> Token:
        """By refresh token."""
        assert token.refresh_token is not None
        fields = {"grant_type": "refresh_token", "refresh_token": token.refresh_token.reveal()}
        where = f"{self.settings.url}/token"
        sent = {**fields, "client_id": "client-test"}
        return await token_request(self.ctx.http(), where, sent, clock=self.clock)

    async def send(self, call: Call) -> Reply:
        """With the token."""
        return await self.with_token(lambda token: self.pass_on(call, self.bearer(token)))

    def bearer(self, token: Token) -> Mapping[str, str]:
        """The header of a call."""
        return {"authorization": f"Bearer {token.access_token.reveal()}"}


class AcmeInBrowser(Acme):
    """The same with another login."""

    async def login(self, screen: Screen) -> Token:
        """In the browser."""
        url = self.settings.url
        return await self.by_browser(
            screen,
            PKCEFlow(authorize_url=f"{url}/authorize", token_url=f"{url}/token", client_id="client-test"),
        )


class TestAcme(LoginProviderTests):
    """By device code."""

    provider = Acme


class TestAcmeInBrowser(LoginProviderTests):
    """In the browser."""

    provider = AcmeInBrowser


class Hasty(Acme):
    """Waits half as long as it should."""

    async def login(self, screen: Screen) -> Token:
        """Ask too early."""

        async def half(seconds: float) -> None:
            await self.sleep(seconds / 2)

        return await device_code(self.ctx.http(), screen, self.flow, clock=self.clock, sleep=half)


class Telltale(Acme):
    """Shows what it got."""

    async def login(self, screen: Screen) -> Token:
        """Log in and be proud of it."""
        token = await super().login(screen)
        screen.say(f"Your token is {token.access_token.reveal()}.")
        return token


class Logging(Acme):
    """Logs what it sends."""

    def bearer(self, token: Token) -> Mapping[str, str]:
        """Log the header."""
        self.ctx.log.debug("sending %s", super().bearer(token))
        return super().bearer(token)


class Open(Acme):
    """Keeps a copy that everybody can read."""

    async def login(self, screen: Screen) -> Token:
        """Write the copy."""
        token = await super().login(screen)
        self.ctx.data_dir.mkdir(parents=True)
        path = self.ctx.data_dir / "copy.txt"
        path.touch(0o644)
        path.chmod(0o644)
        return token


class Crashing(Acme):
    """Does not look at the error."""

    async def login(self, screen: Screen) -> Token:
        """Read what is not there."""
        try:
            return await super().login(screen)
        except Exception as error:
            raise KeyError("access_token") from error


class Leaving(Acme):
    """Leaves a task."""

    async def login(self, screen: Screen) -> Token:
        """Begin something."""
        self.left = asyncio.create_task(asyncio.sleep(3600))
        return await super().login(screen)


class Sending(Acme):
    """Sends without a token."""

    async def send(self, call: Call) -> Reply:
        """Send, whatever there is."""
        token = self.tokens.load() or Token("")
        return await self.pass_on(call, self.bearer(token))


class Renewing(Acme):
    """Renews for each call."""

    async def send(self, call: Call) -> Reply:
        """Renew without asking who else does."""
        token = self.tokens.load()
        assert token is not None
        if token.good_for(300, self.clock()):
            return await self.pass_on(call, self.bearer(token))
        new = token.renewed(await self.renew(token))
        await self.tokens.save(new)
        return await self.pass_on(call, self.bearer(new))


class GivingUp(Acme):
    """Does not try again after a 401."""

    async def send(self, call: Call) -> Reply:
        """Send once."""
        return await self.pass_on(call, self.bearer(await self.token()))


class Vague(Acme):
    """Says that the upstream is broken when the login is dead."""

    async def renew(self, token: Token) -> Token:
        """Hide the refusal."""
        try:
            return await super().renew(token)
        except Exception as error:
            raise UpstreamFailed("It did not work.") from error


class Remembering(Acme):
    """Keeps the token of the first call."""

    kept: Token | None = None

    async def send(self, call: Call) -> Reply:
        """Use it for ever."""
        self.kept = self.kept or await self.token()
        return await self.pass_on(call, self.bearer(self.kept))


PLANTED: list[tuple[type[Acme], Callable[..., None]]] = [
    (Hasty, LoginProviderTests.test_login_gives_a_token),
    (Telltale, LoginProviderTests.test_secrets_do_not_show),
    (Logging, LoginProviderTests.test_secrets_do_not_show),
    (Open, LoginProviderTests.test_token_is_for_one_user_only),
    (Crashing, LoginProviderTests.test_refused_login_is_told),
    (Leaving, LoginProviderTests.test_login_can_be_cancelled),
    (Sending, LoginProviderTests.test_call_without_login_says_so),
    (Renewing, LoginProviderTests.test_one_renewal_for_all_calls),
    (GivingUp, LoginProviderTests.test_refused_token_is_renewed),
    (Vague, LoginProviderTests.test_dead_login_says_so),
    (Remembering, LoginProviderTests.test_logout_forgets_the_token),
]


@pytest.mark.parametrize(("provider", "test"), PLANTED, ids=lambda value: value.__name__)
def test_planted_bugs_are_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, provider: type[Acme], test: Callable[..., None]
) -> None:
    """Each by the test that is meant for it."""
    under_test: Any = type("UnderTest", (LoginProviderTests,), {"provider": provider})
    needed = {"caplog": caplog} if "caplog" in test.__code__.co_varnames[: test.__code__.co_argcount] else {}
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test(under_test(), tmp_path, **needed)
