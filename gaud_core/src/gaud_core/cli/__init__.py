"""The `gaud` command: one small module for each subcommand, imported only when it runs."""

from __future__ import annotations

import errno
import gc
import importlib
import io
import sys

import click

from gaud_core._version import __version__
from gaud_core.errors import ConfigError, GaudError

__all__ = ["main"]

EXIT_CONFIG = 2
_YOUNG_OBJECTS = 25_000  # many more than all calls at a time have
_NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EIO)
_COMMANDS = {
    "bench": "Time real calls through Gaud, and to its upstream beside it.",
    "budgets": "Show and set what users may spend.",
    "check": "Read the configuration and report every mistake.",
    "config": "Plan, apply and undo changes of the configuration while Gaud serves.",
    "connect": "Set up a client, such as a coding agent, to call Gaud.",
    "db": "Copy the database while Gaud serves.",
    "keys": "List, create, change and revoke keys.",
    "ledger": "Prove that the books are right; show what a crash has left.",
    "login": "Log in at a provider.",
    "logout": "Delete the token of a provider.",
    "models": "List the models of every configured provider.",
    "new": "Write the distribution of a provider: source, tests, README, CI.",
    "providers": "List the installed providers and how they are configured.",
    "run": "Start a client with Gaud's address and key set for it alone.",
    "serve": "Start the gateway.",
    "usage": "List calls and what they cost, or add them up.",
    "users": "List, create and delete users.",
}


class _Commands(click.Group):
    """Looks a command up by the name of its module."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names in the order of the alphabet."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module and give its command."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"gaud_core.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_COMMANDS.items()))


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gaud", message="%(prog)s %(version)s")
def _gaud() -> None:
    """Gaud: an OpenAI-compatible gateway for many users and many LLM upstreams."""


def main() -> None:
    """Run the command line; mistakes in the configuration end with exit code 2.

    Hardly anything that a start or a call makes is garbage in a cycle. With the usual thresholds the
    collector goes through the whole of it again and again, a fifth of the time of a start.
    """
    gc.set_threshold(_YOUNG_OBJECTS, 20, 20)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal cannot write is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    try:
        _gaud(prog_name="gaud")
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_CONFIG)
    except GaudError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        from gaud_core.cli.common import drop_output

        drop_output()
        print(f"Gaud cannot write any more: {str(error.strerror).lower()}.", file=sys.stderr)
        sys.exit(1)
