"""Several accounts, what is left of each, and what calls take of it in the books."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gaud_core.testing import ScriptedUpstream, ServedGateway
from gaud_provider_copilot import Copilot

from .conftest import USERS, World, token_of
from .github import ScriptedGitHub

AGENTS = [*USERS, {"role": "assistant", "content": "Hello"}, {"role": "tool", "content": "seen"}]


def _quotas(gateway: ServedGateway, instance: str = "copilot") -> dict[str, Any]:
    return {quota["name"]: quota for quota in gateway.shown(instance)["quotas"]}


def test_what_is_left(world: World) -> None:
    """GitHub is asked with the models; each call's answer tells it anew. What has no end is not shown."""
    premium = {"name": "premium_interactions", "left": 300.0, "limit": 300.0, "unlimited": False}
    assert _quotas(world.gateway) == {
        "premium_interactions": {**premium, "resets_at": "2026-12-01T00:00:00.000Z"}
    }
    world.ask("gpt-5")
    world.ask("gpt-5", AGENTS)
    world.ask("gpt-4o")
    assert _quotas(world.gateway)["premium_interactions"]["left"] == pytest.approx(299, abs=0.2)


def test_an_unlimited_plan(world: World) -> None:
    """It says so."""
    world.github.entitlement = -1
    assert world.gateway.ask_again() is None
    assert _quotas(world.gateway)["premium_interactions"]["unlimited"] is True


def test_the_free_plan(world: World) -> None:
    """The exchange tells what is left of its chats."""
    world.github.more = {
        "sku": "free_limited_copilot",
        "limited_user_quotas": {"chat": 12, "completions": 2000},
        "limited_user_reset_date": 1_796_083_200,
    }
    world.github.revoke()
    world.ask("gpt-4o")
    assert world.gateway.ask_again() is None
    assert _quotas(world.gateway)["completions"]["left"] == 2000


def test_a_quota_that_nobody_tells(world: World) -> None:
    """The models are there all the same, and what was known stays."""
    from gaud_core.testing import Answer

    world.upstream.on("/copilot_internal/user", Answer.reset())
    assert world.gateway.ask_again() is None
    assert _quotas(world.gateway)["premium_interactions"]["left"] == 300


def test_what_calls_take(world: World) -> None:
    """Rows cost 0, by a subscription, and carry the multiplier of a user's turn and 0 for an agent's."""
    for model, messages in (("grok-mini", USERS), ("grok-mini", AGENTS), ("gpt-4o", USERS), ("bare", USERS)):
        assert world.ask(model, messages).status_code == 200
    world.ask("gemini-2.5-pro")  # is not allowed, so is not sent
    rows = world.gateway.http.get("/admin/usage?per_page=5").json()["data"][::-1]
    assert [(row["model"], row["units"]) for row in rows] == [
        ("grok-mini", 0.25),
        ("grok-mini", 0),
        ("gpt-4o", 0),
        ("bare", None),
        ("gemini-2.5-pro", None),
    ]
    assert [(row["cost_usd"], row["cost_source"]) for row in rows[:4]] == [(0, "subscription")] * 4
    assert world.github.used == 0.25


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[ServedGateway, ScriptedGitHub, ScriptedGitHub]]:
    """A private account, and one of a company with a domain of its own."""
    home, work = ScriptedGitHub(), ScriptedGitHub(entitlement=1000.0)
    work.models = [entry for entry in work.models if isinstance(entry, dict) and entry.get("id") == "gpt-5"]
    with ScriptedUpstream.in_thread() as first, ScriptedUpstream.in_thread() as second:
        home.install(first)
        work.install(second)
        sections = {
            "copilot": {"domain": first.url},  # as people copy it
            "copilot-work": {"domain": second.url.partition("://")[2]},
        }
        tokens = {"copilot": token_of(home, first.url), "copilot-work": token_of(work, second.url)}
        with ServedGateway(Copilot, sections, tmp_path, tokens=tokens) as gateway:
            yield gateway, home, work


def test_two_accounts(two: tuple[ServedGateway, ScriptedGitHub, ScriptedGitHub]) -> None:
    """Each has its models, its quota, and its calls; names without prefix go to who has such a model."""
    gateway, home, work = two

    def ask(model: str) -> int:
        return gateway.post(json.dumps({"model": model, "messages": USERS}).encode()).status_code

    listed = [row["id"] for row in gateway.http.get("/v1/models").json()["data"]]
    assert [name for name in listed if name.startswith("copilot-work:")] == ["copilot-work:gpt-5"]
    assert "copilot:gpt-4o" in listed
    assert _quotas(gateway, "copilot-work")["premium_interactions"]["limit"] == 1000
    assert [ask("copilot-work:gpt-5"), ask("gpt-5"), ask("gpt-4o")] == [200, 200, 200]
    assert (len(home.initiators), len(work.initiators)) == (2, 1)
    assert [ask("gpt-4.1"), ask("o3"), ask("gemini-2.5-pro")] == [404, 404, 404]
