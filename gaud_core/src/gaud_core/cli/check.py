"""`gaud check`: read the configuration, report every mistake at once."""

from __future__ import annotations

import click

from gaud_core.cli.common import Setup, config_option, read_setup
from gaud_core.errors import ConfigError

__all__ = ["command"]


@click.command("check")
@config_option
def command(config_path: str | None) -> None:
    """Read the configuration and report every mistake; exit code 2 if there is one."""
    setup = read_setup(config_path)
    for warning in setup.config.warnings:
        click.echo(f"warning: {warning}", err=True)
    if setup.config.problems:
        raise ConfigError(setup.config.problems, source=str(setup.config.path or "the environment"))
    click.echo(_summary(setup))


def _summary(setup: Setup) -> str:
    where = str(setup.config.path) if setup.config.path else "no file, defaults and environment only"
    names = ", ".join(setup.config.instances) or "none"
    return f"The configuration is good ({where}). Providers: {names}."
