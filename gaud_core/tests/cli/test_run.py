"""`gaud run`: the client gets the address, the key and its own arguments, and nobody else gets the key."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from gaud_core.testing import Answer, ScriptedUpstream, Seen

from .conftest import Ran, Run

KEY = "sk-prx-test-key"
MODELS = [
    {"id": "litellm:*"},
    {"id": "litellm:vectors", "mode": "embedding"},
    {"id": "litellm:speaks", "endpoints": ["audio/speech"]},
    {"id": 'odd"name'},
    {"id": "litellm:gpt-4o", "max_input_tokens": 64000},
    {"id": "litellm:other"},
]
SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)])); sys.exit(7)"
CALLS = Callable[..., Any]


def answer(seen: Seen) -> Answer:
    """Be a gateway: one key is good."""
    if seen.header("authorization") != f"Bearer {KEY}":
        return Answer.error(401, "This key is not valid.")
    return Answer.json({"object": "list", "data": MODELS})


@pytest.fixture(scope="module")
def gateway() -> Iterator[ScriptedUpstream]:
    """What stands for a Gaud."""
    with ScriptedUpstream.in_thread(answer) as running:
        yield running


@pytest.fixture
def programs(tmp_path: Path, environ: dict[str, str]) -> Path:
    """A folder on the PATH, with a program that says how it was called."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("claude", "codex", "anything"):
        program = folder / name
        program.write_text(f"#!{sys.executable}\n{SHOW}\n")
        program.chmod(0o700)
    return folder


@attrs.frozen
class Became:
    """What the process would have become."""

    program: str
    arguments: list[str]
    environ: dict[str, str]


@pytest.fixture
def given(programs: Path, gateway: ScriptedUpstream) -> dict[str, str]:
    """The variables of somebody who is set up."""
    return {"GAUD_URL": gateway.url, "GAUD_KEY": KEY, "PATH": f"{programs}:{os.environ['PATH']}"}


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> list[Became]:
    """What `os.execve` was called with, in the place of the call."""
    seen: list[Became] = []

    def become(program: str, arguments: list[str], environ: dict[str, str]) -> None:
        seen.append(Became(program, arguments[1:], environ))

    monkeypatch.setattr(os, "execve", become)
    return seen


@pytest.fixture
def start(gaud: Run, given: dict[str, str], became: list[Became]) -> CALLS:
    """Run `gaud run` as far as the moment in which it becomes the client."""

    def run(*words: str, **variables: str) -> Ran:
        return gaud("run", *words, **{**given, **variables})

    return run


def test_a_process_becomes_the_client(folder: Path, environ: dict[str, str], given: dict[str, str]) -> None:
    """What stands after -- arrives as it was, and the exit code is the client's."""
    words = ["run", "claude-code", "--", "-p", "a b", "--model", "x"]
    done = subprocess.run(
        [sys.executable, "-m", "gaud_core", *words],
        cwd=folder,
        env={**environ, **given},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    arguments, variables = json.loads(done.stdout)
    assert (done.returncode, done.stderr, arguments) == (7, "", ["-p", "a b", "--model", "x"])
    assert variables["ANTHROPIC_AUTH_TOKEN"] == KEY


def test_an_agent_is_started(start: CALLS, gateway: ScriptedUpstream, became: list[Became]) -> None:
    """The variables are set, the rival is gone, and the model is the first that chats."""
    assert start("claude-code", ANTHROPIC_API_KEY="sk-test-other").code == 0
    environ = became[0].environ
    assert environ["ANTHROPIC_BASE_URL"] == gateway.url
    assert environ["ANTHROPIC_AUTH_TOKEN"] == KEY
    assert environ["ANTHROPIC_MODEL"] == "litellm:gpt-4o"
    assert "ANTHROPIC_API_KEY" not in environ


def test_a_client_without_variables_gets_arguments(
    start: CALLS, gateway: ScriptedUpstream, became: list[Became]
) -> None:
    """Codex knows no variable for the address; the key is not among its arguments."""
    start("codex", "--model", "litellm:mine", "--", "exec", "hi")
    arguments = became[0].arguments
    assert arguments[-2:] == ["exec", "hi"]
    assert 'model="litellm:mine"' in arguments
    assert f'model_providers.gaud.base_url="{gateway.url}/v1"' in arguments
    assert KEY not in " ".join(arguments)
    assert became[0].environ["GAUD_KEY"] == KEY


def test_a_library_starts_any_program(start: CALLS, gateway: ScriptedUpstream, became: list[Became]) -> None:
    """The first word is the program; a key of the command line comes before the variable."""
    start("openai", "--key", KEY, "--", "anything", "--flag", GAUD_KEY="sk-prx-test-wrong")
    assert Path(became[0].program).name == "anything"
    assert became[0].arguments == ["--flag"]
    assert became[0].environ["OPENAI_BASE_URL"] == f"{gateway.url}/v1"
    assert became[0].environ["OPENAI_API_KEY"] == KEY


def test_what_cannot_be_started_is_told(gaud: Run, given: dict[str, str], programs: Path) -> None:
    """The system's own reason, without a traceback."""
    (programs / "codex").write_text("\x7fELF no program")
    ran = gaud("run", "codex", **given)
    assert ran.code == 1
    assert "cannot be started: " in ran.err


@pytest.mark.parametrize(
    ("words", "variables", "said"),
    [
        (["claude-code"], {"GAUD_KEY": ""}, "There is no key: set GAUD_KEY."),
        (
            ["claude-code"],
            {"GAUD_KEY": "sk-prx-test-wrong"},
            "does not accept the key. `gaud keys create USER`",
        ),
        (["claude-code"], {"GAUD_KEY": "sk prx"}, "was not copied as it is"),
        (["claude-code"], {"GAUD_URL": "http://127.0.0.1:1"}, "Start Gaud with `gaud serve`"),
        (["claude-code"], {"GAUD_URL": "ftp://x"}, "GAUD_URL is no address"),
        (["claude-code", "--url", "http://a:b@c"], {}, "--url: only the address belongs there"),
        (["claude-code", "--model", "a b"], {}, "--model: this is no name"),
        (["aider"], {}, "no program `aider` on the PATH. Install it: python -m pip install aider-install"),
        (["openai"], {}, "Say what to start: gaud run openai -- python app.py."),
        (["openai", "--", "no-such-program"], {}, "no program `no-such-program`"),
        (["cline"], {}, "not started on a command line: see `gaud connect cline`"),
        (["cloud-code"], {}, "Did you mean `claude-code`?"),
    ],
)
def test_what_is_wrong_has_a_cure(
    start: CALLS, words: list[str], variables: dict[str, str], said: str
) -> None:
    """One sentence on standard error, exit code 1, and never the key."""
    ran = start(*words, **variables)
    assert (ran.code, ran.out) == (1, "")
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert KEY not in ran.err


def test_what_is_no_gaud_is_told(start: CALLS) -> None:
    """Something else answers at the address."""
    with ScriptedUpstream.in_thread(lambda _: Answer.html(status=200)) as other:
        assert "answers 200 and no list of models. Is that Gaud?" in start("codex", GAUD_URL=other.url).err


def test_a_gateway_without_models_is_told(start: CALLS) -> None:
    """There is nothing to start the client with, unless a model is named."""
    with ScriptedUpstream.in_thread(lambda _: Answer.json({"data": []})) as empty:
        assert "name one with --model" in start("codex", GAUD_URL=empty.url).err
        assert start("codex", "--model", "x", GAUD_URL=empty.url).code == 0


def test_the_address_is_that_of_the_configuration(
    start: CALLS, gateway: ScriptedUpstream, became: list[Became]
) -> None:
    """Without --url and GAUD_URL it is where Gaud would listen."""
    port = gateway.url.rpartition(":")[2]
    start("openai", "--", "anything", GAUD_URL="", GAUD_SERVER_PORT=port, GAUD_SERVER_HOST="0.0.0.0")
    assert became[0].environ["OPENAI_BASE_URL"] == f"http://127.0.0.1:{port}/v1"


def test_help_is_not_the_clients(gaud: Run) -> None:
    """Before the -- it is Gaud's."""
    ran = gaud("run", "claude-code", "--help")
    assert ran.code == 0
    assert "what stands after -- is its own" in " ".join(ran.out.split())
