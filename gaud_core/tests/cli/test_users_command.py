"""`gaud users`: ids on standard output, words for people on standard error, names of any kind."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from gaud_core.access import People
from gaud_core.cli.books import actor
from gaud_core.store import Store
from gaud_core.store.schema import audit

from .conftest import Run

NAMES = ["'; DROP TABLE users; --", "Zoë 用户", "a" * 200, "%", "*", '50% off "x"', "-dash", "user_1"]
NO_NAMES = ["", "   ", "a" * 201, "two\nlines", "\x1b[2J", "\ud800", "a\x9bb"]


def test_a_user_is_created_listed_and_deleted(books: Run) -> None:
    """The id alone stands on standard output, so that a script can take it."""
    made = books("users", "create", "alice", "--role", "admin")
    assert (made.code, made.out.startswith("user_"), made.out.count("\n")) == (0, True, 1)
    assert "alice is there, as admin." in made.err
    books("users", "create", "bob")
    head, *rows = books("users", "list").out.splitlines()
    assert head.split() == ["ID", "NAME", "ROLE", "KEYS", "CREATED"]
    assert [row.split()[1:4] for row in rows] == [["alice", "admin", "0"], ["bob", "member", "0"]]
    gone = books("users", "delete", "bob", "--yes")
    assert gone.code == 0
    assert "0 keys have ended, and the calls stay in the books." in gone.out
    assert "bob" not in books("users", "list").out


def test_users_as_json(books: Run) -> None:
    """One array, also of nobody."""
    books("users", "create", "alice")
    books("keys", "create", "alice")
    [user] = json.loads(books("users", "list", "--json").out)
    assert user.keys() == {"id", "name", "role", "keys", "created_at"}
    assert (user["name"], user["role"], user["keys"]) == ("alice", "member", 1)
    assert user["created_at"].endswith("Z")
    books("users", "delete", "alice", "--yes")
    assert books("users", "list", "--json").out == "[]\n"
    assert books("users", "list").out == "There is no user yet.\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_any_kind(books: Run, store: Store, name: str) -> None:
    """It is taken as it is, found by it, and shown by it."""
    made = books("users", "create", "--", name)
    assert made.code == 0
    assert People(store).find_user(name).id == made.out.strip()
    assert name in books("users", "list").out
    assert json.loads(books("users", "list", "--json").out)[0]["name"] == name
    assert books("users", "delete", "--yes", "--", name).code == 0


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_name(books: Run, store: Store, name: str) -> None:
    """It is refused in a sentence, and finds nobody."""
    made = books("users", "create", "--", name)
    assert (made.code, made.out) == (1, "")
    assert "A user needs a `name` that can be read, of at most 200 characters." in made.err
    assert books("users", "delete", "--yes", "--", name).err == "There is no such user.\n"
    assert People(store).users() == []


def test_a_name_that_is_taken(books: Run) -> None:
    """It is refused until its user is deleted."""
    books("users", "create", "alice")
    again = books("users", "create", "alice")
    assert (again.code, again.out) == (1, "")
    assert again.err == "There is a user named alice already. Take another name.\n"
    books("users", "delete", "alice", "--yes")
    assert books("users", "create", "alice").code == 0


def test_deleting_says_how_many_keys_end(books: Run) -> None:
    """Those that were revoked before are not counted."""
    books("users", "create", "alice")
    for label in "abc":
        books("keys", "create", "alice", "--label", label)
    books("keys", "revoke", "a")
    assert "2 keys have ended" in books("users", "delete", "alice", "--yes").out
    assert {key["state"] for key in json.loads(books("keys", "list", "--json").out)} == {"revoked"}


def test_the_last_administrator_stays(books: Run) -> None:
    """Nobody locks himself out by a slip."""
    books("users", "create", "alice", "--role", "admin")
    gone = books("users", "delete", "alice", "--yes")
    assert (gone.code, gone.err) == (1, "This is the last administrator. Make another one first.\n")


def test_a_user_who_is_not_there(books: Run, store: Store) -> None:
    """Each command says so, with exit code 1."""
    for words in (
        ["users", "delete", "nobody", "--yes"],
        ["keys", "create", "nobody"],
        ["keys", "list", "--user", "nobody"],
        ["budgets", "show", "nobody"],
        ["budgets", "set", "nobody", "--daily", "5"],
        ["usage", "--user", "nobody"],
    ):
        ran = books(*words)
        assert (words, ran.code, ran.out, ran.err) == (words, 1, "", "There is no such user.\n")


def test_the_audit_log_knows_who(books: Run, store: Store) -> None:
    """The actor is the user of the operating system, whatever the environment claims."""
    books("users", "create", "alice", USER="mallory", LOGNAME="mallory")
    books("keys", "create", "alice")
    with store.reading() as connection:
        actors = set(connection.execute(select(audit.c.actor)).scalars())
    assert actors == {actor()}
    assert actor().startswith("cli:")
    assert actor() != "cli:mallory"
