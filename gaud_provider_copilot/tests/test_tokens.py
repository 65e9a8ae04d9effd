"""The token of each call: renewed early, once for all, shared by workers, and never shown to a stranger."""

from __future__ import annotations

import concurrent.futures
import json
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

from gaud_core import LoginNeeded
from gaud_core.testing import ScriptedUpstream, ServedGateway
from gaud_provider_copilot import Copilot

from .conftest import USERS, World, token_of
from .github import ScriptedGitHub

CALLS = 12


def _asked(gateway: ServedGateway, instance: str = "copilot") -> httpx.Response:
    return gateway.post(json.dumps({"model": f"{instance}:gpt-4o", "messages": USERS}).encode())


def _all_at_once(gateways: list[ServedGateway]) -> list[int]:
    with concurrent.futures.ThreadPoolExecutor(CALLS) as pool:
        asked = [pool.submit(_asked, gateways[number % len(gateways)]) for number in range(CALLS)]
        return [each.result().status_code for each in asked]


def _keep(world: World, **changes: Any) -> None:
    """Change the token that is kept."""
    instance: Any = world.gateway.instance
    token = instance.tokens.load()
    world.gateway.within(instance.tokens.save(attrs.evolve(token, **changes)))


def test_workers_share_one_exchange(tmp_path: Path) -> None:
    """Two gateways on one folder, whose token has ended, ask GitHub once for all their calls."""
    github = ScriptedGitHub()
    with ScriptedUpstream.in_thread() as upstream:
        github.install(upstream)
        sections = {"copilot": {"domain": upstream.url.partition("://")[2]}}
        tokens = {"copilot": token_of(github, upstream.url)}
        with (
            ServedGateway(Copilot, sections, tmp_path, tokens=tokens) as one,
            ServedGateway(Copilot, sections, tmp_path) as two,
        ):
            github.revoke()
            assert set(_all_at_once([one, two])) == {200}
            assert github.exchanges == 1
            github.revoke()
            assert set(_all_at_once([two, one])) == {200}
            assert github.exchanges == 2


def test_a_token_that_is_about_to_end_is_renewed_meanwhile(world: World) -> None:
    """Calls go on with the old one, which holds still, and GitHub is asked once."""
    old = world.gateway.instance.tokens.load().access_token.reveal()  # type: ignore[attr-defined]
    _keep(world, expires_at=world.github.clock() + 200)
    assert _asked(world.gateway).status_code == 200
    assert world.sent().header("authorization") == f"Bearer {old}"
    for _ in range(200):
        _asked(world.gateway)
        if world.sent().header("authorization") != f"Bearer {old}":
            break
    assert world.sent().header("authorization") != f"Bearer {old}"
    assert (world.github.exchanges, world.github.refusals) == (1, [])


def test_the_address_comes_from_the_exchange_alone(world: World) -> None:
    """Whatever a client sends, the token goes where GitHub has said."""
    wanted = {"x-api-base": "http://127.0.0.1:1", "x-copilot-api": "http://127.0.0.1:1"}
    fields = {"api_base": "http://127.0.0.1:1", "base_url": "http://127.0.0.1:1"}
    assert world.send("chat/completions", "gpt-4o", wanted, messages=USERS, **fields).reply.status == 200
    assert world.sent().path == "/chat/completions"


@pytest.mark.parametrize("headers", [{"authorization": "Bearer mine"}, {"copilot-integration-id": "mine"}])
def test_a_clients_headers_stay_behind(world: World, headers: dict[str, str]) -> None:
    """He cannot put another identity in the place of the instance's."""
    assert world.send("chat/completions", "gpt-4o", headers, messages=USERS).reply.status == 200
    assert world.github.refusals == []


def test_an_address_in_the_file_is_checked_too(world: World) -> None:
    """A token file that somebody has changed sends no token away."""
    _keep(world, extra={"api": "https://copilot.evil.test"})
    answer = _asked(world.gateway)
    assert (answer.status_code, "does not belong to Copilot" in answer.text) == (502, True)
    assert world.upstream.calls == []


def test_a_login_of_another_domain_is_none(world: World) -> None:
    """Who changes `domain` logs in again: GitHub's token is not shown to a company's server."""
    _keep(world, extra={"api": world.upstream.url, "domain": "github.com"}, expires_at=1.0)
    answer = _asked(world.gateway)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "login_required")
    assert "is for another domain than 127.0.0.1" in answer.text
    assert world.github.exchanges == 0


def test_a_login_without_githubs_token(world: World) -> None:
    """It says what to do."""
    _keep(world, refresh_token=None)
    with pytest.raises(LoginNeeded) as caught:
        world.send("chat/completions", "gpt-4o", messages=USERS)
    assert caught.value.hint == "Run: gaud login copilot"


def test_no_subscription_any_more(world: World) -> None:
    """The exchange's own words arrive, with GitHub's link and the cure."""
    details = {
        "message": "Your subscription has ended.",
        "notification_id": "subscription_ended",
        "url": "https://github.com/settings/billing",
    }
    world.github.no_access = {"message": "Forbidden", "error_details": details}
    world.github.revoke()
    answer = _asked(world.gateway)
    assert answer.status_code == 403
    assert "Your subscription has ended. See https://github.com/settings/billing" in answer.text
    assert "Sign up for Copilot" in answer.headers["x-gaud-hint"]
    assert not any(secret in answer.text for secret in world.github.given)
