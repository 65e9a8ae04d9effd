"""Connecting a provider, testing it, and its models, in a real browser."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from .conftest import Visitors, Watch
from .world import World


@pytest.fixture
def harbour(gaud: World, page: Any) -> Iterator[Any]:
    """The card of the vendor with a login, which nobody has connected."""
    path = gaud.gateway.config.data.folder / "harbour" / "token.json"
    path.unlink(missing_ok=True)
    page.goto("/ui/oauth")
    yield page.get_by_role("article", name="harbour")
    path.unlink(missing_ok=True)


def test_a_login_by_code(gaud: World, page: Any, harbour: Any) -> None:
    """The code can be copied, the link is the vendor's, and the page goes on by itself."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    assert "not connected" in harbour.inner_text()
    harbour.get_by_role("button", name="Connect").click()
    harbour.locator(".code").wait_for()
    code = harbour.locator(".code").inner_text()
    harbour.get_by_role("button", name="Copy").click()
    harbour.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == code
    link = harbour.get_by_role("link", name="Open 127.0.0.1")
    assert link.get_attribute("href") == f"{gaud.vendor.url}/enter"
    assert link.get_attribute("rel") == "noopener noreferrer"
    assert "the code ends in 14:5" in harbour.inner_text()
    gaud.oauth.approve()
    harbour.get_by_text("Connected.").wait_for()
    harbour.get_by_role("link", name="Show the provider").click()
    page.get_by_role("article", name="harbour").get_by_text("serving").wait_for()
    assert "harbour-large" in page.get_by_role("article", name="harbour").inner_text()


def test_a_login_that_is_denied_and_one_that_is_cancelled(gaud: World, page: Any, harbour: Any) -> None:
    """Both say so, and nothing has changed."""
    harbour.get_by_role("button", name="Connect").click()
    harbour.locator(".code").wait_for()
    gaud.oauth.deny()
    harbour.get_by_text("The login was refused in the browser.").wait_for()
    harbour.get_by_role("button", name="Connect").click()
    harbour.get_by_role("button", name="Cancel").click()
    harbour.get_by_text("Cancelled; nothing has changed.").wait_for()


def test_a_login_in_the_browser(
    gaud: World, visitor: Visitors, set_up: Callable[[str, str], None], harbour: Any
) -> None:
    """The vendor's page leads back to this machine, and the page here notices."""
    set_up("providers.harbour.by_browser", "true")
    try:
        page = visitor()
        page.goto("/ui/providers")
        card = page.get_by_role("article", name="harbour")
        card.get_by_role("button", name="Connect").click()
        link = card.get_by_role("link", name="Open 127.0.0.1")
        link.wait_for()
        address = link.get_attribute("href")
        assert httpx.get(address, follow_redirects=True, timeout=10, trust_env=False).status_code == 200
        card.get_by_text("Connected.").wait_for()
    finally:
        set_up("providers.harbour.by_browser", "")


def test_a_test_call_and_a_rediscovery(litellm: World, page: Any) -> None:
    """Both show what came of them where they were asked for."""
    page.goto("/ui/providers")
    card = page.get_by_role("article", name="litellm")
    card.get_by_label("Model of the test call").select_option("gpt-4o-mini")
    card.get_by_role("button", name="Test call").click()
    card.get_by_text("litellm:gpt-4o-mini answers").wait_for()
    assert "It is good to hear from you." in card.inner_text()
    card.get_by_role("button", name="Rediscover").click()
    card.get_by_text("10 models found.").wait_for()


def test_a_failing_model_is_told_and_is_on_the_dashboard(litellm: World, page: Any) -> None:
    """What the upstream said stands there, and the dashboard names the model."""
    page.goto("/ui/providers")
    card = page.get_by_role("article", name="litellm")
    card.get_by_label("Model of the test call").select_option("mistral-large")
    card.get_by_role("button", name="Test call").click()
    card.get_by_text("litellm:mistral-large does not answer").wait_for()
    page.goto("/ui/dashboard")
    page.get_by_role("region", name="Failing now").get_by_text("litellm:mistral-large").wait_for()


def test_disconnecting_asks_first(gaud: World, page: Any, harbour: Any) -> None:
    """The token is deleted after the answer."""
    harbour.get_by_role("button", name="Connect").click()
    harbour.locator(".code").wait_for()
    gaud.oauth.approve()
    harbour.get_by_role("link", name="Show the provider").click()
    card = page.get_by_role("article", name="harbour")
    card.get_by_role("button", name="Disconnect").click()
    page.get_by_role("dialog").get_by_role("button", name="Disconnect").click()
    page.get_by_text("The stored token is deleted.").wait_for()


def test_the_catalogue_finds_as_one_types(litellm: World, page: Any) -> None:
    """The address keeps what was searched for, and the model has lines to paste."""
    page.goto("/ui/models")
    page.get_by_label("Search").press_sequentially("sonnet")
    page.get_by_text("1–1 of 1 models").wait_for()
    assert "q=sonnet" in page.url
    page.get_by_role("link", name="litellm:claude-sonnet-4").first.click()
    page.get_by_role("heading", level=1, name="litellm:claude-sonnet-4").wait_for()
    assert "$15.00" in page.locator("main").inner_text()
    assert f'base_url="{litellm.url}/v1"' in page.locator("#snippet-python").inner_text()
    page.go_back()
    page.get_by_text("1–1 of 1 models").wait_for()
    assert page.get_by_label("Search").input_value() == "sonnet"


def test_the_dashboard_refreshes_itself(litellm: World, visitor: Visitors, watch: Watch) -> None:
    """Ten seconds later it asks again, and what was unfolded stays so; it can be switched off."""
    watch.expected = ()
    page = visitor()
    page.clock.install()
    page.goto("/ui/dashboard")
    page.get_by_text("Calls as a table").click()
    with page.expect_response("**/ui/dashboard/live**"):
        page.clock.fast_forward(10_500)
    page.locator("#table-calls[open]").wait_for()
    page.get_by_label("Refresh by itself").uncheck()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.fast_forward(60_000)
    with contextlib.suppress(Exception):
        page.wait_for_timeout(100)
    assert [url for url in asked if "live" in url] == []
