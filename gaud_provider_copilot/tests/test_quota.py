"""What is left of a subscription."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaud_core import Quota
from gaud_provider_copilot.quota import free_quotas, quotas_from, quotas_in_headers

FAST = settings(max_examples=100, deadline=None)
NAME = "premium_interactions"


def _in(told: str) -> Quota | None:
    return quotas_in_headers([("content-type", "x"), (f"x-quota-snapshot-{NAME}", told)]).get(NAME)


def test_the_header_of_a_call() -> None:
    """`rem` is a percentage; the date is decoded."""
    quota = _in("ent=300&ov=0.0&ovPerm=false&rem=62.5&rst=2026-04-01T00%3A00%3A00Z")
    assert quota == Quota(NAME, 187.5, 300, resets_at="2026-04-01T00:00:00Z")


def test_no_end() -> None:
    """An entitlement of -1 has none."""
    assert _in("ent=-1&ov=0.0&ovPerm=false&rem=0.0") == Quota(NAME, unlimited=True)


@pytest.mark.parametrize("told", ["", "ent", "ent=many", "rem=3", "&" * 100, "ent=nan", "ent=1e999", "\x00"])
def test_a_header_of_another_shape(told: str) -> None:
    """It says nothing."""
    assert _in(told) is None


def test_the_page_of_the_user() -> None:
    """Numbers may be whole or not, and unlimited ones carry anything."""
    premium = {"entitlement": 300, "remaining": 123, "quota_remaining": 123.4, "unlimited": False}
    told = {
        "quota_reset_date": "2026-02-01",
        "quota_snapshots": {
            NAME: premium,
            "chat": {"entitlement": 0, "remaining": 0, "unlimited": True},
            "completions": {"entitlement": -1, "remaining": 0},
        },
    }
    assert quotas_from(told) == {
        NAME: Quota(NAME, 123.4, 300, resets_at="2026-02-01"),
        "chat": Quota("chat", unlimited=True),
        "completions": Quota("completions", unlimited=True),
    }


@pytest.mark.parametrize(
    "told", [{}, {"quota_snapshots": []}, {"quota_snapshots": {"chat": None, "<b>": {}}}]
)
def test_a_page_of_another_shape(told: dict[str, Any]) -> None:
    """It says nothing."""
    assert quotas_from(told) == {}


def test_the_free_plan() -> None:
    """The exchange tells how many chats are left; 0 and less are none."""
    told = {"limited_user_quotas": {"chat": 12, "completions": -3}, "limited_user_reset_date": 1_775_001_600}
    assert free_quotas(told) == {
        "chat": Quota("chat", 12, resets_at="2026-04-01T00:00:00+00:00"),
        "completions": Quota("completions", 0, resets_at="2026-04-01T00:00:00+00:00"),
    }
    assert free_quotas({"limited_user_quotas": None}) == {}


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.dictionaries(st.sampled_from(["chat", "entitlement", "remaining", "unlimited"]), inner),
    max_leaves=10,
)


@FAST
@given(ANY, ANY)
def test_quotas_of_any_shape(told: Any, date: Any) -> None:
    """Whatever GitHub says, amounts are numbers."""
    page = {"quota_snapshots": told, "quota_reset_date": date, "limited_user_quotas": told}
    for quota in [
        *quotas_from(page).values(),
        *free_quotas({**page, "limited_user_reset_date": date}).values(),
    ]:
        assert all(amount is None or abs(amount) < 1e13 for amount in (quota.left, quota.limit))
