"""`gaud connect`: what it shows, what it writes, and how it is undone."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gaud_core.testing import ScriptedUpstream

from .conftest import Ran, Run
from .test_run import KEY, answer

Connect = Callable[..., Ran]
MINE = '{\n  // mine\n  "permissions": {"allow": []},\n  "env": {"OTHER_TOKEN": "secret-of-mine"}\n}\n'


@pytest.fixture(scope="module")
def gateway() -> Iterator[ScriptedUpstream]:
    """What stands for a Gaud."""
    with ScriptedUpstream.in_thread(answer) as running:
        yield running


@pytest.fixture
def connect(gaud: Run, gateway: ScriptedUpstream) -> Connect:
    """Run `gaud connect` with a gateway and a key at hand."""

    def run(*words: str, **variables: str) -> Ran:
        return gaud("connect", *words, **{"GAUD_URL": gateway.url, "GAUD_KEY": KEY, **variables})

    return run


@pytest.fixture
def home(environ: dict[str, str]) -> Path:
    """The person's home."""
    return Path(environ["HOME"])


@pytest.fixture
def settings(home: Path) -> Path:
    """Claude Code's file, with something of the person's in it."""
    path = home / ".claude" / "settings.json"
    path.parent.mkdir()
    path.write_text(MINE)
    path.chmod(0o644)
    return path


def read(path: Path) -> Any:
    """A file without its comment line."""
    return json.loads(
        "\n".join(line for line in path.read_text().splitlines() if "//" not in line or "http" in line)
    )


def test_without_a_name_it_lists_the_clients(connect: Connect) -> None:
    """With what each calls and which file is written."""
    ran = connect()
    assert ran.code == 0
    assert "claude-code  Claude Code" in ran.out
    assert "~/.codex/config.toml" in ran.out


def test_print_writes_nothing(connect: Connect, home: Path) -> None:
    """It shows the file and the first model that chats."""
    ran = connect("claude-code", "--print")
    assert (ran.code, ran.err) == (0, "")
    assert '"ANTHROPIC_MODEL": "litellm:gpt-4o"' in ran.out
    assert list(home.iterdir()) == []
    assert KEY not in ran.out


def test_print_needs_no_gateway(connect: Connect) -> None:
    """A word stands for the model, and standard error says why."""
    ran = connect("codex", "--print", GAUD_URL="http://127.0.0.1:1")
    assert ran.code == 0
    assert 'model = "MODEL"' in ran.out
    assert "could not be asked: Nothing that speaks HTTP answers" in ran.err


def test_a_new_file_is_written(connect: Connect, home: Path, gateway: ScriptedUpstream) -> None:
    """Whole, and its owner's alone."""
    ran = connect("claude-code", "--yes")
    path = home / ".claude" / "settings.json"
    written = json.loads(path.read_text())
    assert ran.code == 0
    assert written["env"]["ANTHROPIC_BASE_URL"] == gateway.url
    assert written["apiKeyHelper"] == "printenv GAUD_KEY"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KEY not in path.read_text() + ran.out + ran.err


def test_what_was_there_stays(connect: Connect, settings: Path) -> None:
    """Members, comments and the mode of the file; the diff shows none of its secrets."""
    ran = connect("claude-code", "--yes")
    written = read(settings)
    assert written["permissions"] == {"allow": []}
    assert written["env"]["OTHER_TOKEN"] == "secret-of-mine"
    assert "// mine" in settings.read_text()
    assert stat.S_IMODE(settings.stat().st_mode) == 0o644
    assert "+" in ran.out
    assert "secret-of-mine" not in ran.out


def test_twice_is_once(connect: Connect, settings: Path) -> None:
    """The second time there is nothing to write."""
    connect("claude-code", "--yes")
    once = settings.read_text()
    assert "is set up so already" in connect("claude-code", "--yes").out
    assert settings.read_text() == once


def test_undo_gives_every_byte_back(connect: Connect, settings: Path) -> None:
    """Also after several changes of the model."""
    for model in ("one", "two", "three"):
        connect("claude-code", "--yes", "--model", model)
    ran = connect("claude-code", "--undo", "--yes")
    assert settings.read_text() == MINE
    assert "is as it was" in ran.out
    assert "There is nothing to undo" in connect("claude-code", "--undo", "--yes").err


def test_undo_removes_a_file_that_was_not_there(connect: Connect, home: Path) -> None:
    """It began with Gaud and ends with it."""
    connect("opencode", "--yes")
    connect("opencode", "--undo", "--yes")
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_undo_keeps_what_others_have_added(connect: Connect, settings: Path) -> None:
    """The client itself writes into its settings."""
    connect("claude-code", "--yes")
    settings.write_text(settings.read_text().replace('{"allow": []}', '{"allow": ["Bash"]}'))
    connect("claude-code", "--undo", "--yes")
    assert settings.read_text() == MINE.replace('{"allow": []}', '{"allow": ["Bash"]}')


def test_undo_refuses_what_it_cannot_tell_apart(connect: Connect, settings: Path) -> None:
    """The file was written anew, in another form."""
    connect("claude-code", "--yes")
    changed = json.dumps(read(settings))
    settings.write_text(changed)
    ran = connect("claude-code", "--undo", "--yes")
    assert ran.code == 1
    assert "has changed since Gaud wrote it" in ran.err
    assert settings.read_text() == changed


def test_undo_after_undo_by_hand(connect: Connect, settings: Path) -> None:
    """The person was faster: there is nothing to do, and nothing to remember."""
    connect("claude-code", "--yes")
    settings.write_text(MINE)
    assert "as they were already" in connect("claude-code", "--undo", "--yes").out
    assert "There is nothing to undo" in connect("claude-code", "--undo").err


def test_a_change_by_the_person_is_the_new_beginning(connect: Connect, settings: Path) -> None:
    """Connecting again after it, and undoing that, gives the person's text."""
    connect("claude-code", "--yes")
    settings.write_text(json.dumps({"theme": "dark"}))
    connect("claude-code", "--yes", "--model", "two")
    connect("claude-code", "--undo", "--yes")
    assert json.loads(settings.read_text()) == {"theme": "dark"}


def test_the_key_is_written_on_demand(connect: Connect, settings: Path) -> None:
    """The file becomes private, and neither the diff nor the journal has the key."""
    ran = connect("claude-code", "--yes", "--write-key")
    assert read(settings)["env"]["ANTHROPIC_AUTH_TOKEN"] == KEY
    assert "apiKeyHelper" not in read(settings)
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    assert "The key is in that file now" in ran.err
    assert KEY not in ran.out + ran.err
    others = [path for path in settings.parent.parent.rglob("*") if path.is_file() and path != settings]
    assert others
    assert not any(KEY in path.read_text() for path in others)
    connect("claude-code", "--undo", "--yes")
    assert settings.read_text() == MINE
    assert stat.S_IMODE(settings.stat().st_mode) == 0o644


def test_the_key_does_not_stay_when_it_is_no_longer_wanted(connect: Connect, settings: Path) -> None:
    """Connecting without --write-key begins from the file as it was before Gaud."""
    connect("claude-code", "--yes", "--write-key")
    connect("claude-code", "--yes")
    assert KEY not in settings.read_text()
    assert stat.S_IMODE(settings.stat().st_mode) == 0o644


def test_two_files_of_one_client(connect: Connect, home: Path) -> None:
    """Continue keeps its secrets apart."""
    connect("continue", "--yes", "--write-key")
    assert "${{ secrets.GAUD_KEY }}" in (home / ".continue/config.yaml").read_text()
    secrets = home / ".continue/.env"
    assert secrets.read_text() == f"GAUD_KEY={KEY}\n"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600


def test_nothing_is_written_without_a_yes(connect: Connect, home: Path) -> None:
    """Where nobody can be asked, the change is shown and refused."""
    ran = connect("codex")
    assert ran.code == 1
    assert "+model_provider" in ran.out
    assert "say --yes" in ran.err
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(("typed", "written"), [("y\n", True), ("n\n", False), ("", False)])
def test_a_person_is_asked(
    connect: Connect, home: Path, monkeypatch: pytest.MonkeyPatch, typed: str, written: bool
) -> None:
    """Only a yes writes."""
    monkeypatch.setattr("gaud_core.cli.connect.sees_a_person", lambda: True)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: typed.strip() or _end())
    ran = connect("codex")
    assert (home / ".codex/config.toml").exists() is written
    assert (ran.code == 0) is written


def _end() -> str:
    raise EOFError


def test_a_person_is_asked_for_the_key(connect: Connect, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is typed is not shown, and not kept."""
    monkeypatch.setattr("gaud_core.cli.reach.sees_a_person", lambda: True)
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _: KEY)
    ran = connect("codex", "--yes", GAUD_KEY="")
    assert (ran.code, ran.err) == (0, "")
    assert KEY not in (home / ".codex/config.toml").read_text() + ran.out


def test_a_named_model_needs_no_gateway(connect: Connect, home: Path) -> None:
    """It may be started later; what is wrong now is told."""
    ran = connect("codex", "--yes", "--model", "x", GAUD_URL="http://127.0.0.1:1")
    assert "Not checked: Nothing that speaks HTTP answers" in ran.err
    assert 'model = "x"' in (home / ".codex/config.toml").read_text()


def test_another_folder_of_the_client(connect: Connect, tmp_path: Path) -> None:
    """Its own variable says where its files are."""
    connect("codex", "--yes", CODEX_HOME=str(tmp_path / "elsewhere"))
    assert 'wire_api = "responses"' in (tmp_path / "elsewhere/config.toml").read_text()


def test_toml_keeps_its_comments(connect: Connect, home: Path) -> None:
    """Names at the top stay above the tables."""
    path = home / ".codex/config.toml"
    path.parent.mkdir()
    path.write_text('# mine\nmodel = "x" # old\n\n[mcp_servers.a]\ncommand = "b" # keep\n')
    connect("codex", "--yes")
    text = path.read_text()
    assert "# mine" in text
    assert "# keep" in text
    assert text.index("model_provider =") < text.index("[mcp_servers.a]")


def test_the_file_that_is_there_is_taken(connect: Connect, home: Path) -> None:
    """OpenCode reads two names; the one in use is changed."""
    path = home / ".config/opencode/opencode.jsonc"
    path.parent.mkdir(parents=True)
    path.write_text("{\n  // mine\n}\n")
    connect("opencode", "--yes")
    assert '"gaud"' in path.read_text()
    assert not path.with_name("opencode.json").exists()


def test_an_address_in_the_clear_is_told(gaud: Run) -> None:
    """The key would cross the network readable."""
    ran = gaud("connect", "codex", "--yes", "--model", "x", "--url", "http://gaud.example:8400/v1")
    assert "can be read on the way" in ran.err
    assert ran.code == 0


def test_a_window_of_the_model_is_used(connect: Connect, home: Path) -> None:
    """Zed wants it; the gateway knows it for some models."""
    connect("zed", "--yes")
    text = (home / ".config/zed/settings.json").read_text()
    assert '"max_tokens": 64000' in text
