"""`gaud logout`: forget the token of a provider."""

from __future__ import annotations

import click

from gaud_core.cli.common import config_option
from gaud_core.cli.logins import at_provider, run
from gaud_core.gateway.guests.login import log_out
from gaud_core.provider import LoginProvider

__all__ = ["command"]


@click.command("logout")
@config_option
@click.argument("name")
def command(config_path: str | None, name: str) -> None:
    """Delete the token of the provider of the section [providers.NAME]."""
    run(_logout(config_path, name))


async def _logout(config_path: str | None, name: str) -> None:
    async with at_provider(config_path, name) as provider:
        if not await log_out(provider):
            click.echo(f"Nobody was logged in at `{name}`: there is no {provider.tokens.path}.")
            return
        click.echo(f"Logged out: {provider.tokens.path} is deleted.")
        if type(provider).logout is LoginProvider.logout:
            click.echo("The token itself stays good until it ends, or until you revoke it at the provider's.")
