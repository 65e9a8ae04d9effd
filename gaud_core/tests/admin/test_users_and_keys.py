"""Users and keys over HTTP: made, listed, changed, ended."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import attrs
import pytest

from gaud_core.access import People, User
from gaud_core.errors import BadRequest
from gaud_core.store import Store

from ..clock import NOON
from .support import Served, serving

GARBAGE = [
    "user_nobody", "0", "-1", " ", "'; DROP TABLE users; --", "\x00", "a\x00b", "ünï", "😀", "..", "%",
    "%2e%2e", "a" * 5000, "\n", "null", "user_*", "\ud7ff",
]  # fmt: skip


def test_a_user_is_made_shown_and_listed(served: Served) -> None:
    """With the same fields everywhere."""
    made = served.ok("POST", "/admin/users", 201, json={"name": " Ada ", "role": "admin"})
    assert made == {"id": made["id"], "name": "Ada", "role": "admin", "created_at": "2026-11-23T12:00:00Z"}
    assert served.ok("GET", f"/admin/users/{made['id']}") == made
    assert made in served.ok("GET", "/admin/users")["data"]


def test_a_user_is_a_member_unless_said_otherwise(served: Served) -> None:
    """Nobody becomes an administrator by leaving something out."""
    assert served.ok("POST", "/admin/users", 201, json={"name": "Ada"})["role"] == "member"


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({}, "name", "`name` is missing."),
        ({"name": ""}, "name", "`name`"),
        ({"name": "  "}, "name", "`name`"),
        ({"name": "a\x00"}, "name", "`name`"),
        ({"name": 3}, "name", "`name` cannot be used: expected `str`, got `int`."),
        ({"name": "A" * 201}, "name", "`name` cannot be used: expected `str` of length <= 200."),
        ({"name": "Ada", "role": "root"}, "role", "`role` must be `admin` or `member`."),
        ({"name": "Ada", "role": None}, "role", "`role`"),
        ({"name": "Ada", "rolle": "admin"}, "rolle", "There is no field `rolle` here. Did you mean `role`?"),
        ({"name": "Ada", "zzz": 1}, "zzz", "There is no field `zzz` here. There are `name` and `role`."),
    ],
)
def test_a_user_who_cannot_be_is_refused(lasting: Served, body: Any, param: str, words: str) -> None:
    """The error names the field and says what is wrong, and nobody is made."""
    error = lasting.refused("POST", "/admin/users", json=body)
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert words in error["message"]
    assert lasting.ok("GET", "/admin/users")["total"] == 2


def test_a_taken_name_is_409(store: Store) -> None:
    """What the register says of a name reaches the client."""

    class Taken(People):
        def create_user(self, name: str, role: str = "member", *, actor: str) -> User:
            raise BadRequest("There is one already.", status=409, code="name_taken", param="name")

    with serving(store, lambda desk: attrs.evolve(desk, people=Taken(store))) as served:
        assert served.refused("POST", "/admin/users", 409, json={"name": "Ada"})["code"] == "name_taken"


def test_users_come_in_pages(served: Served) -> None:
    """Each user is on one page, and every page says how many there are."""
    made = [served.user(f"User {number}") for number in range(7)]
    pages = [served.ok("GET", f"/admin/users?page={page}&per_page=4") for page in (1, 2, 3, 4)]
    assert [len(page["data"]) for page in pages] == [4, 4, 1, 0]
    assert {(page["page"], page["per_page"], page["total"]) for page in pages} == {
        (n, 4, 9) for n in (1, 2, 3, 4)
    }
    listed = [user["id"] for page in pages for user in page["data"]]
    assert len(set(listed)) == 9
    assert set(made) <= set(listed)


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=-1", "page=x", "page=", "page=1.0", "page=1e0", "page=1000001",
     "page=99999999999999999999", "per_page=501", "per_page=0", "pages=1", "page=1&page=2", "per_page=%00",
     "page=١", "=1"],
)  # fmt: skip
def test_a_wrong_query_is_refused(lasting: Served, query: str) -> None:
    """In a sentence; nothing is guessed."""
    error = lasting.refused("GET", f"/admin/users?{query}")
    assert error["message"].endswith((".", "?"))


def test_a_route_without_a_query_takes_none(lasting: Served) -> None:
    """A filter that is not there must not look as if it had worked."""
    error = lasting.refused("GET", f"/admin/users/{lasting.root}?name=Ada")
    assert error["message"] == "There is no query parameter `name` here."


def test_a_deleted_user_is_gone_with_his_keys(served: Served) -> None:
    """His keys are revoked, and a second deletion finds nobody."""
    user = served.user()
    key = served.key(user)
    served.ok("DELETE", f"/admin/users/{user}", 204)
    assert served.refused("DELETE", f"/admin/users/{user}", 404)["code"] == "user_not_found"
    assert served.refused("GET", f"/admin/users/{user}", 404)["code"] == "user_not_found"
    assert served.refused("GET", f"/admin/users/{user}/keys", 404)["code"] == "user_not_found"
    assert user not in [one["id"] for one in served.ok("GET", "/admin/users")["data"]]
    assert served.ok("GET", f"/admin/keys/{key}")["revoked_at"] == "2026-11-23T12:00:00Z"


def test_the_last_administrator_stays(lasting: Served) -> None:
    """Nobody can lock everybody out."""
    assert lasting.refused("DELETE", f"/admin/users/{lasting.root}")["code"] == "last_admin"


@pytest.mark.parametrize("id", GARBAGE)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/admin/users/{}", None),
        ("DELETE", "/admin/users/{}", None),
        ("GET", "/admin/users/{}/keys", None),
        ("POST", "/admin/users/{}/keys", {}),
        ("GET", "/admin/keys/{}", None),
        ("PATCH", "/admin/keys/{}", {"rpm": 1}),
        ("DELETE", "/admin/keys/{}", None),
        ("POST", "/admin/keys/{}/rotate", {}),
        ("GET", "/admin/budgets/{}", None),
        ("PUT", "/admin/budgets/{}", {"daily_limit": 1}),
    ],
)
def test_a_garbage_id_is_404(lasting: Served, method: str, path: str, body: Any, id: str) -> None:
    """Whatever stands in the place of an id, it is nobody's."""
    target = path.format(quote(id, safe=""))
    lasting.refused(method, target, 404, **({} if body is None else {"json": body}))


def test_a_key_is_shown_once_and_opens(served: Served) -> None:
    """The text is in the answer that makes it and in no other; its limits are those that were asked for."""
    user = served.user("Second", "admin")
    wanted = {"label": "laptop", "models": ["gpt-*"], "rpm": 5, "tpm": 6, "concurrency": 7}
    made = served.ok("POST", f"/admin/users/{user}/keys", 201, json={**wanted, "expires_at": "2026-12-31"})
    text = made.pop("key")
    assert made == {
        **wanted,
        "id": made["id"],
        "user_id": user,
        "prefix": text[:11],
        "created_at": "2026-11-23T12:00:00Z",
        "expires_at": "2026-12-31T00:00:00Z",
        "revoked_at": None,
        "last_used_at": None,
    }
    assert served.ok("GET", f"/admin/keys/{made['id']}") == made
    assert served.ok("GET", f"/admin/users/{user}/keys")["data"] == [made]
    assert served.nobody.get("/admin/users", headers={"x-api-key": text}).status_code == 200


def test_a_key_needs_nothing_said(served: Served) -> None:
    """All that is left out is without limit."""
    made = served.ok("POST", f"/admin/users/{served.user()}/keys", 201, json={})
    assert (made["label"], made["models"], made["rpm"], made["expires_at"]) == ("", [], None, None)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"rpm": -1}, "rpm"),
        ({"rpm": 1.5}, "rpm"),
        ({"rpm": True}, "rpm"),
        ({"rpm": "5"}, "rpm"),
        ({"tpm": 2**53}, "tpm"),
        ({"tpm": 10**400}, "tpm"),
        ({"concurrency": []}, "concurrency"),
        ({"models": "gpt"}, "models"),
        ({"models": [""]}, "models"),
        ({"models": [None]}, "models"),
        ({"models": ["m"] * 101}, "models"),
        ({"label": None}, "label"),
        ({"label": "x" * 201}, "label"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"expires_at": "2026-02-30"}, "expires_at"),
        ({"expires_at": 1_800_000_000}, "expires_at"),
        ({"digest": "x"}, "digest"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_limit_that_cannot_be_is_refused(lasting: Served, method: str, body: Any, param: str) -> None:
    """When a key is made and when it is changed, by the same rules; nothing is written."""
    key = lasting.people.keys(lasting.root)[0].id
    path = f"/admin/users/{lasting.root}/keys" if method == "POST" else f"/admin/keys/{key}"
    before = lasting.people.keys()
    assert lasting.refused(method, path, json=body)["param"] == param
    assert lasting.people.keys() == before


def test_a_change_changes_what_it_names(served: Served) -> None:
    """Null takes a limit away, and what is left out stays."""
    path = f"/admin/keys/{served.key(served.user())}"
    served.ok(
        "PATCH", path, json={"label": "a", "rpm": 5, "tpm": 6, "expires_at": "2026-12-31T10:00:00+02:00"}
    )
    changed = served.ok("PATCH", path, json={"rpm": None, "models": ["x"]})
    assert (changed["label"], changed["rpm"], changed["tpm"], changed["models"]) == ("a", None, 6, ["x"])
    assert changed["expires_at"] == "2026-12-31T08:00:00Z"
    assert served.ok("PATCH", path, json={}) == changed == served.ok("GET", path)


def test_a_whole_number_is_one_however_it_is_written(served: Served) -> None:
    """To JSON, `5.0` and `5` are the same."""
    body = b'{"rpm": 5.0, "tpm": 1e3, "concurrency": 2}'
    path = f"/admin/keys/{served.key(served.user())}"
    changed = served.ok("PATCH", path, content=body, headers={"content-type": "application/json"})
    assert (changed["rpm"], changed["tpm"], changed["concurrency"]) == (5, 1000, 2)


def test_a_rotated_key_has_a_new_text(served: Served) -> None:
    """The old text works until its grace is over, and not at all without one."""
    user = served.user("Second", "admin")
    made = served.ok("POST", f"/admin/users/{user}/keys", 201, json={})
    path = f"/admin/keys/{made['id']}/rotate"
    second = served.ok("POST", path, json={"grace_secs": 60})
    assert (second["id"], second["key"] != made["key"]) == (made["id"], True)
    assert [_opens(served, text) for text in (made["key"], second["key"])] == [True, True]
    served.clock.now = NOON + 60_000
    assert [_opens(served, text) for text in (made["key"], second["key"])] == [False, True]
    third = served.ok("POST", path, json={})
    assert [_opens(served, text) for text in (second["key"], third["key"])] == [False, True]


@pytest.mark.parametrize("grace", [-1, 1.5, "60", None, 31_536_001, 10**30])
def test_a_grace_that_cannot_be_is_refused(lasting: Served, grace: Any) -> None:
    """No longer than a year: a leaked text must end."""
    path = f"/admin/keys/{lasting.key(lasting.root)}/rotate"
    assert lasting.refused("POST", path, json={"grace_secs": grace})["param"] == "grace_secs"


def test_a_revoked_key_stays_revoked(served: Served) -> None:
    """It is still shown, and neither changed nor rotated any more."""
    user = served.user("Second", "admin")
    made = served.ok("POST", f"/admin/users/{user}/keys", 201, json={})
    path = f"/admin/keys/{made['id']}"
    revoked = served.ok("DELETE", path)
    assert revoked["revoked_at"] == "2026-11-23T12:00:00Z"
    assert not _opens(served, made["key"])
    assert served.ok("DELETE", path) == revoked == served.ok("GET", path)
    assert served.refused("PATCH", path, json={"rpm": 1})["code"] == "key_revoked"
    assert served.refused("POST", f"{path}/rotate", json={})["code"] == "key_revoked"


def _opens(served: Served, text: str) -> bool:
    return served.nobody.get("/admin/users", headers={"x-api-key": text}).status_code == 200
