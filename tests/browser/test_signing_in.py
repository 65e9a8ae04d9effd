"""The sign-in, in a real browser."""

from __future__ import annotations

from .conftest import Visitors, Watch
from .world import ADMIN_KEY, World


def test_a_wrong_key_is_refused_and_a_right_one_opens_by_keyboard_alone(
    visitor: Visitors, watch: Watch
) -> None:
    """The field has the focus, Enter sends it, the refusal is announced, and the field is empty again."""
    watch.expected = ("401",)
    page = visitor.nobody()
    page.goto("/")
    page.wait_for_url("**/ui/login?**")
    page.keyboard.type("sk-prx-wrong-test")
    page.keyboard.press("Enter")
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "This key is not valid." in alert.inner_text()
    assert page.input_value("#key") == ""
    page.keyboard.type(ADMIN_KEY)
    page.keyboard.press("Enter")
    page.wait_for_url("**/ui/dashboard")
    assert page.get_by_role("heading", level=1).inner_text() == "Dashboard"


def test_the_key_is_nowhere_in_the_browser(visitor: Visitors) -> None:
    """Neither in the address, nor in any storage, nor where a script could read the session."""
    page = visitor()
    assert ADMIN_KEY not in page.url
    assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    assert page.evaluate("Object.keys(sessionStorage)") == ["htmx-current-path-for-history"]
    assert ADMIN_KEY not in page.evaluate("JSON.stringify({...sessionStorage})")
    assert page.evaluate("indexedDB.databases().then(found => found.length)") == 0
    cookies = page.context.cookies()
    assert [(each["httpOnly"], each["sameSite"], each["path"]) for each in cookies] == [
        (True, "Strict", "/ui")
    ]
    assert ADMIN_KEY not in str(cookies)


def test_a_revoked_key_ends_the_session_in_the_middle_of_work(
    visitor: Visitors, gaud: World, watch: Watch
) -> None:
    """The next click leads to the sign-in."""
    watch.expected = ("401",)
    user = gaud.people.create_user("Revoked in the browser", "admin", actor="test")
    key, text = gaud.people.create_key(user.id, actor="test")
    page = visitor(text)
    page.goto("/ui/models")
    gaud.people.revoke_key(key.id, actor="test")
    page.fill("#q", "gpt")  # htmx asks
    page.wait_for_url("**/ui/login**")


def test_signing_out(visitor: Visitors) -> None:
    """And going back does not bring the page again."""
    page = visitor()
    page.click("text=Sign out")
    page.get_by_text("You are signed out.").wait_for()
    page.goto("/ui/users")
    page.wait_for_url("**/ui/login**")


def test_a_member_sees_what_is_his(visitor: Visitors, gaud: World) -> None:
    """Three entries in the menu, and his own keys behind one of them."""
    user = gaud.people.create_user("Member in the browser", actor="test")
    text = gaud.people.create_key(user.id, "mine", actor="test")[1]
    page = visitor(text)
    page.wait_for_url("**/ui/usage")
    menu = page.get_by_role("navigation", name="Pages")
    assert menu.get_by_role("link").all_inner_texts() == ["Usage", "Keys", "Playground"]
    menu.get_by_role("link", name="Keys").click()
    assert "this session" in page.locator("main").inner_text()
