"""Models and their names, allowances, and the hosts of a login."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaud_core import Price, Quota, UpstreamFailed
from gaud_provider_kiro import KiroSettings
from gaud_provider_kiro.allowances import allowances_from
from gaud_provider_kiro.catalog import Catalog, kiro_name
from gaud_provider_kiro.hosts import Hosts, machine_id
from gaud_provider_kiro.logins.login import Login

from .kiro import LIMITS, MODELS

ARN = "arn:aws:codewhisperer:eu-central-1:123456789012:profile/TEST"
JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["modelId", "tokenLimits", "usageLimit", "currentUsage"]), inner),
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("told", "sent"),
    [
        ("auto", "auto"),
        ("claude-sonnet-4.5", "claude-sonnet-4.5"),
        ("claude-haiku-4-5", "claude-haiku-4.5"),
        ("Claude-Haiku-4-5-20251001", "claude-haiku-4.5"),
        ("claude-sonnet-4-5-latest", "claude-sonnet-4.5"),
        ("claude-sonnet-4-20250514", "claude-sonnet-4"),
        ("claude-sonnet-4", "claude-sonnet-4"),
        ("claude-3-7-sonnet-20250219", "claude-3.7-sonnet"),
        ("claude-4.5-opus-high", "claude-opus-4.5"),
        ("CLAUDE_3_7_SONNET_20250219_V1_0", "CLAUDE_3_7_SONNET_20250219_V1_0"),
        ("qwen3-coder-480b", "qwen3-coder-480b"),
    ],
)
def test_aliases(told: str, sent: str) -> None:
    """The usual spellings are understood; what is none passes."""
    assert kiro_name(told) == sent


def test_the_list_of_models() -> None:
    """Limits and credit rates are in it; a subscription pays; entries without a name are left out."""
    catalog = Catalog().with_page({"models": MODELS, "defaultModel": MODELS[1]})
    assert list(catalog.models) == ["auto", "claude-sonnet-4.5", "claude-haiku-4.5", "bare"]
    sonnet = catalog.models["claude-sonnet-4.5"]
    assert (sonnet.owned_by, sonnet.price) == ("anthropic", Price(subscription=True))
    assert (sonnet.max_input_tokens, sonnet.max_output_tokens) == (200000, 64000)
    assert sonnet.extra == {
        "name": "Claude-Sonnet-4.5",
        "description": "The model claude-sonnet-4.5.",
        "credit_rate": 1.3,
        "input_types": ["text", "image"],
        "supports_prompt_cache": True,
    }
    assert catalog.window("claude-haiku-4.5") == 100000
    assert catalog.window("unknown") == 200000


def test_a_name_that_is_listed_is_no_alias() -> None:
    """Kiro may have a model of such a name one day."""
    catalog = Catalog().with_page({"models": [{"modelId": "claude-haiku-4-5"}], "defaultModel": MODELS[1]})
    assert catalog.model_for("claude-haiku-4-5") == "claude-haiku-4-5"
    assert catalog.model_for("auto") == "claude-sonnet-4.5"  # this account's list has no `auto`
    assert Catalog().model_for("auto") == "auto"


def test_what_is_no_list() -> None:
    """It is the upstream's failure."""
    with pytest.raises(UpstreamFailed):
        Catalog().with_page({"models": None})


@given(st.lists(JUNK, max_size=4), JUNK)
def test_any_json_is_no_crash(entries: list[Any], other: Any) -> None:
    """Models and limits of any shape are read, or left out."""
    Catalog().with_page({"models": entries, "defaultModel": other})
    allowances_from({"usageBreakdownList": entries, "nextDateReset": other, "subscriptionInfo": other})


def test_allowances() -> None:
    """What is left, of the plan and of the trial, and when it is whole again."""
    found = allowances_from(LIMITS)
    assert found.quotas == [
        Quota("credits", 39.5, 50.0, resets_at="2096-10-02T07:06:40Z"),
        Quota("credits of the trial", 499.0, 500.0, resets_at="2093-08-01T21:20:00Z"),
    ]
    assert (found.plan, found.reset_day) == ("KIRO FREE", "2096-10-02T07:06:40Z")
    assert found.wait_secs(3_999_900_000.5) == 100_000
    assert found.wait_secs(4_000_000_001) is None


def test_calls_take_from_the_allowance() -> None:
    """Until the upstream is asked again, and never below nothing."""
    found = allowances_from(
        {"usageBreakdownList": [{"resourceType": "CREDIT", "currentUsage": 1, "usageLimit": 2}]}
    )
    assert [quota.left for quota in found.after(0.25).after(0).quotas] == [0.75]
    assert [quota.left for quota in found.after(7).quotas] == [0.0]
    assert [quota.left for quota in allowances_from(LIMITS).after(1).quotas] == [38.5, 499.0]


def test_allowances_that_nobody_tells() -> None:
    """There are none then."""
    found = allowances_from({})
    assert (list(found.quotas), found.reset_day, found.wait_secs(0)) == ([], "", None)


@pytest.mark.parametrize(
    ("settings", "login", "region"),
    [
        (KiroSettings(), Login(), "us-east-1"),
        (KiroSettings(), Login(profile_arn=ARN), "eu-central-1"),
        (KiroSettings(), Login(sso_region="eu-west-1"), "us-east-1"),
        (KiroSettings(profile_arn=ARN), Login(), "eu-central-1"),
        (KiroSettings(region="us-west-2", profile_arn=ARN), Login(), "us-west-2"),
    ],
)
def test_the_region_of_the_api(settings: KiroSettings, login: Login, region: str) -> None:
    """It is not that of the sign-in."""
    hosts = Hosts(settings, "0" * 64)
    assert hosts.call_url(login) == f"https://q.{region}.amazonaws.com/generateAssistantResponse"


def test_the_other_hosts() -> None:
    """Each has a region of its own."""
    hosts = Hosts(KiroSettings(api="cli"), "0" * 64)
    assert hosts.call_url(Login()) == "https://q.us-east-1.amazonaws.com/"
    assert hosts.sso("eu-west-1") == "https://oidc.eu-west-1.amazonaws.com"
    assert hosts.desktop("us-east-1") == "https://prod.us-east-1.auth.desktop.kiro.dev"


def test_the_machines_id(tmp_path: Path) -> None:
    """It stays, differs from instance to instance, and can be set."""
    first = machine_id("", "kiro", tmp_path)
    assert first == machine_id("", "kiro", tmp_path) != machine_id("", "work", tmp_path)
    assert machine_id("a" * 64, "kiro", tmp_path) == "a" * 64


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("region", "evil.example/"),
        ("profile_arn", "arn:aws:s3:::bucket"),
        ("client_version", "1 2"),
        ("machine_id", "xyz"),
        ("api_url", "ftp://x"),
        ("api_url", "https://q.{other}.x"),
        ("timeout_secs", 0),
    ],
)
def test_settings_that_cannot_be_used(name: str, value: Any) -> None:
    """They are refused when the configuration is read."""
    with pytest.raises(ValueError, match=r"must|has no"):
        KiroSettings(**{name: value})
