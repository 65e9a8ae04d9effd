"""`gaud connect`: show or write the settings with which a client calls Gaud."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
import click

from gaud_core.cli.clients import CLIENTS, Client, ClientFile, Facts, client_named
from gaud_core.cli.clients.formats import CannotChange, changed
from gaud_core.cli.clients.journal import Entry, Journal
from gaud_core.cli.clients.showing import diff, paste
from gaud_core.cli.clients.targets import Target, place_of, read_target, shown_path
from gaud_core.cli.common import config_option, table
from gaud_core.cli.reach import (
    Listed,
    choose,
    find_address,
    find_key,
    is_private,
    list_models,
    sees_a_person,
)
from gaud_core.errors import GaudError
from gaud_core.settings import Secret

__all__ = ["command"]

_HEAD = ("NAME", "CLIENT", "CALLS", "GAUD WRITES")


@attrs.frozen
class _Change:
    """A file, what it and its mode were before Gaud first wrote it, and what it is to be."""

    target: Target
    form: str
    mode: int
    before: str | None
    after: str
    keyed: bool

    @property
    def is_made(self) -> bool:
        """Whether the file is so already."""
        return self.target.text == self.after

    def make(self) -> None:
        """Write it; a file with a key is its owner's alone."""
        self.target.write(self.after, self.mode & (0o600 if self.keyed else 0o777))


@click.command("connect")
@click.argument("name", required=False)
@click.option("--url", help="Gaud's address; without it GAUD_URL, or where the configuration lets it listen.")
@click.option("--key", help="Your Gaud key; better in GAUD_KEY, for others can see a command's words.")
@click.option("--model", help="The model to use; without it the first that your key may use.")
@click.option(
    "--write-key", is_flag=True, help="Write the key itself into the file, where the client reads it."
)
@click.option("--print", "only_print", is_flag=True, help="Show what belongs where, and write nothing.")
@click.option("--undo", is_flag=True, help="Take back what was written.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def command(config_path: str | None, name: str | None, **options: object) -> None:
    """Set the client NAME up for Gaud; without a name, list the clients.

    What is to change is shown first. The key stays out of files and out of what is shown: they name the
    variable GAUD_KEY, unless --write-key says otherwise.
    """
    if name is None:
        click.echo(_list())
        return
    client = client_named(name)
    if options["undo"]:
        _undo(client, sure=bool(options["yes"]))
    elif options["only_print"] or not client.files:
        facts = _facts_to_print(client, config_path, options)
        click.echo(paste(client, facts, _places(client)))
    else:
        _connect(client, config_path, options)


def _list() -> str:
    rows = [(c.name, c.label, f"/v1/{c.endpoint}", _written(c)) for c in CLIENTS]
    return f"{table(_HEAD, rows, cut={1, 3})}\n\nNext: gaud connect NAME, or gaud run NAME -- ARGUMENTS."


def _written(client: Client) -> str:
    return next((f"~/{file.path}" for file in client.files), "nothing: it shows what to paste")


def _places(client: Client) -> dict[ClientFile, str]:
    home = Path.home()
    return {file: shown_path(place_of(file, os.environ, home), home) for file in client.files}


def _facts_to_print(client: Client, config_path: str | None, options: dict[str, object]) -> Facts:
    """What is shown works without a gateway too: then a word stands for the model."""
    root = find_address(_text(options, "url"), config_path)
    named = _text(options, "model")
    try:
        key = find_key(_text(options, "key")) if not named else None
        if named is None and key is None:
            raise GaudError("GAUD_KEY is not set.")
        listed = choose(list_models(root, key, client.endpoint) if key else [], named, root)
    except GaudError as error:
        click.echo(f"MODEL stands for a model's name, as the gateway could not be asked: {error}\n", err=True)
        listed = Listed("MODEL")
    return _facts(root, listed)


def _facts(root: str, model: Listed, key: Secret | None = None) -> Facts:
    facts = Facts(root=root, model=model.id)
    facts = attrs.evolve(facts, context=model.context) if model.context else facts
    return attrs.evolve(facts, key=key.reveal()) if key else facts


def _connect(client: Client, config_path: str | None, options: dict[str, object]) -> None:
    root, named = find_address(_text(options, "url"), config_path), _text(options, "model")
    write_key = bool(options["write_key"])
    key = find_key(_text(options, "key"), ask=write_key or not named)
    if key is None and (write_key or not named):
        raise GaudError("There is no key: set GAUD_KEY, so that Gaud can be asked for its models.")
    models = _models(client, root, key, needed=not named)
    facts = _facts(root, choose(models, named, root), key if write_key else None)
    journal = Journal.of(client.name)
    entries = {entry.path: entry for entry in journal.entries()}
    changes = [
        _planned(file, facts, entries, keyed=write_key)
        for file in client.files
        if write_key or not file.only_keyed
    ]
    _make(client, [change for change in changes if not change.is_made], journal, options, key)
    _tell_the_rest(client, facts, root, keyed=write_key)


def _models(client: Client, root: str, key: Secret | None, *, needed: bool) -> list[Listed]:
    """Ask the gateway; where a model was named, it need not run yet."""
    try:
        return list_models(root, key, client.endpoint) if key else []
    except GaudError as error:
        if needed:
            raise
        click.echo(f"Not checked: {error}", err=True)
        return []


def _planned(file: ClientFile, facts: Facts, entries: dict[str, Entry], *, keyed: bool) -> _Change:
    """Begin from the text before Gaud: what an earlier `connect` wrote is not left behind."""
    target = read_target(place_of(file, os.environ, Path.home()))
    entry = entries.get(str(target.path))
    ours = entry is not None and entry.is_state(target.text)
    before, mode = (entry.before, entry.mode) if entry and ours else (target.text, target.mode)
    template = file.keyed if keyed and file.keyed else file.content
    start = file.fresh if before is None else before
    try:
        after = changed(start, facts.filled(template), file.format, file.under)
    except CannotChange as wrong:
        raise GaudError(
            f"{target.path} is left as it is: {wrong}. `--print` shows what belongs there."
        ) from None
    return _Change(target, file.format, mode, before, after, keyed=keyed and file.keyed is not None)


def _make(
    client: Client,
    changes: list[_Change],
    journal: Journal,
    options: dict[str, object],
    key: Secret | None,
) -> None:
    if not changes:
        click.echo(f"{client.label} is set up so already.")
        return
    for change in changes:
        click.echo(diff(change.target, change.after, key))
        if change.target.path.is_symlink():
            click.echo(f"This is a link to {change.target.real}, which is what changes.\n", err=True)
    _ask("Write this?", sure=bool(options["yes"]))
    entries = {entry.path: entry for entry in journal.entries()}
    for change in changes:
        made = Entry.of(
            change.target.path, change.form, change.mode, change.before, change.after, keyed=change.keyed
        )
        entries[made.path] = made
    journal.save(list(entries.values()))  # first, so that nothing is written which cannot be undone
    for change in changes:
        change.make()
        click.echo(f"Wrote {change.target.path}.")
    click.echo(f"`gaud connect {client.name} --undo` takes it back.")


def _tell_the_rest(client: Client, facts: Facts, root: str, *, keyed: bool) -> None:
    if keyed:
        click.echo("The key is in that file now: keep it out of backups and repositories.", err=True)
    elif client.variables or client.files:
        click.echo('\nThe key comes from GAUD_KEY: put `export GAUD_KEY="…"` into your shell\'s profile.')
    if not is_private(root):
        click.echo(f"Whatever is sent to {root} can be read on the way: it is not encrypted.", err=True)
    for note in client.notes:
        click.echo(f"- {facts.fill(note)}")


def _undo(client: Client, *, sure: bool) -> None:
    journal = Journal.of(client.name)
    entries = journal.entries()
    if not entries:
        raise GaudError(f"There is nothing to undo: Gaud has written no file of {client.label}.")
    steps: list[tuple[Target, Entry, str | None]] = []
    for entry in entries:
        target = read_target(Path(entry.path))
        if target.text is not None and target.text != entry.before:
            steps.append((target, entry, entry.original(target.text)))
    for target, _, text in steps:
        click.echo(diff(target, text, None))
    if steps:
        _ask("Take this back?", sure=sure)
    for target, entry, text in steps:
        if text is None:
            target.remove()
        else:
            target.write(text, entry.mode)
        click.echo(f"{target.path} is {'gone' if text is None else 'as it was'}.")
    journal.save([])
    if not steps:
        click.echo("The files are as they were already.")


def _ask(question: str, *, sure: bool) -> None:
    if sure:
        return
    if not sees_a_person():
        raise GaudError("Nothing was written, as nobody can be asked here: say --yes, or look with --print.")
    if not click.confirm(question):
        raise GaudError("Nothing was written.")


def _text(options: dict[str, object], name: str) -> str | None:
    value = options[name]
    return str(value) if value else None
