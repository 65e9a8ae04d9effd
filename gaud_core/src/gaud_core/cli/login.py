"""`gaud login`: log in at a provider, so that Gaud can call it."""

from __future__ import annotations

import click

from gaud_core.cli.common import config_option
from gaud_core.cli.logins import at_provider, run
from gaud_core.cli.terminal import Terminal
from gaud_core.gateway.guests.login import log_in
from gaud_core.provider import LoginProvider

__all__ = ["command"]


@click.command("login")
@config_option
@click.argument("name")
@click.option(
    "--import",
    "take_over",
    is_flag=True,
    help="Take over the login that another program on this machine has, such as the editor's.",
)
def command(config_path: str | None, name: str, *, take_over: bool) -> None:
    """Log in at the provider of the section [providers.NAME]; Gaud need not run, but may."""
    run(_login(config_path, name, take_over=take_over))


async def _login(config_path: str | None, name: str, *, take_over: bool) -> None:
    screen = Terminal()
    async with at_provider(config_path, name) as provider:
        try:
            await log_in(provider, screen, take_over=take_over)
        finally:
            screen.end_line()
        screen.say(_kept(provider))


def _kept(provider: LoginProvider[object]) -> str:
    where = f"Logged in. The token is kept in {provider.tokens.path}, which only you can read."
    return f"{where}\nA Gaud that runs uses it from its next call on."
