"""`gaud connect` on files that had better be left alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gaud_core.testing import ScriptedUpstream

from .test_connect import Connect, connect, gateway, home

__all__ = ["connect", "gateway", "home"]  # fixtures


def place(home: Path, name: str) -> Path:
    """Make the folder of a file below the home."""
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.mark.parametrize(
    ("client", "name", "content", "said"),
    [
        ("claude-code", ".claude/settings.json", b'{"a": ', "it is no JSON that can be read"),
        ("claude-code", ".claude/settings.json", b"[]", "it holds no object"),
        ("claude-code", ".claude/settings.json", b"\xff\xfe{}", "is not UTF-8 text"),
        ("claude-code", ".claude/settings.json", b" " * 1_100_000, "is longer than a file of settings"),
        ("claude-code", ".claude/settings.json", b'{"a": ' * 2000, "nested too deeply"),
        ("codex", ".codex/config.toml", b"model = ", "it is no TOML that can be read"),
        ("codex", ".codex/config.toml", b"model_providers = 5\n[a", "it is no TOML that can be read"),
        ("aider", ".aider.conf.yml", b"model: mine\n", "`model` is there already, in line 1"),
        ("continue", ".continue/config.yaml", b"models: [a]\n", "is no list"),
        ("llm", ".config/io.datasette.llm/extra-openai-models.yaml", b"a: b\n", "line 1 is not written"),
    ],
)
def test_what_cannot_be_changed_safely_stays(
    connect: Connect, home: Path, client: str, name: str, content: bytes, said: str
) -> None:
    """One sentence, no byte changed, and the way out is --print."""
    path = place(home, name)
    path.write_bytes(content)
    ran = connect(client, "--yes")
    assert ran.code == 1
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert path.read_bytes() == content


def test_a_value_of_another_kind_gives_way(connect: Connect, home: Path) -> None:
    """The diff has shown it, and undo brings it back."""
    path = place(home, ".codex/config.toml")
    path.write_text("model_providers = 5\n")
    assert connect("codex", "--yes").code == 0
    connect("codex", "--undo", "--yes")
    assert path.read_text() == "model_providers = 5\n"


def test_a_link_stays_a_link(connect: Connect, home: Path, tmp_path: Path) -> None:
    """Whoever keeps settings in a repository is told what changes."""
    real = tmp_path / "dotfiles.json"
    real.write_text("{}")
    path = place(home, ".claude/settings.json")
    path.symlink_to(real)
    ran = connect("claude-code", "--yes")
    assert path.is_symlink()
    assert "ANTHROPIC_BASE_URL" in real.read_text()
    assert f"link to {real}" in ran.err
    connect("claude-code", "--undo", "--yes")
    assert path.is_symlink()
    assert real.read_text() == "{}"


def test_links_that_lead_nowhere(connect: Connect, home: Path) -> None:
    """Neither to a file that is missing nor in a circle."""
    path = place(home, ".claude/settings.json")
    path.symlink_to(home / "missing")
    assert "cannot be read" in connect("claude-code", "--yes").err
    path.unlink()
    path.symlink_to(path)
    ran = connect("claude-code", "--yes")
    assert "cannot be read" in ran.err
    assert "Traceback" not in ran.err


def test_a_read_only_file_stays(connect: Connect, home: Path) -> None:
    """Even for an administrator, who could write it."""
    path = place(home, ".claude/settings.json")
    path.write_text("{}")
    path.chmod(0o444)
    assert "is read-only" in connect("claude-code", "--yes").err
    assert path.read_text() == "{}"


def test_what_is_no_plain_file_stays(connect: Connect, home: Path) -> None:
    """A folder, or a pipe that would never end."""
    path = place(home, ".claude/settings.json")
    path.mkdir()
    assert "is no plain file" in connect("claude-code", "--yes").err
    path.rmdir()
    os.mkfifo(path)
    assert "is no plain file" in connect("claude-code", "--yes").err


def test_a_file_in_the_folders_place(connect: Connect, home: Path) -> None:
    """The folder cannot be made."""
    (home / ".claude").write_text("")
    ran = connect("claude-code", "--yes")
    assert ran.code == 1
    assert "cannot be" in ran.err
    assert "Traceback" not in ran.err


def test_a_broken_journal_is_told(connect: Connect, home: Path) -> None:
    """Nothing is written that could not be undone."""
    journal = place(home, ".local/state/gaud/connect/codex.json")
    journal.write_text("[")
    assert "in which Gaud keeps how the files were before" in connect("codex", "--yes").err
    assert not (home / ".codex").exists()


def test_escape_codes_do_not_reach_the_terminal(connect: Connect, home: Path) -> None:
    """A file may hold what would steer it, and a diff shows the lines around a change."""
    place(home, ".claude/settings.json").write_text("{\n  // \x1b[2J\n}\n")
    ran = connect("claude-code", "--yes")
    assert "[2J" in ran.out
    assert "\x1b" not in ran.out


def test_the_gateway_is_asked_first(connect: Connect, home: Path, gateway: ScriptedUpstream) -> None:
    """With a wrong key nothing is written."""
    ran = connect("codex", "--yes", GAUD_KEY="sk-prx-test-wrong")
    assert "does not accept the key" in ran.err
    assert not (home / ".codex").exists()
