"""What holds for each route: who may see it, that its form is ours, its headers."""

from __future__ import annotations

import re

import pytest

from gaud_core.ui.endpoint import Page
from gaud_core.ui.routes import PAGES

from .support import House, Visitor

READ = [page for page in PAGES if page.method == "GET"]
SENT = [page for page in PAGES if page.method == "POST"]
CLOSED = [page for page in PAGES if page.who != "anybody"]


def path_of(page: Page) -> str:
    """An address of a page, of things that are not there."""
    return re.sub(r"\{[^}]*\}", "1", page.path)


def named(page: Page) -> str:
    """How a test of a page is called."""
    return f"{page.method} {page.path}"


@pytest.fixture(scope="module")
def admin(lasting: House) -> Visitor:
    """An administrator."""
    return lasting.visitor()


@pytest.fixture(scope="module")
def member(lasting: House) -> Visitor:
    """A member."""
    return lasting.visitor(lasting.member("Member of all pages")[1])


@pytest.mark.parametrize("page", CLOSED, ids=named)
def test_nobody_gets_nothing(lasting: House, page: Page) -> None:
    """Without a session every closed page leads to the sign-in, and a program gets a 401."""
    answer = lasting.nobody().client.request(page.method, path_of(page))
    if page.json:
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "session_over"
    else:
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/ui/login")


@pytest.mark.parametrize("page", [page for page in CLOSED if page.who == "admin"], ids=named)
def test_a_member_is_refused_what_is_an_administrators(member: Visitor, page: Page) -> None:
    """On every page that is not listed as a member's, whatever the method."""
    path = path_of(page)
    answer = member.get(path) if page.method == "GET" else member.post(path)
    assert answer.status_code == 403
    assert "for administrators" in answer.text


def test_what_is_a_members_is_this() -> None:
    """A page that is opened to members changes this list."""
    assert [named(page) for page in PAGES if page.who == "member"] == [
        "GET /ui/dashboard",
        "GET /ui/keys",
        "POST /ui/keys/{id}/revoke",
        "GET /ui/usage",
        "GET /ui/usage/csv",
        "GET /ui/usage/{id}",
        "GET /ui/playground",
        "POST /ui/playground/chat",
        "GET /ui/playground/calls/{id}",
    ]


@pytest.mark.parametrize("page", SENT, ids=named)
def test_a_form_from_elsewhere_is_refused(admin: Visitor, lasting: House, page: Page) -> None:
    """Without the token, with another session's, or sent by another site: nothing is done."""
    path, strange = path_of(page), lasting.visitor().token()
    for fields in ({}, {"csrf": ""}, {"csrf": strange}, {"csrf": "é"}):
        answer = admin.client.post(path, data=fields)
        assert answer.status_code == 403
        assert "did not come from a page of your session" in answer.text
    for site in ("cross-site", "same-site"):
        headers = {"sec-fetch-site": site, "x-csrf-token": admin.token()}
        assert admin.client.post(path, headers=headers).status_code == 403


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_each_answer_has_the_headers_that_protect_it(admin: Visitor, page: Page) -> None:
    """No script but ours, no frame, no cache; also on errors and redirects."""
    path = path_of(page)
    answer = admin.get(path) if page.method == "GET" else admin.client.post(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("page", READ, ids=named)
def test_no_page_has_a_script_or_a_style_of_its_own(admin: Visitor, page: Page) -> None:
    """The policy would block them; and nothing is fetched from elsewhere."""
    text = admin.get(path_of(page)).text
    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert re.findall(r"""\s(style|on[a-z]+)\s*=\s*["']""", text) == []
    assert re.findall(r"<style", text) == []
    assert re.findall(r"""(?:src|action|hx-get|hx-post)=["'](?:https?:)?//""", text) == []


@pytest.mark.parametrize("page", READ, ids=named)
def test_a_page_answers_head_as_get(admin: Visitor, page: Page) -> None:
    """With the same status and no body."""
    answer = admin.client.head(path_of(page))
    assert answer.content == b""
    assert answer.status_code == admin.get(path_of(page)).status_code


def test_another_method_is_refused_in_words(admin: Visitor) -> None:
    """As everywhere else in Gaud."""
    answer = admin.client.delete("/ui/users")
    assert answer.status_code == 405


def test_a_form_that_is_too_long_is_refused(admin: Visitor) -> None:
    """Before it fills the memory."""
    answer = admin.post("/ui/users", name="x" * (1024 * 1024))
    assert answer.status_code == 413


def test_a_form_of_another_kind_is_refused(admin: Visitor) -> None:
    """Files have no place here."""
    answer = admin.client.post("/ui/users", json={"name": "Ada"})
    assert answer.status_code == 415


def test_what_htmx_asks_for_fails_as_a_part_of_a_page(admin: Visitor) -> None:
    """A whole page inside of another one would be a mess."""
    answer = admin.get("/ui/usage/1", **{"hx-request": "true"})
    assert answer.status_code == 404
    assert "<html" not in answer.text
    assert "There is no such call" in answer.text


def test_htmx_is_led_to_the_sign_in(lasting: House) -> None:
    """A session that has ended must not put the sign-in into the middle of a page."""
    answer = lasting.nobody().get("/ui/dashboard/live", **{"hx-request": "true"})
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"].startswith("/ui/login")
