"""Users, keys and budgets, in a real browser, with calls of the OpenAI SDK."""

from __future__ import annotations

import secrets

import openai
import pytest

from .conftest import Visitors, Watch
from .world import World


def say_hello(gaud: World, key: str) -> str:
    """Make a call with OpenAI's client, as a user of the key does."""
    with openai.OpenAI(base_url=f"{gaud.url}/v1", api_key=key, max_retries=0) as client:
        answer = client.chat.completions.create(
            model="litellm:gpt-4o", messages=[{"role": "user", "content": "Hello!"}]
        )
    return str(answer.choices[0].message.content)


def test_a_key_is_made_used_and_then_stopped_by_a_budget(visitor: Visitors, litellm: World) -> None:
    """From the form to the first answer, and to the refusal when the money is gone."""
    name = f"Browser {secrets.token_hex(3)}"
    page = visitor()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/ui/users")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Add").click()
    page.get_by_role("heading", name=name).wait_for()
    page.get_by_label("Label").fill("laptop")
    page.get_by_label("Requests per minute").fill("100")
    page.get_by_role("button", name="Make the key").click()
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    key = page.evaluate("navigator.clipboard.readText()")
    assert key == page.locator("#key-text").inner_text()
    assert "Hello" in say_hello(litellm, key)

    page.get_by_role("link", name="Done").click()
    page.get_by_label("Daily limit ($)").fill("0.000001")
    page.get_by_role("button", name="Set the budget").click()
    page.get_by_text("The budget is set.").wait_for()
    with pytest.raises(openai.RateLimitError, match="daily budget"):
        say_hello(litellm, key)
    page.goto("/ui/budgets")
    row = page.get_by_role("row").filter(has_text=name)
    assert row.get_by_role("img", name="% used").count() == 1


def test_mistakes_are_told_beside_their_fields(visitor: Visitors, gaud: World, watch: Watch) -> None:
    """What else was typed stays."""
    watch.expected = ("400",)
    user = gaud.people.create_user(f"Mistakes {secrets.token_hex(3)}", actor="test")
    page = visitor()
    page.goto(f"/ui/users/{user.id}")
    page.get_by_label("Label").fill("kept")
    page.get_by_label("Requests per minute").fill("many")
    page.get_by_role("button", name="Make the key").click()
    field = page.get_by_label("Requests per minute")
    assert field.get_attribute("aria-invalid") == "true"
    described = field.get_attribute("aria-describedby")
    assert "must be a whole number" in page.locator(f"#{described}").inner_text()
    assert page.get_by_label("Label").input_value() == "kept"


def test_a_key_is_changed_rotated_and_revoked_with_a_question_each(visitor: Visitors, litellm: World) -> None:
    """Escape keeps it; what was asked is said in the dialog; nothing is done before the answer."""
    user = litellm.people.create_user(f"Dialogs {secrets.token_hex(3)}", actor="test")
    key, old = litellm.people.create_key(user.id, "before", actor="test")
    page = visitor()
    page.goto(f"/ui/keys/{key.id}")
    page.get_by_label("Label").fill("after")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("The key is changed.").wait_for()

    page.goto(f"/ui/keys/{key.id}")
    page.get_by_role("button", name="Rotate").press("Enter")
    dialog = page.get_by_role("dialog")
    page.get_by_label("The old text works on for").select_option("no time at all")
    dialog.get_by_role("button", name="Rotate").click()
    new = page.locator("#key-text").inner_text()
    assert "Hello" in say_hello(litellm, new)
    with pytest.raises(openai.AuthenticationError):
        say_hello(litellm, old)

    page.goto(f"/ui/users/{user.id}")
    page.get_by_role("button", name="Revoke").press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Keep it").wait_for()
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").count() == 0
    assert litellm.people.find_key(key.id).revoked_at is None
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    page.get_by_text("The key is revoked.").wait_for()
    with pytest.raises(openai.AuthenticationError):
        say_hello(litellm, new)


def test_a_user_is_deleted_after_a_question(visitor: Visitors, gaud: World) -> None:
    """And is gone from the list."""
    name = f"Short {secrets.token_hex(3)}"
    user = gaud.people.create_user(name, actor="test")
    page = visitor()
    page.goto(f"/ui/users/{user.id}")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete for ever").click()
    page.get_by_text("have ended").wait_for()
    assert page.get_by_role("link", name=name).count() == 0
