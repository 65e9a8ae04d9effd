"""One browser and one gateway for all; pages are watched for errors and for requests elsewhere.

They live as long as the tests of this folder: Playwright keeps an event loop running, and the gateway
changes the environment.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest

from .chromium import browser, executable
from .seed import seed
from .world import ADMIN_KEY, World, world

_WITHOUT = "there is no Chromium here: install it, on Debian and Ubuntu with apt install chromium"
_OURS = {"127.0.0.1", ""}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a browser where there is none, and say so."""
    missing = executable() is None
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        missing = True
    for item in items:
        if missing and "browser" in item.path.parts:
            item.add_marker(pytest.mark.skip(reason=_WITHOUT))


@pytest.fixture(scope="package")
def gaud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The gateway, with a little traffic in its books."""
    with world(tmp_path_factory.mktemp("browser")) as found:
        seed(found.store, int(time.time() * 1000), calls=40)
        yield found


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """The browser."""
    with browser() as found:
        yield found


@attrs.define(slots=False)  # Playwright leaves its handlers there
class Watch:
    """What pages have done that they must not do."""

    errors: list[str] = attrs.field(factory=list)
    strangers: list[str] = attrs.field(factory=list)
    expected: tuple[str, ...] = ()
    """Parts of console messages that a test has provoked, such as the status of a refusal."""

    def watch(self, page: Any) -> None:
        """Look at a page from now on."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type == "error" and not any(part in message.text for part in self.expected):
            self.errors.append(message.text)

    def _request(self, request: Any) -> None:
        if (urlsplit(request.url).hostname or "") not in _OURS:
            self.strangers.append(request.url)


@attrs.frozen
class Visitors:
    """Opens pages of people who have signed in, or have not."""

    chromium: Any
    gaud: World
    watch: Watch
    stack: contextlib.ExitStack

    def nobody(self, **options: Any) -> Any:
        """A page of somebody without a session."""
        context = self.chromium.new_context(base_url=self.gaud.url, reduced_motion="reduce", **options)
        self.stack.callback(context.close)
        context.set_default_timeout(8000)
        page = context.new_page()
        self.watch.watch(page)
        return page

    def __call__(self, key: str = ADMIN_KEY, **options: Any) -> Any:
        """A page of somebody who has pasted his key."""
        page = self.nobody(**options)
        page.goto("/ui/login")
        page.fill("#key", key)
        page.click("button.main")
        page.wait_for_url(lambda url: "/ui/login" not in url)
        return page


@pytest.fixture
def watch() -> Watch:
    """What this test's pages do."""
    return Watch()


@pytest.fixture
def visitor(chromium: Any, gaud: World, watch: Watch) -> Iterator[Visitors]:
    """Open pages; at the end none of them may have complained or have gone elsewhere."""
    with contextlib.ExitStack() as stack:
        yield Visitors(chromium, gaud, watch, stack)
    assert watch.errors == []
    assert watch.strangers == []


@pytest.fixture
def page(visitor: Visitors) -> Any:
    """A page of an administrator."""
    return visitor()


@pytest.fixture
def set_up(gaud: World) -> Callable[[str, str], None]:
    """Change a setting at the desk, for tests that are about something else."""

    def change(key: str, value: str) -> None:
        gaud.run(gaud.gateway.desk.change(key, value, actor="test"))

    return change


@pytest.fixture
def litellm(gaud: World, set_up: Callable[[str, str], None]) -> World:
    """The gateway with LiteLLM behind it."""
    if "litellm" not in gaud.gateway.registry.instances:
        set_up("providers.litellm.url", gaud.litellm.url)
    return gaud
