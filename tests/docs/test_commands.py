"""The commands in the documents exist, and the requests in them are answered."""

from __future__ import annotations

import re
import shlex
import sys

import httpx
import pytest

from gaud_core import cli
from gaud_core.testing import ScriptedUpstream

from .pages import GUIDES, PAGES, ROOT, named, prose
from .running import KEY, Gaud
from .shell import Statement, curl, statements

INLINE = re.compile(r"`((?:gaud|make|curl) [^`<]+)`")
SPOKEN = [
    Statement(named(page), tuple(shlex.split(found)))
    for page in PAGES
    for found in INLINE.findall(prose(page))
]
STATEMENTS = [*statements(), *SPOKEN]


def _named(statement: Statement) -> str:
    return f"{statement.where} {' '.join(statement.words)[:60]}"


def _those(name: str) -> list[Statement]:
    unique = {statement.words: statement for statement in STATEMENTS if statement.command == name}
    return list(unique.values())


def _gaud_words() -> list[list[str]]:
    """The arguments of each `gaud`, also of those in containers."""
    direct = [list(statement.words[1:]) for statement in _those("gaud")]
    inside = [list(statement.words) for statement in _those("docker") if "exec" in statement.words]
    words = [*direct, *(w[w.index("gaud", w.index("gaud") + 1) + 1 :] for w in inside if w.count("gaud") > 1)]
    ours = [
        w[: w.index("--")] if "--" in w else w for w in words
    ]  # what stands after it is another command's
    return [list(unique) for unique in dict.fromkeys(tuple(w) for w in ours)]


@pytest.mark.parametrize("words", _gaud_words(), ids=" ".join)
def test_gaud_knows_the_command(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `--help` after it, a command with a wrong name or option fails."""
    monkeypatch.setattr(sys, "argv", ["gaud", *words, "--help"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0, capsys.readouterr().err


@pytest.mark.parametrize("statement", _those("curl"), ids=_named)
def test_requests_are_answered(statement: Statement, gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """Port 8400 is a real Gaud, port 4000 what stands for LiteLLM; the key is the test's."""
    asked = curl(statement.words)
    port, path = re.findall(r"^http://localhost:(8400|4000)(/.*)$", asked.url)[0]
    if port == "4000":
        assert httpx.get(upstream.url + path, trust_env=False).status_code == 200
        return
    headers = {name: re.sub(r"sk-prx-[\w-]+", KEY, value) for name, value in asked.headers.items()}
    answer = gaud.ask(asked.method, path, key=None, headers=headers, content=asked.data)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("statement", _those("make"), ids=_named)
def test_make_knows_the_target(statement: Statement) -> None:
    """Each word that is no variable is a target."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in statement.words[1:]:
        assert "=" in word or re.search(rf"^{word}:", makefile, re.MULTILINE), word


@pytest.mark.parametrize("statement", _those("pip"), ids=_named)
def test_what_pip_reads_is_there(statement: Statement) -> None:
    """Folders with a pyproject.toml, extras that exist, and files of constraints."""
    extras = {"copilot", "kiro", "litellm", "all", "testing", "test"}  # the last is what `gaud new` writes
    for before, word in zip(statement.words, statement.words[1:], strict=False):
        if before == "-c":
            assert (ROOT / word).is_file()
        elif word.startswith("."):
            folder, _, extra = word.removesuffix("]").partition("[")
            assert (ROOT / folder / "pyproject.toml").is_file()
            assert not extra or extra in extras


def test_every_subcommand_is_mentioned() -> None:
    """In the README or in the guides below docs."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in GUIDES)
    for name in cli._COMMANDS:
        assert f"gaud {name}" in text


def test_every_target_of_make_is_mentioned() -> None:
    """The table for contributors has each target that `make help` shows."""
    targets = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [name for name in targets if name != "help" and f"`make {name}`" not in text] == []


def test_there_are_commands_of_each_kind() -> None:
    """The tests above cannot pass by finding nothing."""
    assert len(_gaud_words()) >= 4
    assert all(_those(name) for name in ("curl", "make", "pip"))
