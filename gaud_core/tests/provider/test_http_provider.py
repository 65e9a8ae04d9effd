"""HTTPProvider: what it makes of a call, from the little that an author says."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from gaud_core import (
    Body,
    Call,
    Context,
    HTTPProvider,
    Provider,
    ProviderError,
    Reply,
    Secret,
    Timeouts,
    UpstreamFailed,
    UpstreamRequest,
    UpstreamTimeout,
    option,
    settings,
)

pytestmark = pytest.mark.anyio

BODY = Body.parse(b'{ "model" : "m", "stream":true }')


@settings
class AcmeSettings:
    """Settings of [providers.acme]."""

    url: str = option(default="http://acme.test", help="Base URL.")
    api_key: Secret | None = option(default=None, help="Key.")
    timeout_secs: float = option(default=7.0, help="Limit.")


@settings
class BareSettings:
    """Settings without the usual names."""

    region: str = option(default="eu", help="Region.")


class Acme(HTTPProvider[AcmeSettings]):
    """A provider of the usual kind."""

    name = "acme"
    inside: ClassVar[tuple[str, ...]] = ("x-acme-", "via")

    def headers(self, call: Call) -> Mapping[str, str]:
        """A key, and another accept."""
        return {"authorization": "Bearer sk-test", "accept": "application/json"}


class Bare(HTTPProvider[BareSettings]):
    """A provider that says nothing."""

    name = "bare"


@pytest.fixture
def anyio_backend() -> str:
    """Providers live in asyncio."""
    return "asyncio"


@pytest.fixture
def sent() -> list[UpstreamRequest]:
    """What was given to the gateway's client."""
    return []


@pytest.fixture
def ctx(sent: list[UpstreamRequest]) -> Context:
    """A context that keeps requests and answers 200."""

    async def send(request: UpstreamRequest) -> Reply:
        sent.append(request)
        return Reply(200, (("x-acme-cost", "1"), ("x-open", "2"), ("via", "3"), ("x-acm", "4")), b"{}")

    def http() -> Any:
        raise AssertionError

    return Context("work", send, http, Path("x"), logging.getLogger("test"))


def _call(endpoint: str = "chat/completions", **headers: str) -> Call:
    return Call("req_test", endpoint, "m", BODY, {k.replace("_", "-"): v for k, v in headers.items()})


async def test_request(ctx: Context, sent: list[UpstreamRequest]) -> None:
    """The call's own bytes, to the endpoint, with the author's headers over the client's."""
    await Acme(AcmeSettings(), ctx).send(
        _call(user_agent="me", accept="text/plain", x_other="no", cookie="no")
    )
    (request,) = sent
    assert request.url == "http://acme.test/v1/chat/completions"
    assert request.body is BODY.raw
    assert (request.stream, request.method) == (True, "POST")
    assert request.headers == {
        "user-agent": "me",
        "accept": "application/json",
        "content-type": "application/json",
        "authorization": "Bearer sk-test",
    }


async def test_other_endpoints(ctx: Context, sent: list[UpstreamRequest]) -> None:
    """An endpoint is a path and nothing more."""
    await Acme(AcmeSettings(), ctx).send(_call("audio/speech"))
    assert sent[0].url == "http://acme.test/v1/audio/speech"


async def test_limits_from_the_settings(ctx: Context) -> None:
    """`timeout_secs` is the total and the idle limit; without it a slow model has two minutes."""
    assert Acme(AcmeSettings(), ctx).timeouts() == Timeouts(10, 7, 7, 7)
    assert Bare(BareSettings(), ctx).timeouts() == Timeouts(10, 120, 120, 120)


async def test_hidden_headers(ctx: Context) -> None:
    """What begins as the author says stays inside."""
    reply = await Acme(AcmeSettings(), ctx).send(_call())
    assert reply.headers == (("x-open", "2"), ("x-acm", "4"))


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (UpstreamTimeout("x"), "`providers.work.timeout_secs`"),
        (UpstreamFailed("x"), "`providers.work.url`"),
        (ProviderError("x", status=401), "`providers.work.api_key`"),
        (ProviderError("x", status=403), "`providers.work.api_key`"),
        (ProviderError("x", status=500), None),
        (ProviderError("x", status=429), None),
    ],
)
async def test_cures(ctx: Context, failure: ProviderError, said: str | None) -> None:
    """Each failure names the setting of this very instance, if the provider has it."""
    cure = Acme(AcmeSettings(), ctx).explain(failure)
    assert cure is None if said is None else said in (cure or "")
    assert Bare(BareSettings(), ctx).explain(failure) is None


def test_settings_class_comes_from_the_brackets() -> None:
    """Also for a subclass that names none of its own."""
    assert Acme.settings_class is AcmeSettings
    child: Any = type("Child", (Acme,), {})
    assert child.settings_class is AcmeSettings


async def test_defaults_of_a_provider(ctx: Context) -> None:
    """All but `send` has a default, so that a later optional method breaks no plugin."""
    provider = type("Plain", (Provider,), {"name": "plain"})(BareSettings(), ctx)
    await provider.start()
    await provider.stop()
    assert (await provider.health()).healthy
    assert (list(provider.known_models()), list(await provider.models())) == ([], [])
    assert provider.models_interval() == 300.0
    assert provider.explain(ProviderError("x")) is None
    with pytest.raises(NotImplementedError, match="Plain does not define send"):
        await provider.send(_call())
