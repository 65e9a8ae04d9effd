"""`gaud budgets`: exact amounts, what is not named stays, what calls have used is shown."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import insert

from gaud_core.access import Budget, People
from gaud_core.ledger.periods import day_of
from gaud_core.store import Store, utc_millis
from gaud_core.store.schema import spend

from .calls import add_key, gateway, make, wants
from .conftest import Run


@pytest.fixture
def people(books: Run, store: Store) -> People:
    """A register with one user, alice."""
    register = People(store)
    register.create_user("alice", actor="test")
    return register


def _budget(people: People) -> Budget:
    return people.budget(people.find_user("alice").id)


def test_what_is_not_named_stays(books: Run, people: People) -> None:
    """Each budget is set and taken away alone."""
    assert books("budgets", "set", "alice", "--daily", "5").out == (
        "alice may spend 5 USD a day and without limit a month.\n"
    )
    books("budgets", "set", "alice", "--monthly", "50.25")
    assert _budget(people) == Budget(5_000_000_000, 50_250_000_000)
    books("budgets", "set", "alice", "--no-daily")
    assert _budget(people) == Budget(None, 50_250_000_000)
    books("budgets", "set", "alice", "--no-monthly", "--daily", "0")
    assert _budget(people) == Budget(0, None)


@pytest.mark.parametrize(
    ("text", "nanos", "shown"),
    [
        ("0.000000001", 1, "0.000000001"),
        ("0.10", 100_000_000, "0.1"),
        ("999999999.999999999", 10**18 - 1, "999999999.999999999"),
        ("007", 7 * 10**9, "7"),
    ],
)
def test_amounts_are_exact(books: Run, people: People, text: str, nanos: int, shown: str) -> None:
    """To the nano-dollar, without a float on the way; and they are shown as exactly."""
    books("budgets", "set", "alice", "--daily", text)
    assert _budget(people).daily_nanos == nanos
    [account] = json.loads(books("budgets", "show", "alice", "--json").out)
    assert account["daily_limit"] == shown


@pytest.mark.parametrize(
    "text",
    ["-1", "1e3", "5,00", "$5", "", " ", "nan", "inf", "0.0000000001", "1234567890", "٣", "1_000", "5."],
)
def test_what_is_no_amount(books: Run, people: People, text: str) -> None:
    """Nothing is rounded, guessed or changed; exit code 2."""
    ran = books("budgets", "set", "alice", f"--daily={text}")
    assert (ran.code, ran.out) == (2, "")
    assert "is no amount in US dollars such as 5 or 50.25, with at most nine decimals." in ran.err
    assert _budget(people) == Budget()


@pytest.mark.parametrize("words", [[], ["--daily", "5", "--no-daily"]])
def test_nothing_or_both(books: Run, people: People, words: list[str]) -> None:
    """Neither is a change."""
    assert books("budgets", "set", "alice", *words).code == 2


async def test_what_calls_have_used(books: Run, store: Store) -> None:
    """Spent by those that have ended, reserved by those that run, and the rest is left."""
    key = add_key(store, "alice")
    add_key(store, "bob")
    books("budgets", "set", "alice", "--daily", "0.01")
    with gateway(store) as ledger:
        await make(ledger, key)
        await ledger.admit(wants(key))
        [alice, bob] = json.loads(books("budgets", "show", "--json").out)
        shown = books("budgets", "show", "alice", COLUMNS="80").out
    day, month = alice["today"], alice["this_month"]
    assert (alice["daily_limit"], alice["monthly_limit"]) == ("0.01", None)
    assert {name: day[name] for name in ("spent", "reserved", "left")} == {
        "spent": "0.0015",
        "reserved": "0.002",
        "left": "0.0065",
    }
    assert (month["spent"], month["left"]) == ("0.0015", None)
    assert day["period"].startswith(month["period"])
    assert (bob["user_name"], bob["today"]["spent"]) == ("bob", "0")
    assert [line.split()[2:] for line in shown.splitlines()[1:]] == [
        ["0.01", "0.0015", "0.002", "0.0065"],
        ["none", "0.0015", "0.002", "none"],
    ]


def test_a_budget_that_is_overdrawn_has_nothing_left(books: Run, people: People, store: Store) -> None:
    """It is not shown as a debt."""
    user = people.find_user("alice").id
    people.set_budget(user, Budget(5), actor="test")
    today = day_of(utc_millis())
    with store.writing() as connection:
        row = {"user_id": user, "period": today, "spent_nanos": 7, "reserved_nanos": 0, "pruned_nanos": 0}
        connection.execute(insert(spend).values(row))
    [alice] = json.loads(books("budgets", "show", "--json").out)
    assert (alice["today"]["spent"], alice["today"]["left"]) == ("0.000000007", "0")


def test_both_budgets_set_at_once(
    people: People, database: Path, folder: Path, environ: dict[str, str]
) -> None:
    """Two commands that set one each do not undo each other."""
    for trial in range(1, 4):
        started = [
            subprocess.Popen(
                [sys.executable, "-m", "gaud_core", "budgets", "set", "alice", option, str(trial)],
                env={**environ, "GAUD_DATABASE_PATH": str(database)},
                stdout=subprocess.DEVNULL,
            )
            for option in ("--daily", "--monthly")
        ]
        assert [process.wait(timeout=30) for process in started] == [0, 0]
        assert _budget(people) == Budget(trial * 10**9, trial * 10**9)
