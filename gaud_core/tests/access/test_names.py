"""Names of users: unique while they are there, found in any spelling of the same letters."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaud_core.access import People, bootstrap
from gaud_core.config import Auth, Config, Data
from gaud_core.errors import BadRequest, NotFound
from gaud_core.settings import Secret
from gaud_core.store import Store, open_store


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A configuration with a folder of its own."""
    return Config(data=Data(dir=tmp_path))


@pytest.fixture
def people(config: Config) -> People:
    """The register."""
    return People(open_store(config))


def test_a_name_is_taken_until_its_user_goes(people: People) -> None:
    """409, with a code of its own, and nothing is written."""
    ada = people.create_user("Ada", actor="root")
    with pytest.raises(BadRequest, match="There is a user named Ada already") as caught:
        people.create_user(" Ada ", "admin", actor="root")
    assert (caught.value.http_status, caught.value.error_code) == (409, "name_taken")
    assert people.users() == [ada]
    people.delete_user(ada.id, actor="root")
    people.delete_user(people.create_user("Ada", actor="root").id, actor="root")
    assert people.create_user("Ada", actor="root").name == "Ada"


def test_one_letter_in_two_spellings_is_one_name(people: People) -> None:
    """é may come as one character or as two."""
    one, two = "Ren\u00e9", "Rene\u0301"
    made = people.create_user(two, actor="root")
    assert made.name == one
    assert people.find_user(two) == people.find_user(one) == made
    with pytest.raises(BadRequest):
        people.create_user(one, actor="root")


def test_an_id_wins_over_a_name(people: People) -> None:
    """Nobody hides a user by taking his id for a name."""
    ada = people.create_user("Ada", actor="root")
    people.create_user(ada.id, actor="root")
    assert people.find_user(ada.id) == ada


def test_deleted_users_are_found_only_on_request(people: People) -> None:
    """Who has the name now comes first; of several who had it the id must be said."""
    first = people.create_user("Ada", actor="root")
    people.delete_user(first.id, actor="root")
    with pytest.raises(NotFound):
        people.find_user("Ada")
    assert people.find_user("Ada", deleted=True).id == first.id
    second = people.create_user("Ada", actor="root")
    assert people.find_user("Ada", deleted=True) == second
    people.delete_user(second.id, actor="root")
    with pytest.raises(BadRequest, match="2 deleted users had this name") as caught:
        people.find_user("Ada", deleted=True)
    assert first.id in str(caught.value)
    assert people.find_user(first.id, deleted=True).id == first.id


@pytest.mark.parametrize("name", ["", " ", "\ud800", "\x00", "a" * 10_000, "' OR 1=1 --", "%", "_"])
def test_what_finds_nobody(people: People, name: str) -> None:
    """No text is an error of the database."""
    people.create_user("A", actor="root")
    with pytest.raises(NotFound):
        people.find_user(name)
    with pytest.raises(NotFound):
        people.find_key(name)


@pytest.mark.parametrize("taken", [["Administrator"], ["Administrator", "Administrator 2"]])
def test_the_first_administrator_finds_a_free_name(people: People, config: Config, taken: list[str]) -> None:
    """Somebody else may have his already."""
    for name in taken:
        people.create_user(name, actor="root")
    assert bootstrap(people.store, config) is not None
    assert people.users()[-1].name == f"Administrator {len(taken) + 1}"


def test_an_administrator_who_comes_back_finds_a_free_name(people: People, config: Config) -> None:
    """While he was deleted, another user has taken it."""
    store: Store = people.store
    bootstrap(store, config)
    people.create_user("Other", "admin", actor="root")
    people.delete_user("user_bootstrap", actor="root")
    people.create_user("Administrator", actor="root")
    preset = Config(data=config.data, auth=Auth(bootstrap_key=Secret("test-one")))
    assert bootstrap(store, preset) is None
    assert people.find_user("user_bootstrap").name == "Administrator 2"
    again = Config(data=config.data, auth=Auth(bootstrap_key=Secret("test-two")))
    assert bootstrap(store, again) is None
    assert people.find_user("user_bootstrap").name == "Administrator 2"
