"""The settings, in a real browser: checked, planned, applied at once, rolled back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai
import pytest

from .conftest import Watch
from .world import HELD, World

URL = "#set-providers-litellm-url"
KEY = "#set-providers-litellm-api_key"


@pytest.fixture
def form(gaud: World, page: Any, set_up: Callable[[str, str], None]) -> Any:
    """The page, before LiteLLM is set up."""
    if "litellm" in gaud.gateway.registry.instances:
        set_up("providers.litellm.url", "")
    page.goto("/ui/settings")
    return page


def review(page: Any) -> Any:
    """Ask what the changes would do."""
    page.get_by_role("button", name="Review changes").click()
    plan = page.locator("#plan[open]")
    plan.wait_for()
    return plan


def test_litellm_is_set_up_and_works_at_once(gaud: World, form: Any) -> None:
    """As the guide says, only that nothing is restarted: the next call goes through it."""
    section = form.get_by_role("region", name="litellm")
    assert "not set up" in section.inner_text()
    form.fill(URL, gaud.litellm.url)
    form.fill(KEY, "sk-litellm-test")
    plan = review(form)
    told = plan.inner_text()
    assert "providers.litellm.url" in told
    assert gaud.litellm.url in told
    assert "sk-litellm-test" not in told
    assert "********" in told
    plan.get_by_role("button", name="Apply").click()
    form.get_by_text("Applied.").wait_for()
    assert "set up" in form.get_by_role("region", name="litellm").inner_text()
    assert form.input_value(KEY) == "********"
    assert "sk-litellm-test" not in form.content()
    assert "# The gateway of the tests; this comment stays." in gaud.file.read_text()
    user = gaud.people.create_user(f"At once {id(form)}", actor="test")
    key = gaud.people.create_key(user.id, actor="test")[1]
    with openai.OpenAI(base_url=f"{gaud.url}/v1", api_key=key, max_retries=0) as client:
        answer = client.chat.completions.create(
            model="litellm:gpt-4o", messages=[{"role": "user", "content": "Hello!"}]
        )
    assert "Hello" in str(answer.choices[0].message.content)


def test_a_mistake_is_told_as_one_types_and_refused_with_reasons(
    form: Any, gaud: World, watch: Watch
) -> None:
    """Nothing of it is applied, and what is right among it is not lost."""
    watch.expected = ("400",)
    form.locator(URL).press_sequentially("localhost:4000")
    problem = form.locator("#problem-providers-litellm-url .wrong")
    problem.wait_for()
    assert "http" in problem.inner_text()
    assert form.locator(URL).get_attribute("aria-invalid") == "true"
    form.fill("#set-ledger-retention_days", "90")
    plan = review(form)
    assert "This cannot be applied." in plan.inner_text()
    assert plan.get_by_role("button", name="Apply").count() == 0
    plan.get_by_role("button", name="Back").click()
    assert form.input_value("#set-ledger-retention_days") == "90"
    form.fill(URL, gaud.litellm.url)
    problem.wait_for(state="detached")
    assert "retention" not in gaud.file.read_text()


def test_what_the_environment_holds_is_disabled_and_named(form: Any) -> None:
    """With the variable, so that one knows where to change it."""
    field = form.locator("#set-breaker-open_secs")
    variable, value = next(iter(HELD.items()))
    assert field.is_disabled()
    assert float(field.input_value()) == float(value)
    row = form.locator(".setting").filter(has=field)
    assert f"held by {variable}" in row.inner_text()


def test_an_earlier_version_comes_back(form: Any, gaud: World) -> None:
    """After its plan was shown; the history has both."""
    form.fill("#set-budget-warning_threshold_percent", "55")
    review(form).get_by_role("button", name="Apply").click()
    form.get_by_text("Applied.").wait_for()
    assert gaud.gateway.config.budget.warning_threshold_percent == 55
    form.get_by_role("link", name="History").click()
    form.get_by_role("button", name="Go back to it").first.click()
    assert "budget.warning_threshold_percent" in form.locator("main").inner_text()
    form.get_by_role("button", name="Go back to it").click()
    form.get_by_text("The earlier version is in force again.").wait_for()
    assert gaud.gateway.config.budget.warning_threshold_percent == 80


def test_a_broken_file_is_told(form: Any, gaud: World, watch: Watch) -> None:
    """The last good state goes on, and the page says what is wrong with the file."""
    watch.expected = ("400",)
    good = gaud.file.read_text()
    try:
        gaud.file.write_text(good + "\n[breaker]\nfailure_treshold = 4\n")
        form.get_by_role("button", name="Look at the disk again").click()
        form.get_by_text("failure_treshold").first.wait_for()
    finally:
        gaud.file.write_text(good)
    form.goto("/ui/settings")
    form.get_by_role("button", name="Look at the disk again").click()
    form.get_by_text("The file on the disk is in force.").wait_for()
