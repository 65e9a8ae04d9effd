"""`gaud keys`: the text alone on standard output, labels or ids, limits that are said and taken back."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from gaud_core.access import KeyLimits, KeyRing, People
from gaud_core.errors import InvalidKey
from gaud_core.ledger import Ledger
from gaud_core.store import Store

from .calls import add_key, gateway, wants
from .conftest import Run


@pytest.fixture
def alice(books: Run, store: Store) -> str:
    """A user."""
    return People(store).create_user("alice", actor="test").id


def _key(store: Store) -> Any:
    return People(store).keys()[-1]


async def _opens(store: Store, text: str) -> bool:
    return await KeyRing(store).find(text.strip().encode(), fresh=True) is not None


async def test_the_text_stands_alone(books: Run, store: Store, alice: str) -> None:
    """It is all of standard output, it opens, and no other command ever shows it."""
    made = books("keys", "create", "alice", "--label", "laptop")
    assert made.code == 0
    assert made.out.startswith("sk-prx-")
    assert made.out.count("\n") == 1
    assert "It is shown this once; keep it safe." in made.err
    assert made.out.strip() not in made.err
    assert await _opens(store, made.out)
    shown = "".join(books("keys", "list", *more).out for more in ([], ["--json"]))
    assert "laptop" in shown
    assert made.out.strip()[12:] not in shown


def test_limits_are_said(books: Run, store: Store, alice: str) -> None:
    """All of them, the expiry as a span or as a date."""
    words = ["--model", "gpt-*", "--model", "work:*", "--rpm", "60", "--tpm", "1000", "--concurrency", "4"]
    made = books("keys", "create", alice, *words, "--expires", "30d")
    key = _key(store)
    assert key.limits == KeyLimits(("gpt-*", "work:*"), 60, 1000, 4)
    assert abs(key.expires_at - (time.time() + 30 * 86_400) * 1000) < 60_000
    assert "models gpt-*, work:*; 60 rpm; 1,000 tpm; 4 at a time; ends " in made.err
    books("keys", "create", "alice", "--expires", "2126-12-31")
    [_, second] = json.loads(books("keys", "list", "--json", "--user", "alice").out)
    assert second["expires_at"] == "2126-12-31T00:00:00Z"
    assert (second["state"], second["models"], second["rpm"]) == ("live", [], None)


@pytest.mark.parametrize(
    "expires", ["2020-01-01", "soon", "30", "-1d", "99999w", "2026-13-01", "0d", "9999999999999", "٣d"]
)
def test_what_is_no_expiry(books: Run, store: Store, alice: str, expires: str) -> None:
    """A past one, or one that is none, makes no key; exit code 2."""
    made = books("keys", "create", "alice", f"--expires={expires}")
    assert (made.code, made.out) == (2, "")
    assert "Error: " in made.err
    assert People(store).keys() == []


@pytest.mark.parametrize("words", [["--rpm", "0"], ["--tpm", "-1"], ["--rpm", "x"], ["--rpm", str(2**53)]])
def test_what_is_no_limit(books: Run, store: Store, alice: str, words: list[str]) -> None:
    """No number, one below 1, one beyond all sense."""
    assert books("keys", "create", "alice", *words).code == 2
    assert People(store).keys() == []


def test_a_label_that_cannot_be_shown(books: Run, store: Store, alice: str) -> None:
    """Neither on a terminal nor in a table."""
    for label in ("two\nlines", "\x1b[2J", "a" * 201, "\ud800"):
        made = books("keys", "create", "alice", "--label", label)
        assert (made.code, made.out) == (1, "")
        assert "`label` must be text that can be read" in made.err
    assert books("keys", "create", "alice", "--model", "\x1b").code == 1


async def test_rotating_with_grace(books: Run, store: Store, alice: str) -> None:
    """Both texts open for a while; without grace only the new one does."""
    first = books("keys", "create", "alice", "--label", "laptop").out
    second = books("keys", "rotate", "laptop", "--grace", "1h")
    assert (second.code, second.out.count("\n")) == (0, 1)
    assert "(laptop) has a new text; the old one works until " in second.err
    assert [await _opens(store, text) for text in (first, second.out)] == [True, True]
    third = books("keys", "rotate", "laptop")
    assert "the old one works no more" in third.err
    assert [await _opens(store, text) for text in (first, second.out, third.out)] == [False, False, True]


def test_editing(books: Run, store: Store, alice: str) -> None:
    """What is named changes, what is not stays, and a limit can be taken back."""
    books("keys", "create", "alice", "--label", "a", "--rpm", "5", "--tpm", "6", "--model", "x*")
    assert "b): " not in books("keys", "list").out
    edited = books("keys", "edit", "a", "--label", "b", "--rpm", "7")
    assert "(b): begins with sk-prx-" in edited.out
    assert (_key(store).label, _key(store).limits) == ("b", KeyLimits(("x*",), 7, 6))
    books(
        "keys", "edit", "b", "--all-models", "--no-rpm", "--no-tpm", "--concurrency", "2", "--expires", "1d"
    )
    assert _key(store).limits == KeyLimits((), None, None, 2)
    assert _key(store).expires_at is not None
    books("keys", "edit", "b", "--no-expires", "--no-concurrency", "--label", "")
    assert (_key(store).label, _key(store).limits, _key(store).expires_at) == ("", KeyLimits(), None)


@pytest.mark.parametrize("words", [[], ["--rpm", "5", "--no-rpm"], ["--model", "x", "--all-models"]])
def test_edits_that_say_nothing_or_both(books: Run, store: Store, alice: str, words: list[str]) -> None:
    """They are refused before the database is opened; exit code 2."""
    books("keys", "create", "alice", "--label", "a", "--rpm", "1")
    assert books("keys", "edit", "a", *words).code == 2
    assert _key(store).limits == KeyLimits(rpm=1)


def test_a_label_that_several_keys_have(books: Run, store: Store, alice: str) -> None:
    """The sentence lists the ids; the id works, and so does the label once one key alone has it."""
    for _ in range(2):
        books("keys", "create", "alice", "--label", "laptop")
    every_key = People(store).keys()
    first, second = (key.id for key in every_key)
    ran = books("keys", "revoke", "laptop")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("2 keys have this label. Give the id of the one that is meant: ")
    assert first in ran.err
    assert second in ran.err
    assert books("keys", "revoke", first).code == 0
    assert books("keys", "revoke", "laptop").out == f"{second} (laptop) is revoked.\n"
    assert books("keys", "revoke", "laptop").err == "There is no such key.\n"
    assert "was revoked before, at " in books("keys", "revoke", first).out


@pytest.mark.parametrize("key", ["", " ", "nothing", "' OR 1=1 --", "\ud800", "k" * 10_000])
def test_a_key_that_is_not_there(books: Run, store: Store, alice: str, key: str) -> None:
    """Also when a key without a label is there; an empty text means none of them."""
    books("keys", "create", "alice")
    ran = books("keys", "revoke", "--", key)
    assert (ran.code, ran.err) == (1, "There is no such key.\n")


def test_a_revoked_key_cannot_be_changed(books: Run, store: Store, alice: str) -> None:
    """It stays revoked."""
    books("keys", "create", "alice", "--label", "laptop")
    key = _key(store).id
    books("keys", "revoke", key)
    for words in (["rotate", key], ["edit", key, "--rpm", "1"]):
        ran = books("keys", *words)
        assert (ran.code, ran.out) == (1, "")
        assert "revoked, which cannot be undone" in ran.err


async def test_a_running_gateway_sees_a_revocation_at_once(shell: Run, store: Store) -> None:
    """It reads the key's row with each admission."""
    key = add_key(store, "alice")
    with gateway(store) as ledger:
        await ledger.admit(wants(key))
        assert shell("keys", "revoke", "alice's").code == 0
        assert not await _admits(ledger, key)


async def _admits(ledger: Ledger, key: str) -> bool:
    try:
        await ledger.admit(wants(key))
    except InvalidKey:
        return False
    return True


def test_every_limit_is_seen_at_80_columns(books: Run, store: Store) -> None:
    """Labels are cut, limits are not: they go on below."""
    People(store).create_user("用户" * 20, actor="test")
    globs = [f"family-{number}-*" for number in range(12)]
    words = [word for glob in globs for word in ("--model", glob)]
    books("keys", "create", "用户" * 20, "--label", "a label that goes on " * 5, "--rpm", "60", *words)
    out = books("keys", "list", COLUMNS="80").out
    assert max(map(_columns, out.splitlines())) <= 80
    assert "a label that" in out
    assert "…" in out
    assert all(part in out for part in [*globs, "60 rpm", "never used"])


def _columns(line: str) -> int:
    return sum(2 if "\u4e00" <= sign <= "\u9fff" else 1 for sign in line)
