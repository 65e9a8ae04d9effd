"""`gaud providers`: what is installed, what is configured, what is broken and why."""

from __future__ import annotations

from collections.abc import Iterator

import click

from gaud_core.cli.common import Setup, config_option, read_setup, table
from gaud_core.gateway.dialects import ENDPOINTS
from gaud_core.gateway.plugins import Plugin

__all__ = ["command"]

_HEAD = ("PROVIDER", "VERSION", "STATE", "PREFIX", "ENDPOINTS")


@click.command("providers")
@config_option
def command(config_path: str | None) -> None:
    """List the installed providers and how they are configured."""
    setup = read_setup(config_path)
    rows = list(_rows(setup))
    if rows:
        click.echo(table(_HEAD, rows))
    else:
        click.echo(
            "No provider is installed. The README lists them; one is installed with pip beside gaud-core."
        )
    for name, reason in _reasons(setup):
        click.echo(f"\n{name}: {reason}")


def _rows(setup: Setup) -> Iterator[tuple[str, ...]]:
    """One row for each instance; installed providers without one come last."""
    by_name = {plugin.name: plugin for plugin in setup.plugins}
    for instance in setup.config.instances.values():
        plugin = by_name.get(instance.provider)
        state = "broken" if instance.problems else "configured"
        yield _row(instance.provider, plugin, state, f"{instance.name}:")
    used = {instance.provider for instance in setup.config.instances.values()}
    for plugin in setup.plugins:
        if plugin.name not in used:
            yield _row(plugin.name, plugin, "broken" if plugin.reason else "installed", "-")


def _row(name: str, plugin: Plugin | None, state: str, prefix: str) -> tuple[str, ...]:
    if plugin is None:
        return name, "-", "not installed", prefix, "-"
    endpoints = "-"
    if plugin.provider:
        endpoints = ", ".join(sorted(plugin.provider.endpoints.intersection(ENDPOINTS))) or "-"
    return name, plugin.version, state, prefix, endpoints


def _reasons(setup: Setup) -> Iterator[tuple[str, str]]:
    explained = set()
    for instance in setup.config.instances.values():
        for problem in instance.problems:
            explained.add(instance.provider)
            yield instance.name, str(problem)
    for plugin in setup.plugins:
        if plugin.reason and plugin.name not in explained:
            yield plugin.name, f"{plugin.reason} (distribution {plugin.distribution})"
        if plugin.warning:
            yield plugin.name, plugin.warning
