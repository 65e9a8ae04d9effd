"""mypy and pyright read a third party's plugin as its author would, and find nothing but what is planted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gaud_core
from gaud_core import testing

PLUGIN = Path(__file__).with_name("third_party.py")

pytestmark = pytest.mark.timeout(300)


def _said(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False
    )


def test_every_public_name_is_used() -> None:
    """A name that no line of the plugin uses is not tried."""
    text = PLUGIN.read_text(encoding="utf-8")
    missing = [name for name in gaud_core.__all__ if not re.search(rf"\b{name}\b", text)]
    assert missing == []


def test_mypy(types: Path, tmp_path: Path) -> None:
    """Strict, away from this repository's settings; an ignore that nothing needs is an error, too."""
    path = tmp_path / "plugin.py"
    path.write_text(PLUGIN.read_text(encoding="utf-8"), encoding="utf-8")
    done = _said(tmp_path, "mypy", "--strict", "--cache-dir", str(types), str(path))
    assert done.returncode == 0, done.stdout


def test_pyright(tmp_path: Path) -> None:
    """Strict as well; each line that is planted is an error, and no other."""
    text = PLUGIN.read_text(encoding="utf-8")
    planted = [at for at, line in enumerate(text.splitlines()) if "type: ignore" in line]
    plugin = re.sub(r"  # type: ignore.*", "", text)
    (tmp_path / "plugin.py").write_text(plugin, encoding="utf-8")
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "strict"}))
    done = _said(tmp_path, "basedpyright", "--outputjson", "--pythonpath", sys.executable, "plugin.py")
    found = [d for d in json.loads(done.stdout)["generalDiagnostics"] if d["severity"] == "error"]
    lines = {diagnostic["range"]["start"]["line"]: diagnostic["message"] for diagnostic in found}
    assert sorted(lines) == planted, lines


def test_names_of_the_kit_are_these() -> None:
    """A name that comes or goes is a change of the contract, and changes this list."""
    known = (
        "Answer Cut Framing Handler Headers Pause Request Seen Signal Step Waitable ScriptedOAuth"
        " ScriptedUpstream ServedGateway ChatProviderTests HTTPProviderTests LiveProviderTests"
        " LoginProviderTests ProviderTests CONTRACT since DONE USAGE sse tool_call split_inside_character"
        " chat_chunk chat_chunks chat_completion chat_error_stream chat_strange_stream chat_stream"
        " chat_tool_stream"
    )
    assert sorted(testing.__all__) == sorted(known.split())
