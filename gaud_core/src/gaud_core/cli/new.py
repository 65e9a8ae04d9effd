"""`gaud new`: write the distribution of a provider, complete and with tests that pass."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from importlib import metadata, resources
from pathlib import Path
from string import Template

import click

import gaud_core
from gaud_core.config import SECTIONS, env_prefix
from gaud_core.errors import GaudError
from gaud_core.gateway.guests.plugins import GROUP

__all__ = ["command"]

_NAME = re.compile(r"[a-z](?:[a-z0-9]|[-_](?=[a-z0-9])){0,39}")
_IMPORTED = frozenset({"AsyncGenerator", "Mapping", "Any", "Sequence"})

# Where each file goes, and the template that it is made of; both may hold the words of _words().
_FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    ".gitignore": "gitignore",
    ".github/workflows/test.yml": "workflow.yml",
    "src/$package/__init__.py": "$kind.py",
    "src/$package/py.typed": "",
    "tests/test_$module.py": "test_$kind.py",
}


@click.command("new")
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(["http", "chat"]),
    default="http",
    show_default=True,
    help="http: the upstream speaks OpenAI's dialect; chat: it speaks something else.",
)
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    show_default=True,
    help="Where to put the folder of the distribution.",
)
def command(name: str, kind: str, directory: Path) -> None:
    """Write the distribution of a provider NAME: source, tests, README, CI."""
    _refuse(name)
    folder = directory / f"gaud-provider-{name.replace('_', '-')}"
    if folder.exists():
        raise GaudError(f"{folder} exists already: choose another name or --directory, or remove it.")
    try:
        for target, text in _files(_words(name, kind)):
            path = folder / target
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise GaudError(
            f"{folder} cannot be written: {error.strerror}. Choose another --directory."
        ) from None
    click.echo(_next_steps(folder, name))


def _refuse(name: str) -> None:
    """Raise a sentence for a name that no provider can have."""
    if not _NAME.fullmatch(name):
        raise GaudError(
            f"`{name[:60]}` cannot be the name of a provider, as clients write it before a colon (`acme:x`). "
            "Use up to 40 small letters, digits, `-` and `_`, a letter first and no two signs in a row."
        )
    if name in SECTIONS or name == "providers":
        raise GaudError(f"`{name}` is a section of Gaud's own configuration: choose another name.")
    for dist in metadata.distributions():
        if any(point.group == GROUP and point.name == name for point in dist.entry_points):
            raise GaudError(
                f"`{name}` is a provider already, from {dist.metadata['Name']}: choose another name."
            )


def _words(name: str, kind: str) -> Mapping[str, str]:
    """What stands in the templates."""
    module = name.replace("-", "_")
    label = " ".join(part.capitalize() for part in module.split("_"))
    cls = label.replace(" ", "")
    taken = cls in _IMPORTED or cls in gaud_core.__all__
    core = gaud_core.__version__
    major, minor = core.split(".")[:2]
    return {
        "name": name,
        "kind": kind,
        "module": module,
        "package": f"gaud_provider_{module}",
        "distribution": f"gaud-provider-{module.replace('_', '-')}",
        "label": label,
        "cls": f"{cls}Provider" if taken else cls,
        "variable": env_prefix(name),
        "core": core,
        "next_core": f"{major}.{int(minor) + 1}",
    }


def _files(words: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    templates = resources.files(gaud_core) / "cli" / "templates"
    for target, source in _FILES.items():
        text = ""
        if source:
            file = templates / f"{Template(source).substitute(words)}.template"
            text = Template(file.read_text(encoding="utf-8")).substitute(words)
        yield Template(target).substitute(words), text


def _next_steps(folder: Path, name: str) -> str:
    return "\n".join(
        [
            f"Wrote {folder}. Next:",
            "",
            f"    cd {shlex.quote(str(folder))}",
            '    pip install -e ".[test]"',
            "    pytest",
            "",
            f"Its tests pass as they are. `gaud providers` then lists `{name}`.",
        ]
    )
