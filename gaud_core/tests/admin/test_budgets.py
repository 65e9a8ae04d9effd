"""Budgets over HTTP."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert

from gaud_core.access import Budget
from gaud_core.store.schema import spend

from .support import Served


def test_a_user_begins_without_a_budget(served: Served) -> None:
    """No limit is null and not 0, and so is what is left of it."""
    user = served.user()
    day = {
        "period": "2026-11-23",
        "spent": 0,
        "reserved": 0,
        "left": None,
        "resets_at": "2026-11-24T00:00:00Z",
    }
    assert served.ok("GET", f"/admin/budgets/{user}") == {
        "user_id": user,
        "monthly_limit": None,
        "daily_limit": None,
        "today": day,
        "this_month": {**day, "period": "2026-11", "resets_at": "2026-12-01T00:00:00Z"},
    }


def test_a_budget_says_what_is_left(served: Served) -> None:
    """What running calls may still take is not left; every number is exact."""
    user = served.user()
    with served.store.writing() as connection:
        for period, spent, reserved in (
            ("2026-11-23", 10**9 + 1, 2),
            ("2026-11", 5 * 10**9, 2),
            ("2026-10", 7, 0),
        ):
            row = {"spent_nanos": spent, "reserved_nanos": reserved, "pruned_nanos": 0}
            connection.execute(insert(spend).values(user_id=user, period=period, **row))
    answer = served.admin.put(f"/admin/budgets/{user}", json={"monthly_limit": 4, "daily_limit": "50.25"})
    assert '"daily_limit":50.25' in answer.text
    assert '"spent":1.000000001,"reserved":0.000000002,"left":49.249999997' in answer.text
    assert answer.json()["this_month"]["left"] == 0
    assert answer.json() == served.ok("GET", f"/admin/budgets/{user}")


def test_a_limit_that_is_not_named_stays(served: Served) -> None:
    """Setting one limit must not silently take the other away; null does."""
    path = f"/admin/budgets/{served.user()}"
    served.ok("PUT", path, json={"monthly_limit": 100, "daily_limit": 5})
    assert served.ok("PUT", path, json={"monthly_limit": 50})["daily_limit"] == 5
    kept = served.ok("PUT", path, json={"daily_limit": None})
    assert (kept["monthly_limit"], kept["daily_limit"]) == (50, None)


def test_a_number_never_becomes_a_float(served: Served) -> None:
    """More digits than a float has arrive as they are."""
    user = served.user()
    body = b'{"monthly_limit": 123456789.123456789, "daily_limit": 0.1}'
    answer = served.admin.put(
        f"/admin/budgets/{user}", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 200
    assert served.people.budget(user) == Budget(10**8, 123456789123456789)
    assert '"monthly_limit":123456789.123456789' in answer.text
    assert Decimal("123456789.123456789") != Decimal(float("123456789.123456789"))


@pytest.mark.parametrize("wrong", [-1, "-1", "ten", True, [], {}, 10**10, 0.12345678901, ""])
def test_an_amount_that_cannot_be_is_refused(served: Served, wrong: Any) -> None:
    """And the budget stays as it was."""
    user = served.user()
    served.people.set_budget(user, Budget(1, 2), actor="test")
    error = served.refused("PUT", f"/admin/budgets/{user}", json={"daily_limit": wrong})
    assert error["param"] == "daily_limit"
    assert served.people.budget(user) == Budget(1, 2)
