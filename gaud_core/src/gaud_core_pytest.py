"""What pytest loads of Gaud's conformance kit: a marker, and what is skipped. It imports nothing of Gaud.

A module of its own outside the package: every run of pytest in an environment with Gaud loads it, also where
no test is Gaud's, and `import gaud_core` alone would cost each of them a tenth of a second.
"""

from __future__ import annotations

from typing import Any

import pytest

__all__: list[str] = []

pytest.register_assert_rewrite("gaud_core.testing")

_NEWER = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker, so that --strict-markers knows it."""
    config.addinivalue_line("markers", "live: calls the real upstream; runs only with `-m live`")
    config.stash[_NEWER] = {}


def asks_for_live(config: pytest.Config) -> bool:
    """Whether the run is to call real upstreams."""
    return "live" in str(config.getoption("markexpr", ""))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what came after the level that a plugin claims, and the live tests unless they are asked for."""
    for item in items:
        cls = getattr(item, "cls", None)
        if cls is None or not hasattr(cls, "gaud_kit"):
            continue
        if reason := _too_new(item, cls):
            config.stash[_NEWER][item.nodeid] = reason
            item.add_marker(pytest.mark.skip(reason=reason))
        elif item.get_closest_marker("live") and not asks_for_live(config):
            item.add_marker(pytest.mark.skip(reason="calls the real upstream: run it with `pytest -m live`"))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """List what was skipped because the plugin claims an older level."""
    newer = config.stash.get(_NEWER, {})
    if not newer:
        return
    terminalreporter.section("newer than the contract that the provider claims")
    for nodeid, reason in newer.items():
        terminalreporter.write_line(f"{nodeid}: {reason}")


def _too_new(item: pytest.Item, cls: type) -> str:
    """Say why a test of the kit is newer than the provider's contract, or nothing."""
    claimed = getattr(getattr(cls, "provider", None), "contract", None)
    name = getattr(item, "originalname", None) or item.name
    came = _level_of(cls, name)
    if not isinstance(claimed, str) or came is None or _numbers(came) <= _numbers(claimed):
        return ""
    return f"came with level {came} of the contract, the provider claims {claimed}"


def _level_of(cls: type, name: str) -> str | None:
    """The level at which a test came, also when a class has overridden it."""
    for base in cls.__mro__:
        if level := getattr(base.__dict__.get(name), "gaud_since", None):
            return str(level)
    return None


def _numbers(level: str) -> tuple[int, ...]:
    """A level as numbers; one that is none counts as the newest, and another test says what is wrong."""
    try:
        return tuple(int(part) for part in level.split("."))
    except ValueError:
        return (10**6,)
