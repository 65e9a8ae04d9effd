"""What several commands need: the `--config` option, the configuration with its providers, a plain table."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import attrs
import click

from gaud_core.config import Config, load_config
from gaud_core.gateway.plugins import Plugin, discover, install_hint, left_out
from gaud_core.settings import Secret

__all__ = ["Setup", "config_option", "read_setup", "secrets_of", "table"]

F = TypeVar("F", bound=Callable[..., Any])


@attrs.frozen
class Setup:
    """The installed providers and the configuration that was read for them."""

    plugins: tuple[Plugin, ...]
    config: Config


def config_option(function: F) -> F:
    """Add `--config` to a command."""
    told = "The configuration file; without it GAUD_CONFIG, ./llm-proxy.toml or the platform's config folder."
    return click.option("--config", "config_path", metavar="FILE", help=told)(function)


def read_setup(config_path: str | None) -> Setup:
    """Discover the providers and read the configuration; ConfigError says all that is wrong with it."""
    plugins = discover(os.environ)
    schemas = {plugin.name: plugin.provider.settings_class for plugin in plugins if plugin.provider}
    failed = dict.fromkeys(left_out(os.environ), "GAUD_PLUGINS leaves it out.")
    failed |= {plugin.name: plugin.reason for plugin in plugins if plugin.reason and plugin.distribution}
    return Setup(plugins, load_config(config_path, os.environ, schemas, install_hint, failed))


def secrets_of(config: Config) -> Iterator[str]:
    """Give every secret of a configuration, so that the log can mask it."""
    holders = [config.auth, config.database, *(instance.settings for instance in config.instances.values())]
    for holder in holders:
        if holder is not None and attrs.has(type(holder)):
            values = (getattr(holder, field.name) for field in attrs.fields(type(holder)))
            yield from (value.reveal() for value in values if isinstance(value, Secret))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Align rows under their headings."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
