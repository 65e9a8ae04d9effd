"""The forms for users, keys and budgets, and what a member may see."""

from __future__ import annotations

import re

import httpx
import pytest

from gaud_core.access.audit import read_audit
from gaud_core.ledger.accounts import read_account

from .support import House, Visitor


@pytest.fixture(scope="module")
def admin(lasting: House) -> Visitor:
    """An administrator."""
    return lasting.visitor()


def shown_key(page: httpx.Response) -> str:
    """The text of the key that a page shows."""
    found = re.search(r'id="key-text">([^<]+)<', page.text)
    assert found, page.text
    return found[1]


def test_a_user_is_added_and_opened(lasting: House, admin: Visitor) -> None:
    """His page says that he needs a key next."""
    answer = admin.post("/ui/users", name="Grace", role="admin")
    page = admin.get(answer.headers["location"])
    assert "Grace" in page.text
    assert "Give him a key next" in page.text
    assert lasting.people.find_user("Grace").role == "admin"


def test_a_name_that_is_taken_is_told_beside_its_field(lasting: House, admin: Visitor) -> None:
    """What was typed stays in the form."""
    lasting.member("Taken")
    page = admin.post("/ui/users", name="Taken")
    assert page.status_code == 409
    assert "Take another name." in page.text
    assert 'value="Taken"' in page.text
    assert 'aria-invalid="true"' in page.text


def test_a_key_is_shown_once_and_works(lasting: House, admin: Visitor) -> None:
    """The text is on the page that makes it, on no other one, and in no log of changes."""
    user, _ = lasting.member("Once")
    fields = {"label": "laptop", "rpm": "60", "tpm": "1,000", "concurrency": "2", "models": "m, gpt-*"}
    made = admin.post(f"/ui/users/{user}/keys", **fields, expires_at="2026-12-31")
    text = shown_key(made)
    assert "only time" in made.text
    assert text not in admin.get(f"/ui/users/{user}").text
    assert text not in str(read_audit(lasting.store, 1, 200))
    key = lasting.people.find_key("laptop")
    assert (key.limits.rpm, key.limits.tpm, key.limits.concurrency) == (60, 1000, 2)
    assert key.limits.models == ("m", "gpt-*")
    models = httpx.get(f"{lasting.url}/v1/models", headers={"authorization": f"Bearer {text}"})
    assert [model["id"] for model in models.json()["data"]] == ["acme:m"]


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("rpm", "many", "Requests per minute must be a whole number"),
        ("tpm", "-1", "Tokens per minute must be a whole number"),
        ("concurrency", "1.5", "Calls at a time must be a whole number"),
        ("expires_at", "2020-01-01", "The last day must not be in the past; today is 2026-11-23"),
        ("expires_at", "soon", "The last day must be a date"),
        ("label", "x" * 300, "of at most 200 characters"),
    ],
)
def test_a_mistake_in_a_key_is_told_beside_its_field(
    lasting: House, admin: Visitor, field: str, value: str, told: str
) -> None:
    """In words that say what to type; no key is made, and the rest of the form is as it was."""
    user = lasting.people.create_user(f"Mistake {field} {value[:5]}", actor="test").id
    page = admin.post(f"/ui/users/{user}/keys", **{"models": "kept-*", field: value})
    assert page.status_code == 400
    assert told in page.text
    assert "kept-*" in page.text
    assert lasting.people.keys(user) == []


def test_a_key_is_changed_rotated_and_revoked(lasting: House, admin: Visitor) -> None:
    """Each by the form on its page, and each in the log of changes under the administrator's name."""
    user, _ = lasting.member("Changes")
    key = lasting.people.keys(user)[0]
    admin.post(f"/ui/keys/{key.id}", label="new label", rpm="5", models="", expires_at="", expires_was="")
    assert lasting.people.find_key(key.id).label == "new label"
    assert lasting.people.find_key(key.id).limits.rpm == 5
    text = shown_key(admin.post(f"/ui/keys/{key.id}/rotate", grace_secs="3600"))
    assert lasting.visitor(text).get("/ui/usage").status_code == 200
    admin.post(f"/ui/keys/{key.id}/revoke")
    assert lasting.nobody().sign_in(text).status_code == 401
    changes = [change for change in read_audit(lasting.store, 1, 200)[0] if change.target == key.id]
    by_admin = {change.action for change in changes if change.actor == "user_bootstrap"}
    assert by_admin == {"key.patch", "key.rotate", "key.revoke"}


def test_an_expiry_that_was_not_touched_stays_to_the_millisecond(lasting: House, admin: Visitor) -> None:
    """A form shows days; saving a label must not move the end of a key."""
    user = lasting.people.create_user("Expiry", actor="test").id
    until = lasting.clock.now + 123_456
    key = lasting.people.create_key(user, expires_at=until, actor="test")[0]
    day = "2026-11-23"
    admin.post(f"/ui/keys/{key.id}", label="x", expires_at=day, expires_was=day)
    assert lasting.people.find_key(key.id).expires_at == until
    admin.post(f"/ui/keys/{key.id}", label="x", expires_at="", expires_was=day)
    assert lasting.people.find_key(key.id).expires_at is None


def test_a_budget_is_set_and_taken_away(lasting: House, admin: Visitor) -> None:
    """Exactly what was typed, and an empty field is no limit."""
    user, _ = lasting.member("Budget")
    admin.post(f"/ui/users/{user}/budget", daily_limit="$0.000000001", monthly_limit="12.5")
    account = read_account(lasting.store, lasting.clock.now, user)
    assert (account.day.limit, account.month.limit) == (1, 12_500_000_000)
    assert "12.5" in admin.get(f"/ui/users/{user}").text
    admin.post(f"/ui/users/{user}/budget", daily_limit="", monthly_limit="")
    assert read_account(lasting.store, lasting.clock.now, user).day.limit is None


@pytest.mark.parametrize("typed", ["-1", "a lot", "1e9999", "1,5", "0.0000000001"])
def test_a_budget_that_is_no_amount_is_told(lasting: House, admin: Visitor, typed: str) -> None:
    """And nothing is changed."""
    user = lasting.people.create_user(f"Amount {typed}", actor="test").id
    page = admin.post(f"/ui/users/{user}/budget", daily_limit=typed)
    assert page.status_code == 400
    assert "The daily budget must" in page.text
    assert read_account(lasting.store, lasting.clock.now, user).day.limit is None


def test_the_last_administrator_stays(own: House) -> None:
    """The page says what to do first."""
    page = own.visitor().post("/ui/users/user_bootstrap/delete")
    assert page.status_code == 400
    assert "Make another one first" in page.text


def test_a_user_is_deleted(lasting: House, admin: Visitor) -> None:
    """With his keys."""
    user, text = lasting.member("Gone")
    assert admin.post(f"/ui/users/{user}/delete").headers["location"] == "/ui/users?said=user-deleted"
    assert lasting.nobody().sign_in(text).status_code == 401


def test_a_member_sees_his_own_keys_and_may_only_end_them(lasting: House) -> None:
    """Those of others are not there for him."""
    ada, text = lasting.member("Own Ada")
    bob, _ = lasting.member("Own Bob")
    visitor = lasting.visitor(text)
    page = visitor.get("/ui/keys").text
    assert "this session" in page
    his = lasting.people.keys(bob)[0]
    assert his.prefix not in page
    assert visitor.post(f"/ui/keys/{his.id}/revoke").status_code == 404
    assert lasting.people.find_key(his.id).revoked_at is None
    mine = lasting.people.keys(ada)[0]
    assert visitor.post(f"/ui/keys/{mine.id}/revoke").headers["location"] == "/ui/keys?said=key-revoked"
    assert visitor.get("/ui/keys").status_code == 303
