"""`make screenshots`: each page, light and dark, phone and desktop, into docs/screenshots."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gaud_core.ledger.usage import UsageFilter, list_usage

from .chromium import browser
from .seed import seed
from .world import ADMIN_KEY, World, world

_FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
_SIZES = {"desktop": {"width": 1280, "height": 860}, "phone": {"width": 390, "height": 844}}


_ELSEWHERE = """for (const each of document.querySelectorAll("code")) {
  each.textContent = each.textContent.replace(/^\\/.*(?=\\/llm-proxy)/, "/etc/gaud");
}"""
"""The file of the pictures lies in a temporary folder of whoever takes them."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Make them all, or those whose names hold a word."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a part of the names")
    parser.add_argument("--into", type=Path, default=_FOLDER)
    asked = parser.parse_args(arguments)
    asked.into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, world(Path(folder), litellm=True) as found:
        seed(found.store, int(time.time() * 1000))
        with browser() as chromium:
            for size, theme in itertools.product(_SIZES, ("light", "dark")):
                with signed_in(chromium, found, size, theme) as page:
                    for name, path in _pages(found).items():
                        full = f"{name}-{size}-{theme}"
                        if asked.only in full:
                            _take(page, found.url + path, asked.into / f"{full}.png")


def _pages(found: World) -> dict[str, str]:
    user = next(user for user in found.people.users() if user.name == "Ada Lovelace")
    call = list_usage(found.store, UsageFilter(status="ok")).rows[0]
    return {
        "dashboard": "/ui/dashboard?range=30d",
        "dashboard-day": "/ui/dashboard",
        "providers": "/ui/providers",
        "models": "/ui/models",
        "model": "/ui/models/litellm:claude-sonnet-4",
        "users": "/ui/users",
        "user": f"/ui/users/{user.id}",
        "budgets": "/ui/budgets",
        "usage": "/ui/usage",
        "call": f"/ui/usage/{call.id}",
        "settings": "/ui/settings",
        "plan": "/ui/settings#section-budget",
        "history": "/ui/settings/history",
        "playground": "/ui/playground?model=litellm:claude-sonnet-4",
        "login": "/ui/login",
    }


@contextlib.contextmanager
def signed_in(chromium: Any, found: World, size: str, theme: str) -> Iterator[Any]:
    """A page of somebody who has signed in."""
    context = chromium.new_context(
        viewport=_SIZES[size], color_scheme=theme, device_scale_factor=1, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{found.url}/ui/login")
    page.fill("#key", ADMIN_KEY)
    page.click("button.main")
    page.wait_for_url("**/ui/dashboard")
    try:
        yield page
    finally:
        context.close()


def _take(page: Any, url: str, path: Path) -> None:
    if "/ui/login" in url:
        page.context.clear_cookies()
    page.goto(url)
    if "/ui/playground" in url:
        page.fill("#message", "What does Gaud do?")
        page.press("#message", "Enter")
        page.wait_for_selector(".after")
    if "#section-budget" in url:
        page.fill("#set-budget-warning_threshold_percent", "70")
        page.fill("#set-providers-litellm-timeout_secs", "300")
        page.click("text=Review changes")
        page.wait_for_selector("#plan[open]")
    page.evaluate(_ELSEWHERE)
    page.screenshot(path=path, full_page=False)


if __name__ == "__main__":
    main()
