"""What `gaud login` and `gaud logout` share: the instance that is meant, and an end that says what it is."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from typing import TYPE_CHECKING, Any

from gaud_core.cli.common import Setup, read_setup, secrets_of
from gaud_core.config import Instance
from gaud_core.errors import (
    ApiError,
    ConfigError,
    GaudError,
    LoginCancelled,
    PluginError,
    brief,
    with_hint,
)
from gaud_core.gateway.guests.plugins import Plugin, install_hint
from gaud_core.observe.logs import set_up_logging
from gaud_core.provider import LoginProvider
from gaud_core.settings.words import did_you_mean, listed, printable

if TYPE_CHECKING:
    from gaud_core.gateway.gateway import Connections

__all__ = ["at_provider", "run"]

EXIT_CANCELLED = 130  # what a shell gives for Ctrl-C
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}")


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command to its end; Ctrl-C and cancelling are no failures, and end with exit code 130."""
    try:
        asyncio.run(work)
    except (KeyboardInterrupt, LoginCancelled):
        print("Cancelled; nothing has changed.", file=sys.stderr)
        sys.exit(EXIT_CANCELLED)
    except ApiError as error:
        raise GaudError(with_hint(error.message, error.hint)) from None


@contextlib.asynccontextmanager
async def at_provider(config_path: str | None, name: str) -> AsyncIterator[LoginProvider[Any]]:
    """Make the instance of that name, not started, and close what it has opened; GaudError says why not."""
    from gaud_core.gateway.gateway import Connections
    from gaud_core.gateway.upstream import Upstream

    setup = read_setup(config_path)
    set_up_logging("warning", as_json=False, secrets=secrets_of(setup.config))
    section, plugin = _meant(setup, name)
    connections = Connections(Upstream(name))
    try:
        yield _made(section, plugin, connections, setup)
    finally:
        await connections.aclose()


def _made(section: Instance, plugin: Plugin, connections: Connections, setup: Setup) -> LoginProvider[Any]:
    from gaud_core.gateway.gateway import build_instance

    try:
        provider = build_instance(section, plugin, connections, setup.config, time.monotonic).provider
    except GaudError:
        raise
    except Exception as error:  # protects the person from the traceback of a plugin's constructor
        raise PluginError(section.name, "start", brief(error)) from error
    if not isinstance(provider, LoginProvider):
        raise GaudError(f"The provider `{section.name}` needs no login: its settings are all that it needs.")
    return provider


def _meant(setup: Setup, name: str) -> tuple[Instance, Plugin]:
    """Find the section and its plugin, or say what is missing and how it comes."""
    section = setup.config.instances.get(name)
    if section is None:
        raise GaudError(_no_such(setup, name))
    if section.settings is None:
        raise ConfigError(section.problems, source=str(setup.config.path or "the environment"))
    return section, next(plugin for plugin in setup.plugins if plugin.name == section.provider)


def _no_such(setup: Setup, name: str) -> str:
    said = f"There is no provider `{printable(name)}` in the configuration."
    plugin = next((plugin for plugin in setup.plugins if plugin.name == name), None)
    if plugin is not None and plugin.reason:
        return f"The provider `{name}` cannot be used: {plugin.reason} (distribution {plugin.distribution})."
    if plugin is not None:
        return f"{said} It is installed: write a section [providers.{name}] to llm-proxy.toml."
    if near := did_you_mean(name, setup.config.instances):
        return f"{said} Did you mean `{near}`?"
    if hint := install_hint(name) if _NAME.fullmatch(name) else "":
        return f"The provider `{name}` is not installed. {hint}"
    names = listed(list(setup.config.instances))
    return f"{said} There is {names}." if names else f"{said} `gaud providers` lists the installed ones."
