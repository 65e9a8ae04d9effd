"""From GitHub's token to Copilot's: what is kept, when it is renewed, and why there may be none."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from gaud_core import ProviderError, Secret, Token, UpstreamFailed, UpstreamRefused
from gaud_provider_copilot.exchange import exchange
from gaud_provider_copilot.hosts import Hosts

pytestmark = pytest.mark.anyio

NOW = 1_767_225_600.0
GOOD = {
    "token": "tid=test;exp=1767227400;sku=monthly_subscriber;chat=1:mac",
    "expires_at": NOW + 1800,
    "refresh_in": 1500,
    "endpoints": {"api": "https://api.individual.githubcopilot.com", "proxy": "https://proxy.test"},
    "sku": "monthly_subscriber",
}


async def _exchanged(answer: Any, status: int = 200, headers: dict[str, str] | None = None) -> Token:
    content = answer if isinstance(answer, str) else json.dumps(answer)
    transport = httpx.MockTransport(lambda request: httpx.Response(status, content=content, headers=headers))
    async with httpx.AsyncClient(transport=transport) as http:
        return await exchange(http, Hosts(), Secret("ghu-test"), {}, NOW)


async def _refused(answer: Any, status: int, headers: dict[str, str] | None = None) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await _exchanged(answer, status, headers)
    return caught.value


async def test_what_is_kept() -> None:
    """Both tokens, the address of the API, and whose login it is."""
    token = await _exchanged(GOOD)
    assert (token.access_token.reveal(), token.refresh_token) == (GOOD["token"], Secret("ghu-test"))
    assert token.extra["api"] == "https://api.individual.githubcopilot.com"
    assert (token.extra["domain"], token.extra["sku"]) == ("github.com", "monthly_subscriber")
    assert "tid=test" not in repr(token)


async def test_no_endpoints() -> None:
    """Then the usual address is it."""
    told = {name: value for name, value in GOOD.items() if name != "endpoints"}
    assert (await _exchanged(told)).extra["api"] == "https://api.githubcopilot.com"


@pytest.mark.parametrize(
    ("more", "renewed_after"),
    [
        pytest.param({}, 1500, id="when GitHub wants it"),
        pytest.param({"refresh_in": 9000}, 1500, id="5 minutes before the end"),
        pytest.param({"refresh_in": 9000, "expires_at": NOW + 400}, 200, id="at half of a short life"),
        pytest.param({"expires_at": NOW - 7200}, 1500, id="by a clock that is wrong here"),
        pytest.param({"refresh_in": None, "expires_at": None}, 1500, id="nothing told"),
        pytest.param({"refresh_in": True, "expires_at": "soon"}, 1500, id="nonsense"),
        pytest.param({"refresh_in": 0.001}, 60, id="not all the time"),
    ],
)
async def test_when_it_is_renewed(more: dict[str, Any], renewed_after: float) -> None:
    """The store renews 300 s before `expires_at`, so that says when."""
    token = await _exchanged(GOOD | more)
    assert token.expires_at == NOW + renewed_after + 300


@pytest.mark.parametrize("text", [None, "", 7, "two\nlines"])
async def test_an_account_without_a_token(text: Any) -> None:
    """Some get 200 and nothing else."""
    error = await _refused(GOOD | {"token": text}, 200)
    assert (error.http_status, error.message) == (403, "GitHub gives this account no token for Copilot.")


async def test_an_address_from_elsewhere() -> None:
    """No token is kept that would go there."""
    with pytest.raises(UpstreamFailed, match="does not belong to Copilot"):
        await _exchanged(GOOD | {"endpoints": {"api": "https://copilot.evil.test"}})


async def test_a_login_that_has_ended() -> None:
    """401, which the store turns into the command that cures it."""
    error = await _refused({"message": "Bad credentials", "status": "401"}, 401)
    assert isinstance(error, UpstreamRefused)
    assert (error.http_status, "Bad credentials" in error.message) == (401, True)


async def test_an_account_that_may_not() -> None:
    """GitHub's own words and link, and its code for the cure."""
    details = {
        "message": "No access to GitHub Copilot found.",
        "notification_id": "no_copilot_access",
        "title": "Signup",
        "url": "https://github.com/settings/copilot",
    }
    error = await _refused({"message": "Resource not accessible", "error_details": details}, 403)
    assert (error.http_status, error.error_code) == (403, "no_copilot_access")
    assert "No access to GitHub Copilot found. See https://github.com/settings/copilot" in error.message


async def test_a_403_without_details() -> None:
    """It is no limit: the words are told."""
    error = await _refused({"message": "SSO is needed."}, 403)
    assert (error.http_status, "SSO is needed." in error.message) == (403, True)


@pytest.mark.parametrize("status", [403, 429])
async def test_too_many_questions(status: int) -> None:
    """A limit is a 429 with the time until its end."""
    error = await _refused({"message": "API rate limit exceeded for user."}, status, {"retry-after": "60"})
    assert (error.http_status, error.retry_after) == (429, 60)


async def test_a_login_of_another_app() -> None:
    """GitHub says 404, which would tell nobody anything."""
    error = await _refused({"message": "Not Found"}, 404)
    assert (error.http_status, error.error_code) == (403, "login_of_another_app")


@pytest.mark.parametrize("answer", ["<html>Unicorn!</html>", "", "[]"])
async def test_github_is_down(answer: str) -> None:
    """It is the upstream's failure, and no page of HTML is repeated."""
    error = await _refused(answer, 503)
    assert (error.http_status, "html" in error.message) == (502, False)
