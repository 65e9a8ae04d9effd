"""What is left of a subscription."""

from __future__ import annotations

from typing import Any

import pytest

from gaud_provider_copilot.quota import Quota, quota_in_header, quotas_from

NAME = "x-quota-snapshot-premium_interactions"


def _in(told: str) -> Quota | None:
    return quota_in_header(((NAME, told),))


def test_the_header_of_a_call() -> None:
    """`rem` is a percentage; the date is decoded."""
    quota = _in("ent=300&ov=0.0&ovPerm=false&rem=62.5&rst=2026-04-01T00%3A00%3A00Z")
    assert quota == Quota("premium_interactions", 300, 187.5, resets_at="2026-04-01T00:00:00Z")
    assert quota is not None
    assert not quota.is_used_up


def test_no_end() -> None:
    """An entitlement of -1 has none, and nothing is ever used up."""
    quota = _in("ent=-1&ov=0.0&ovPerm=false&rem=0.0")
    assert quota is not None
    assert (quota.unlimited, quota.entitlement, quota.remaining, quota.is_used_up) == (
        True,
        None,
        None,
        False,
    )


@pytest.mark.parametrize(
    ("told", "used_up"), [("ent=300&rem=0.0", True), ("ent=300&rem=0.0&ovPerm=true", False)]
)
def test_used_up(told: str, used_up: bool) -> None:
    """Unless more is allowed for money."""
    quota = _in(told)
    assert quota is not None
    assert quota.is_used_up is used_up


@pytest.mark.parametrize("told", ["", "ent", "ent=many", "rem=3", "&" * 100, "ent=nan", "\x00"])
def test_a_header_of_another_shape(told: str) -> None:
    """It says nothing."""
    assert _in(told) is None
    assert quota_in_header(()) is None


def test_the_page_of_the_user() -> None:
    """Numbers may be whole or not, and unlimited ones carry anything."""
    premium = {"entitlement": 300, "remaining": 123, "quota_remaining": 123.4, "unlimited": False}
    chat = {"entitlement": 0, "remaining": 0, "unlimited": True}
    told = {
        "quota_reset_date": "2026-02-01",
        "quota_snapshots": {"premium_interactions": premium, "chat": chat},
    }
    quotas = quotas_from(told)
    assert quotas["premium_interactions"] == Quota("premium_interactions", 300, 123.4, resets_at="2026-02-01")
    assert quotas["chat"].unlimited


@pytest.mark.parametrize(
    "told", [{}, {"quota_snapshots": []}, {"quota_snapshots": {"chat": None, "<b>": {}}}]
)
def test_a_page_of_another_shape(told: dict[str, Any]) -> None:
    """It says nothing."""
    assert quotas_from(told) == {}
