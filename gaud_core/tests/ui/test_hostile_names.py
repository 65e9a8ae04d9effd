"""What people, programs and upstreams choose is text on every page, whatever it looks like."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from gaud_core.access import KeyLimits
from gaud_core.store.schema import calls

from ..clock import NOON
from .support import House, Visitor

BAD = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def paths(lasting: House) -> list[str]:
    """Pages on which everything has a bad name."""
    user = lasting.people.create_user(BAD, actor="test")
    key = lasting.people.create_key(user.id, BAD, KeyLimits(models=(BAD,)), actor="test")[0]
    row = {
        "id": "req_bad", "worker": "w", "user_id": user.id, "key_id": key.id, "instance": BAD,
        "provider": BAD, "model": BAD, "endpoint": BAD, "stream": False, "on_disconnect": "cancel",
        "state": "settled", "status": 502, "error": BAD, "reserved_tokens": 0,
        "admitted_at": NOON - 1000, "cost_source": BAD,
    }  # fmt: skip
    with lasting.store.writing() as connection:
        connection.execute(insert(calls).values(row))
    return [
        "/ui/dashboard", "/ui/dashboard/live", "/ui/users", f"/ui/users/{user.id}", f"/ui/keys/{key.id}",
        "/ui/budgets", "/ui/usage", "/ui/usage/req_bad", "/ui/models", "/ui/playground", "/ui/providers",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def admin(lasting: House) -> Visitor:
    """Who looks at them."""
    return lasting.visitor()


def test_names_are_escaped_on_every_page(admin: Visitor, paths: list[str]) -> None:
    """No page holds a tag that somebody has put into a name."""
    for path in paths:
        page = admin.get(path)
        assert page.status_code == 200, path
        assert "<script>alert" not in page.text, path
        assert "<img src=x" not in page.text, path
        assert "alert(1)" in page.text or "alert(2)" in page.text or path == "/ui/providers", path


@pytest.mark.parametrize(
    "name", ["q", "provider", "model", "status", "user", "from", "to", "said", "next", "page"]
)
def test_what_an_address_holds_is_escaped(admin: Visitor, name: str) -> None:
    """A link that somebody sends cannot put anything on a page."""
    for path in ("/ui/models", "/ui/usage", "/ui/users", "/ui/dashboard", "/ui/playground"):
        page = admin.client.get(path, params={name: BAD})
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text


def test_what_a_form_holds_is_escaped(admin: Visitor) -> None:
    """A form that is shown once more has what was typed, as text."""
    page = admin.post("/ui/users", name=BAD + "x" * 200)
    assert page.status_code == 400
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in page.text


def test_a_bad_model_has_a_page_of_its_own(admin: Visitor) -> None:
    """Its snippets are text as well, and quoted for the shell."""
    page = admin.get("/ui/models/acme%3A%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
