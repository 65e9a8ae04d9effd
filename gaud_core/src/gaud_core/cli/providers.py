"""`gaud providers`: what is installed, what is configured, what is broken and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from gaud_core.cli.common import Setup, config_option, read_setup, table
from gaud_core.cli.running import ask_health, quotas_of, troubles_of
from gaud_core.gateway.dialects import ENDPOINTS
from gaud_core.gateway.guests.plugins import Plugin

__all__ = ["command"]

_HEAD = ("PROVIDER", "VERSION", "STATE", "PREFIX", "ENDPOINTS")


@click.command("providers")
@config_option
def command(config_path: str | None) -> None:
    """List the installed providers and how they are configured; a running gateway is asked how they do."""
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
    _tell_running(setup.config.server)


def _tell_running(server: Any) -> None:
    """Say what a gateway at the configured address knows, if one runs there."""
    address, found = ask_health(server.host, server.port)
    troubles = list(troubles_of(found))
    if found is not None:
        click.echo(f"\nThe gateway that runs at {address} {'says:' if troubles else 'reports no trouble.'}")
    for name, told in [*troubles, *quotas_of(found)]:
        click.echo(f"\n{name}: {told}")


def _rows(setup: Setup) -> Iterator[tuple[str, ...]]:
    """One row for each instance; installed providers without one come last."""
    by_name: dict[str, Plugin] = {}
    for plugin in setup.plugins:
        if by_name.setdefault(plugin.name, plugin).reason:
            by_name[plugin.name] = plugin  # of several that have one name, the one that is used
    for instance in setup.config.instances.values():
        found = by_name.get(instance.provider)
        state = "broken" if instance.problems else "configured"
        yield _row(instance.provider, found, state, f"{instance.name}:")
    used = {id(by_name.get(instance.provider)) for instance in setup.config.instances.values()}
    for plugin in setup.plugins:
        if id(plugin) not in used:
            yield _row(plugin.name, plugin, plugin.stage, "-")


def _row(name: str, plugin: Plugin | None, state: str, prefix: str) -> tuple[str, ...]:
    if plugin is None or not plugin.distribution:
        return name, "-", "not installed", prefix, "-"
    endpoints = "-"
    if plugin.provider:
        endpoints = ", ".join(sorted(plugin.provider.endpoints.intersection(ENDPOINTS))) or "-"
    return name, plugin.version, state, prefix, endpoints


def _reasons(setup: Setup) -> Iterator[tuple[str, str]]:
    problems = [(i.name, str(problem)) for i in setup.config.instances.values() for problem in i.problems]
    yield from problems
    for plugin in setup.plugins:
        if plugin.reason and not any(plugin.reason in problem for _, problem in problems):
            yield plugin.name, f"{plugin.reason}{_origin(plugin)}"
        if plugin.warning:
            yield plugin.name, plugin.warning


def _origin(plugin: Plugin) -> str:
    return f" (distribution {plugin.distribution})" if plugin.distribution else ""
