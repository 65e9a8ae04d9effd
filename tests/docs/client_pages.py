"""The pages of docs/clients, made from what `gaud connect` and `gaud run` know.

`python -m tests.docs.client_pages` writes them again after a client has changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gaud_core.cli.clients import CLIENTS, Client, ClientFile, Facts
from gaud_core.cli.clients.showing import exports, for_file, fresh

from .pages import ROOT

__all__ = ["FOLDER", "page", "with_client_table"]

FOLDER = ROOT / "docs" / "clients"
FACTS = Facts(root="http://localhost:8400", model="litellm:gpt-4o")

_BLOCK = re.compile(r"(<!-- clients:begin -->\n).*?(<!-- clients:end -->)", re.DOTALL)
_LANGUAGES = {"env": "ini", "json": "jsonc"}  # their files may hold comments


def with_client_table(text: str) -> str:
    """A document with the table filled in."""
    rows = ["| Client | Calls | `gaud connect` | `gaud run` | Checked by |", "|---|---|---|---|---|"]
    table = "\n".join([*rows, *map(_row, CLIENTS)]) + "\n"
    return _BLOCK.sub(lambda found: f"{found[1]}{table}{found[2]}", text)


def page(client: Client) -> str:
    """The page of a client."""
    return "\n".join(_lines(client))


def _row(client: Client) -> str:
    writes = ", ".join(f"writes `~/{file.path}`" for file in client.files if not file.only_keyed)
    run = "yes" if client.runs else "no"
    cells = [f"[{client.label}]({client.name}.md)", f"`/v1/{client.endpoint}`", writes or "shows the lines"]
    if client.wants_files:
        run = "after `gaud connect`"
    return f"| {' | '.join([*cells, run, _checked(client)])} |"


def _checked(client: Client) -> str:
    if client.tried == "tests":
        return "tests"
    return f"a try with {client.tried}" if client.tried else "its documentation"


def _lines(client: Client) -> Iterator[str]:
    yield from [f"# {client.label}", ""]
    yield f"Calls `/v1/{client.endpoint}`. {_vouched(client)}"
    yield from ["", "## With one command", "", "```bash"]
    yield "export GAUD_KEY=sk-prx-test-key    # your Gaud key"
    says = (
        "shows the change, asks, writes"
        if client.files
        else "shows what is below, with your address and model"
    )
    yield f"gaud connect {client.name:<21} # {says}"
    if client.runs:
        yield f"gaud run {client.name}{_arguments(client)}"
    yield from ["```", "", "More in [clients](README.md).", "", "## By hand", ""]
    for file in client.files:
        yield from _file(file)
    if client.variables and not client.files:
        yield from _fenced("In the shell:", "bash", "\n".join(exports(client, FACTS)))
    for snippet in client.snippets:
        yield from _fenced(f"{snippet.title}:", snippet.language, FACTS.fill(snippet.code))
    if client.notes:
        yield from [*(f"- {FACTS.fill(note)}" for note in client.notes), ""]


def _vouched(client: Client) -> str:
    sources = "; ".join(f"*{source}*" for source in client.sources)
    said = "Not tried with the real client: this is what its documentation says."
    if client.tried:
        said = f"Tried once by hand, with {client.tried}: by `gaud run`, and on what `gaud connect` wrote."
    if client.tried and not client.files:
        said = f"Tried once by hand, with {client.tried}, by `gaud run`."
    return f"{'Tests start the real client.' if client.tried == 'tests' else said} Read in: {sources}."


def _arguments(client: Client) -> str:
    if client.kind == "library":
        return " -- python app.py" if client.name != "ai-sdk" else " -- node app.mjs"
    return ' -- "Hello!"' if client.name == "llm" else ""


def _file(file: ClientFile) -> Iterator[str]:
    only = ", for `--write-key`" if file.only_keyed else ""
    mac = f" (on macOS `~/{file.mac_path}`)" if file.mac_path else ""
    moved = " or ".join(f"`${variable}/{below}`" for variable, below in file.folders)
    where = f"`~/{file.path}`{mac}{f', or {moved}' if moved else ''}{only}:"
    yield from _fenced(where, _LANGUAGES.get(file.format, file.format), fresh(file, for_file(FACTS, file)))


def _fenced(title: str, language: str, code: str) -> Iterator[str]:
    yield from [title, "", f"```{language}", code.rstrip("\n"), "```", ""]


def main() -> None:
    """Write the pages and the table."""
    for client in CLIENTS:
        (FOLDER / f"{client.name}.md").write_text(page(client), encoding="utf-8")
    readme = FOLDER / "README.md"
    readme.write_text(with_client_table(readme.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
