"""`gaud run`: start a client with Gaud's address and a key in its environment, and nowhere else."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping

import attrs
import click

from gaud_core.cli.clients import CLIENTS, Client, Facts, client_named
from gaud_core.cli.common import config_option
from gaud_core.cli.reach import choose, find_address, find_key, is_private, list_models
from gaud_core.errors import GaudError
from gaud_core.settings import Secret
from gaud_core.settings.words import listed, printable

__all__ = ["command", "environment_of"]


@click.command("run")
@click.argument("name")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="-- [ARGUMENTS]...")
@click.option("--url", help="Gaud's address; without it GAUD_URL, or where the configuration lets it listen.")
@click.option("--key", help="Your Gaud key; better in GAUD_KEY, for others can see a command's words.")
@click.option("--model", help="The model to use; without it the first that your key may use.")
@config_option
def command(
    config_path: str | None,
    name: str,
    words: tuple[str, ...],
    url: str | None,
    key: str | None,
    model: str | None,
) -> None:
    """Start the client NAME; what stands after -- is its own.

    For a library, the arguments are the command to start: gaud run openai -- python app.py.
    """
    client = client_named(name)
    program, arguments = _program(client, words)
    root = find_address(url, config_path)
    secret = find_key(key)
    if secret is None:
        raise GaudError("There is no key: set GAUD_KEY. `gaud keys create USER` makes one.")
    chosen = choose(list_models(root, secret, client.endpoint), model, root)
    facts = Facts(root=root, model=chosen.id)
    if not is_private(root):
        click.echo(f"Whatever is sent to {root} can be read on the way: it is not encrypted.", err=True)
    _become(program, [*map(facts.fill, client.arguments), *arguments], environment_of(client, facts, secret))


def environment_of(
    client: Client, facts: Facts, key: Secret, given: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment of the client: this one, with the client's variables set and their rivals gone."""
    environ = dict(os.environ if given is None else given)
    for name in client.removed:
        environ.pop(name, None)
    keyed = attrs.evolve(facts, key=key.reveal())
    return environ | {name: keyed.fill(template) for name, template in client.variables.items()}


def _program(client: Client, words: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The program's path and the user's arguments."""
    if not client.runs:
        names = listed(c.name for c in CLIENTS if c.runs)
        raise GaudError(
            f"{client.label} is not started on a command line: see `gaud connect {client.name}`. "
            f"Gaud starts {names}."
        )
    if client.program:
        name, arguments = client.program, words
    elif words:
        name, arguments = words[0], words[1:]
    else:
        raise GaudError(f"Say what to start: gaud run {client.name} -- python app.py.")
    path = shutil.which(name)
    if path is None:
        cure = f" Install it: {client.install}." if client.program else " Is it spelled so?"
        raise GaudError(f"There is no program `{printable(name)}` on the PATH.{cure}")
    return path, arguments


def _become(program: str, arguments: list[str], environ: dict[str, str]) -> None:
    """Turn this process into the client, so that signals, the terminal and the exit code are its own."""
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execve(program, [program, *arguments], environ)  # noqa: S606  whoever types it says what to start
    except OSError as error:
        raise GaudError(f"{program} cannot be started: {(error.strerror or str(error)).lower()}.") from None
