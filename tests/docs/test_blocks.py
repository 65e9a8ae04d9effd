"""Python in the documents runs, and configuration files in them load."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from gaud_core.config import load_config
from gaud_provider_copilot import CopilotSettings
from gaud_provider_kiro import KiroSettings
from gaud_provider_litellm import LiteLLMSettings

from .guide import joined, providers
from .pages import CLIENTS, PAGES, Block, blocks, named, params
from .running import KEY, Gaud

OURS = [page for page in PAGES if page not in CLIENTS]
PROGRAMS = [page for page in OURS if blocks("python", pages=[page])]
TOMLS = [block for block in blocks("toml", pages=OURS) if "[project]" not in block.text]


@pytest.mark.parametrize("page", PROGRAMS, ids=named)
def test_python_runs(page: Path, gaud: Gaud, tmp_path: Path) -> None:
    """All blocks of a document in one program, against a running Gaud where they name its address."""
    program = joined(page).replace("http://localhost:8400", gaud.url)
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env={**os.environ, "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{named(page)}: {done.stderr}"
    assert "Hello!" in done.stdout or "print(" not in program


@pytest.mark.parametrize("block", params(TOMLS))
def test_configuration_loads(block: Block, tmp_path: Path) -> None:
    """Without a mistake and without a warning, with the settings classes that really are there."""
    file = tmp_path / "llm-proxy.toml"
    file.write_text(block.text, encoding="utf-8")
    file.chmod(0o600)
    schemas: dict[str, type] = {
        "copilot": CopilotSettings,
        "kiro": KiroSettings,
        "litellm": LiteLLMSettings,
    }
    schemas |= {cls.name: cls.settings_class for cls in providers(block.page)}
    config = load_config(file, {}, schemas)
    assert config.problems == ()
    assert config.warnings == ()
    assert config.instances


@pytest.mark.parametrize("block", params(blocks("toml")))
def test_toml_holds_no_key_that_looks_real(block: Block) -> None:
    """Keys are those of the guide, or say that they are made up."""
    tables = tomllib.loads(block.text).get("providers", {})
    keys = [table["api_key"] for table in tables.values() if "api_key" in table]
    assert all(key == "sk-1234" or key.startswith(("sk-test", KEY)) for key in keys)


def test_there_are_blocks_of_each_kind() -> None:
    """The tests above cannot pass by finding nothing."""
    assert {"README.md", "docs/writing-a-provider.md"} <= {named(page) for page in PROGRAMS}
    assert {"README.md", "docs/configuration.md"} <= {named(block.page) for block in TOMLS}
