"""Usage and the playground, in a real browser."""

from __future__ import annotations

from typing import Any

from .conftest import Watch
from .world import World


def test_calls_are_filtered_opened_and_downloaded(litellm: World, page: Any) -> None:
    """Each filter counts at once and stands in the address."""
    page.goto("/ui/usage")
    with page.expect_response("**/ui/usage?**"):
        page.get_by_label("Status").select_option("ok")
    page.get_by_label("Model").fill("gpt-4o")
    page.get_by_label("Model").press("Enter")
    page.wait_for_url("**model=gpt-4o**")
    page.locator("#results .table tbody tr").first.wait_for()
    assert "status=ok" in page.url
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert "gpt-4o" in download.value.path().read_text()
    page.locator("#results .table tbody a").first.click()
    page.get_by_role("heading", name="Where the time went").wait_for()
    told = page.locator("main").inner_text()
    for part in ("Why this provider", "Counted from the tokens", "until the first byte"):
        assert part in told


def test_a_chat_is_streamed_booked_and_goes_on(litellm: World, page: Any) -> None:
    """With the timing and the cost of each answer; the second question brings the first one along."""
    page.goto("/ui/playground?model=litellm:gpt-4o")
    page.fill("#message", "What does Gaud do?")
    page.press("#message", "Enter")
    page.locator(".turn .after").wait_for()
    answer = page.locator(".turn").last.inner_text()
    assert "byte for byte, as you wrote it." in answer
    assert "24 in, 42 out" in answer
    assert "$0.00048" in answer
    page.fill("#message", "And then?")
    page.click("#send")
    page.locator(".turn .after").nth(1).wait_for()
    assert len(litellm.litellm.seen[-1].json["messages"]) == 3
    page.get_by_role("link", name="the call in the books").last.click()
    page.get_by_role("heading", level=1, name="litellm:gpt-4o").wait_for()


def test_a_refusal_in_the_playground_says_what_to_do(litellm: World, page: Any, watch: Watch) -> None:
    """In the words that a program would get."""
    watch.expected = ("404", "429")
    page.goto("/ui/playground")
    page.fill("#model", "litellm-gpt-4")
    page.fill("#message", "Hi")
    page.press("#message", "Enter")
    page.get_by_role("alert").filter(has_text="There is no model").wait_for()
    page.click("#clear")
    page.fill("#model", "litellm:mistral-large")
    page.fill("#message", "Hi")
    page.press("#message", "Enter")
    page.get_by_role("alert").filter(has_text="Rate limit of the upstream").wait_for()
