"""The two commands of the README: what `make` says when something is missing, and the demonstration."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "examples" / "demo" / "demo.py"


def run(*command: str, cwd: Path) -> tuple[int, str]:
    """Run a command to its end; return its exit code and all that it said."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=110)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def litellm() -> str:
    """The command of the real LiteLLM, which `make test` names."""
    command = os.environ.get("GAUD_TEST_LITELLM")
    if not command:
        pytest.skip("GAUD_TEST_LITELLM names no LiteLLM; `make test` does")
    return command


@pytest.fixture
def port() -> int:
    """A port that is free at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_make_alone_lists_the_targets() -> None:
    """A newcomer who types `make` sees what there is."""
    code, said = run("make", cwd=ROOT)
    assert code == 0
    assert all(f"make {target} " in said for target in ("run", "demo", "test", "check", "docs", "clean"))


def test_make_without_a_new_python_says_so(tmp_path: Path) -> None:
    """The sentence names what is needed and how to give it."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in (
        "constraints.txt",
        "pyproject.toml",
        "gaud_core/pyproject.toml",
        "gaud_provider_litellm/pyproject.toml",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    code, said = run("make", "run", "PYTHON=no-such-python", cwd=tmp_path)
    assert code != 0
    assert "Gaud needs Python 3.11 or later" in said
    assert "make PYTHON=" in said


@pytest.mark.litellm
def test_the_demonstration_prints_both_answers_and_a_line_to_paste(
    litellm: str, port: int, tmp_path: Path
) -> None:
    """Both servers start, both calls succeed, both servers stop."""
    code, said = run(
        sys.executable, str(DEMO), "--once", "--litellm", litellm, "--port", str(port), cwd=tmp_path
    )
    assert code == 0, said
    assert "Hello from the real LiteLLM" in said
    assert "A gate stands open in the night" in said
    assert f"curl http://127.0.0.1:{port}/v1/chat/completions" in said
    assert "Everything has stopped." in said


def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    """The sentence names the port and how to choose another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, said = run(
            sys.executable, str(DEMO), "--once", "--port", port, "--litellm", sys.executable, cwd=tmp_path
        )
    assert code == 1
    assert f"Port {port} is taken" in said
    assert "make demo PORT=" in said
    assert "Starting" not in said


def test_a_litellm_that_dies_is_told_with_its_last_words(port: int, tmp_path: Path) -> None:
    """The Python that stands in for LiteLLM does not know --config, and ends at once."""
    code, said = run(
        sys.executable, str(DEMO), "--once", "--port", str(port), "--litellm", sys.executable, cwd=tmp_path
    )
    assert code == 1
    assert "LiteLLM stopped by itself with exit code 2" in said
    assert "nknown option" in said
    assert "Traceback" not in said
