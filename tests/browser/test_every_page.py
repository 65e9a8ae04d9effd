"""Every page, light and dark, on a desktop and on a phone: accessible, quiet, and nothing sticks out."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import pytest

from gaud_core.ledger.usage import UsageFilter, list_usage

from .conftest import Visitors
from .world import World

PHONE = {"width": 360, "height": 740}
PATHS = ("dashboard", "providers", "models", "users", "budgets", "usage", "settings", "playground", "keys")


@functools.cache
def axe() -> str:
    """The script of axe-core, from the distribution that brings it along."""
    return (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def paths(gaud: World) -> list[str]:
    """All pages that there are, with things that are there."""
    user = next(user for user in gaud.people.users() if user.name == "Ada Lovelace")
    key = gaud.people.keys(user.id)[0]
    call = list_usage(gaud.store, UsageFilter()).rows[0]
    single = [f"users/{user.id}", f"keys/{key.id}", f"usage/{call.id}", "models/litellm:gpt-4o"]
    more = ["settings/history", "dashboard?range=30d", "usage?model=none", "models?q=none", "nowhere"]
    return [f"/ui/{path}" for path in (*PATHS, *single, *more)]


def findings(page: Any, *rules: str) -> list[str]:
    """What axe calls serious or worse; with `rules` only those are looked at."""
    options = {"resultTypes": ["violations"]} | (
        {"runOnly": {"type": "rule", "values": rules}} if rules else {}
    )
    page.evaluate(axe())
    found = page.evaluate("options => axe.run(document, options).then(found => found.violations)", options)
    return [
        f"{page.url}: {each['id']}: {[node['html'][:160] for node in each['nodes'][:3]]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize(("theme", "rules"), [("light", ()), ("dark", ("color-contrast",))])
def test_axe_finds_nothing_serious(
    litellm: World, visitor: Visitors, theme: str, rules: tuple[str, ...]
) -> None:
    """On any page, and in the dark every contrast once more; what is not there is a page too."""
    visitor.watch.expected = ("404",)
    page = visitor(color_scheme=theme)
    found = []
    for path in paths(litellm):
        page.goto(path)
        found += findings(page, *rules)
    assert found == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_at_the_sign_in(visitor: Visitors, theme: str) -> None:
    """Nor there."""
    page = visitor.nobody(color_scheme=theme)
    page.goto("/ui/login")
    assert findings(page) == []


def test_nothing_sticks_out_on_a_phone(litellm: World, visitor: Visitors) -> None:
    """No page is wider than the screen, and the menu is a tap away."""
    visitor.watch.expected = ("404",)
    page = visitor(viewport=PHONE, has_touch=True)
    for path in paths(litellm):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
    page.get_by_role("button", name="Menu").tap()
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Users").tap()
    page.get_by_role("heading", name="Users").wait_for()


def test_an_open_dialog_is_accessible_too(litellm: World, visitor: Visitors) -> None:
    """It has a name, and the focus is in it."""
    user = next(user for user in litellm.people.users() if user.name == "Ada Lovelace")
    page = visitor()
    page.goto(f"/ui/users/{user.id}")
    page.get_by_role("button", name="Delete").click()
    assert page.get_by_role("dialog", name="Delete Ada Lovelace?").is_visible()
    assert page.evaluate("document.activeElement.textContent") == "Keep it"
    assert findings(page) == []


def test_the_keyboard_reaches_the_page_past_the_menu(visitor: Visitors) -> None:
    """The first stop is the way past it."""
    page = visitor()
    page.goto("/ui/users")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "f-name"


def test_the_colours_can_be_chosen(visitor: Visitors) -> None:
    """Against what the system wants, and for good."""
    page = visitor(color_scheme="light")
    page.get_by_role("button", name="Dark").click()
    page.goto("/ui/models")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 17, 22)"
