"""What several commands need: the `--config` option, the configuration with its providers, a plain table."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import attrs
import click

from gaud_core.config import Config, load_config
from gaud_core.gateway.guests.plugins import Plugin, discover, install_hint, settings_of

__all__ = [
    "Setup",
    "config_option",
    "drop_output",
    "printable",
    "read_setup",
    "screen_width",
    "secrets_of",
    "shorten",
    "table",
    "width_of",
]

_NARROWEST = 6
_NARROWEST_SCREEN = 20

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
    known = settings_of(plugins, os.environ)
    return Setup(plugins, load_config(config_path, os.environ, known.schemas, install_hint, known.failed))


def secrets_of(config: Config) -> Iterator[str]:
    """Give every secret of a configuration, so that the log can mask it."""
    return config.secrets()


def drop_output() -> None:
    """Let what still waits for standard output go nowhere, so that it does not fail again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Collection[int] = (),
    cut: Collection[int] = (),
) -> str:
    """Align rows under their headings.

    Columns in `right` are aligned to the right; those in `cut` are shortened where the screen is too narrow.
    """
    lines = [[printable(cell) for cell in line] for line in (head, *rows)]
    widths = [max(width_of(line[column]) for line in lines) for column in range(len(head))]
    _narrow(widths, cut)
    return "\n".join(
        "  ".join(
            _padded(shorten(cell, width), width, to_the_right=column in right)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def printable(text: str) -> str:
    """Put a mark in the place of what would steer the terminal: clients choose the names of models."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else "�" for sign in text)


def screen_width() -> int | None:
    """How many characters fit on a line; None when nobody looks and nothing need be cut."""
    if os.environ.get("COLUMNS") or sys.stdout.isatty():
        return max(_NARROWEST_SCREEN, shutil.get_terminal_size().columns)
    return None


def shorten(text: str, width: int) -> str:
    """Cut a text to so many columns, with … at its end."""
    if width_of(text) <= width:
        return text
    kept, left = "", width - 1
    for sign in text:
        left -= width_of(sign)
        if left < 0:
            break
        kept += sign
    return f"{kept}…"


def width_of(text: str) -> int:
    """How many columns a text takes: Chinese signs take two, accents of their own none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    return len(text) + wide - sum(unicodedata.combining(sign) > 0 for sign in text)


def _padded(cell: str, width: int, *, to_the_right: bool) -> str:
    space = " " * (width - width_of(cell))
    return space + cell if to_the_right else cell + space


def _narrow(widths: list[int], cut: Collection[int]) -> None:
    """Take from the widest column that may be cut until the line fits."""
    screen = screen_width()
    if screen is None or not cut:
        return
    room = screen - 2 * (len(widths) - 1)
    while sum(widths) > room:
        widest = max(cut, key=lambda column: widths[column])
        if widths[widest] <= _NARROWEST:
            return
        widths[widest] -= 1
