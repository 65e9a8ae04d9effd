"""`gaud login`: log in at a provider, so that Gaud can call it."""

from __future__ import annotations

import click

from gaud_core.cli.common import config_option
from gaud_core.cli.logins import at_provider, run
from gaud_core.cli.terminal import Terminal
from gaud_core.gateway.login import log_in
from gaud_core.provider import LoginProvider

__all__ = ["command"]


@click.command("login")
@config_option
@click.argument("name")
def command(config_path: str | None, name: str) -> None:
    """Log in at the provider of the section [providers.NAME]; Gaud need not run, but may."""
    run(_login(config_path, name))


async def _login(config_path: str | None, name: str) -> None:
    screen = Terminal()
    async with at_provider(config_path, name) as provider:
        try:
            await log_in(provider, screen)
        finally:
            screen.end_line()
        screen.say(_kept(provider))


def _kept(provider: LoginProvider[object]) -> str:
    where = f"Logged in. The token is kept in {provider.tokens.path}, which only you can read."
    return f"{where}\nA Gaud that runs uses it from its next call on."
