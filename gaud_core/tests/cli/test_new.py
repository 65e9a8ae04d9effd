"""`gaud new`: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from gaud_core import ChatProvider, HTTPProvider
from gaud_core.gateway.guests.plugins import GROUP, objection_to

from .conftest import Run

WRITTEN = {
    ".github/workflows/test.yml",
    ".gitignore",
    "README.md",
    "pyproject.toml",
    "src/gaud_provider_bird/__init__.py",
    "src/gaud_provider_bird/py.typed",
    "tests/test_bird.py",
}


def files(folder: Path) -> set[str]:
    """All files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def loaded(path: Path) -> ModuleType:
    """A module from its file, without an install."""
    module = ModuleType(path.parent.name)
    exec(compile(path.read_text(), path, "exec", dont_inherit=True), vars(module))  # noqa: S102 - it is what the command wrote
    return module


@pytest.mark.parametrize("kind", ["http", "chat"])
def test_it_writes_a_whole_distribution(gaud: Run, folder: Path, kind: str) -> None:
    """Source, tests, README, CI and metadata, and nothing else."""
    ran = gaud("new", "bird", "--kind", kind)
    assert (ran.code, ran.err) == (0, "")
    assert files(folder / "gaud-provider-bird") == WRITTEN
    assert {path.name for path in folder.iterdir()} == {"gaud-provider-bird"}


def test_it_says_the_next_three_commands(gaud: Run, folder: Path) -> None:
    """They are there to be pasted, also when the path has a blank."""
    (folder / "my plugins").mkdir()
    ran = gaud("new", "bird", "--directory", "my plugins")
    commands = [line.strip() for line in ran.out.splitlines() if line.startswith("    ")]
    assert commands == ["cd 'my plugins/gaud-provider-bird'", 'pip install -e ".[test]"', "pytest"]


@pytest.mark.parametrize(
    ("name", "kind", "package", "cls"),
    [
        ("bird", "http", "gaud_provider_bird", "Bird"),
        ("bird-song", "chat", "gaud_provider_bird_song", "BirdSong"),
        ("bird_song2", "http", "gaud_provider_bird_song2", "BirdSong2"),
        ("call", "chat", "gaud_provider_call", "CallProvider"),
        ("mapping", "http", "gaud_provider_mapping", "MappingProvider"),
        ("class", "chat", "gaud_provider_class", "Class"),
    ],
)
def test_names_become_those_of_package_and_class(
    gaud: Run, folder: Path, name: str, kind: str, package: str, cls: str
) -> None:
    """The class is a provider of that name, whatever the name is like, and the entry point leads to it."""
    gaud("new", name, "--kind", kind)
    root = folder / f"gaud-provider-{name.replace('_', '-')}"
    provider = getattr(loaded(root / "src" / package / "__init__.py"), cls)
    assert issubclass(provider, HTTPProvider if kind == "http" else ChatProvider)
    assert objection_to(name, provider) == ""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert project["entry-points"] == {GROUP: {name: f"{package}:{cls}"}}
    assert project["name"] == root.name


@pytest.mark.parametrize("kind", ["http", "chat"])
def test_the_source_is_short(gaud: Run, folder: Path, kind: str) -> None:
    """About thirty lines of code, docstrings and imports apart."""
    gaud("new", "bird", "--kind", kind)
    tree = ast.parse((folder / "gaud-provider-bird/src/gaud_provider_bird/__init__.py").read_text())
    code = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    assert sum((node.end_lineno or 0) - node.lineno + 1 for node in code) < 50


@pytest.mark.parametrize(
    "name",
    ["", "Bird", "bird:song", "-bird", "bird-", "2bird", "bird--song", "vögel", "a" * 41, "../bird", "a\nb"],
)
def test_names_that_cannot_be_a_prefix_are_refused(gaud: Run, folder: Path, name: str) -> None:
    """Nothing is written, and the sentence says which names are good."""
    ran = gaud("new", "--", name)
    assert ran.code == 1
    assert "small letters" in ran.err
    assert list(folder.iterdir()) == []


def test_names_that_are_taken_are_refused(gaud: Run, folder: Path) -> None:
    """By Gaud's own sections, and by a provider that is installed."""
    assert "section of Gaud's own" in gaud("new", "server").err
    assert "`acme` is a provider already, from gaud-acme-test" in gaud("new", "acme").err
    assert list(folder.iterdir()) == []


def test_nothing_is_overwritten(gaud: Run, folder: Path) -> None:
    """Not even an empty folder is taken."""
    (folder / "gaud-provider-bird").mkdir()
    ran = gaud("new", "bird")
    assert (ran.code, ran.out) == (1, "")
    assert "exists already" in ran.err
    assert files(folder) == set()


def test_a_folder_that_cannot_be_written_is_one_sentence(gaud: Run, folder: Path) -> None:
    """The file stands where a folder is wanted."""
    (folder / "taken").write_text("")
    ran = gaud("new", "bird", "--directory", "taken/below")
    assert ran.code == 1
    assert "cannot be written" in ran.err
    assert "Traceback" not in ran.err


def test_help_says_what_the_kinds_are(gaud: Run) -> None:
    """A reader of --help can choose."""
    said = gaud("new", "--help").out
    assert "OpenAI's dialect" in said
    assert "something else" in said
    assert "new" in gaud("--help").out
