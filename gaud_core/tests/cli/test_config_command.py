"""`gaud config`: without a gateway, and with one that runs."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import PLUGIN, Run, Serving

KEY = "sk-prx-test-key"
FILE = """\
[data]
dir = "data"

[providers.acme]
url = "http://acme.example"   # there
api_key = "sk-test-acme-one"
"""
NEXT = FILE.replace("sk-test-acme-one", "sk-test-acme-two") + "timeout_secs = 5\n"


@pytest.fixture
def file(folder: Path) -> Path:
    """The configuration in the working directory."""
    path = folder / "llm-proxy.toml"
    path.write_text(FILE)
    path.chmod(0o600)
    (folder / "next.toml").write_text(NEXT)
    return path


def test_plan_shows_what_would_change(gaud: Run, file: Path) -> None:
    """As a diff without secrets, and nothing is done."""
    ran = gaud("config", "plan", "next.toml")
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "~ providers.acme.api_key = ******** (another one)",
        "~ providers.acme.timeout_secs = 120 -> 5",
        "replaces: acme",
    ]
    assert file.read_text() == FILE
    assert gaud("config", "plan").out == "Nothing changes.\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nonsense", "this is not TOML"),
        ("[server]\nport = 70000\n", "server.port: must be at least 0 and at most 65535"),
        ("[providers.acme]\nurl = 'acme'\n", "providers.acme.url: must start with `http://`"),
        ("[providers.nobody]\n", "no provider `nobody` is installed"),
    ],
)
def test_mistakes_end_with_exit_code_2(gaud: Run, file: Path, folder: Path, text: str, told: str) -> None:
    """For the plan and for the deed, and the file stays."""
    (folder / "bad.toml").write_text(text)
    for verb in ("plan", "apply"):
        ran = gaud("config", verb, "bad.toml")
        assert ran.code == 2
        assert told in ran.err
    assert file.read_text() == FILE


def test_apply_history_rollback_without_a_gateway(gaud: Run, file: Path) -> None:
    """The file is replaced, its mode stays, every version is kept and can come back."""
    assert gaud("config", "history").out == "No version has been applied yet.\n"
    assert gaud("config", "rollback").err == "There is no version before this one. See: gaud config history\n"
    ran = gaud("config", "apply", "next.toml")
    assert (ran.code, file.read_text(), file.stat().st_mode & 0o777) == (0, NEXT, 0o600)
    assert "No gateway runs here with this data folder; the next one starts with this." in ran.out
    (file.parent / "last.toml").write_text(NEXT + "models = []\n")
    assert gaud("config", "apply", "last.toml").code == 2
    (file.parent / "last.toml").write_text(FILE)
    assert gaud("config", "apply", "last.toml").code == 0
    assert gaud("config", "rollback").code == 0
    assert file.read_text() == NEXT
    head, *rows = gaud("config", "history").out.splitlines()
    assert head.split() == ["ID", "WHEN", "WHO", "WHAT", "SETTINGS"]
    assert [row.split()[0] for row in rows] == ["4", "3", "2", "1"]
    assert "rollback to 2" in rows[0]
    assert "sk-test" not in "\n".join(rows)
    assert gaud("config", "history", "--limit", "1").out.splitlines()[-1].startswith("3 older ones are there")


def test_a_file_that_cannot_be_written_is_one_sentence(gaud: Run, file: Path) -> None:
    """No traceback, and no entry in the history."""
    (file.parent / ".llm-proxy.toml.new").mkdir()
    file.unlink()
    file.mkdir()
    ran = gaud("config", "apply", "next.toml")
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 1


def _health(port: int) -> Any:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/health", headers={"x-api-key": KEY})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def _seen(serving: Serving, folder: Path) -> str:
    """What there is of a gateway, for a failure that should say why."""
    files = {str(path): path.read_text() for path in (folder / "data").rglob("workers/*")}
    ended = serving.process.poll()
    return f"{ended=} {files} {serving.out} {serving.stop(signal.SIGTERM) if ended is None else ''}"


def test_a_running_gateway_follows(
    shell: Run, file: Path, folder: Path, plugins: Path, serve: Callable[..., Serving]
) -> None:
    """`apply` tells it, a provider that was installed meanwhile is found, what cannot start is undone."""
    data = {"GAUD_DATA_DIR": str(folder / "data"), "GAUD_PLUGINS": "", "GAUD_AUTH_BOOTSTRAP_KEY": KEY}
    serving = serve("--config", str(file), **data)
    ran = shell("config", "apply", "next.toml", **data)
    assert ran.out.splitlines()[-1] == "1 worker of the gateway runs on it.", _seen(serving, folder)
    assert shell("config", "history", **data).out.splitlines()[1].split()[0] == "2"

    _install(plugins, "late", PLUGIN)
    # A file of its own: that of the gateway is followed without a command, on a busy machine before it comes.
    (folder / "late.toml").write_text(NEXT + "\n[providers.late]\nurl = 'http://late.example'\n")
    ran = shell("config", "apply", "late.toml", **data)
    assert "starts: late" in ran.out
    assert shell("config", "apply", **data).out.splitlines()[0] == "Nothing changes."
    assert {one["name"] for one in _health(serving.port)["providers"]} == {"acme", "late"}

    _install(plugins, "sick", PLUGIN + "\n    async def start(self):\n        raise RuntimeError('no')\n")
    before = file.read_text()
    (folder / "sick.toml").write_text(before + "\n[providers.sick]\nurl = 'http://sick.example'\n")
    ran = shell("config", "apply", "sick.toml", **data)
    assert ran.code == 1
    assert "providers.sick: did not start: start: RuntimeError: no" in ran.err
    assert file.read_text() == before
    health = _health(serving.port)
    assert (health["config"]["problems"], health["config"]["waits_for_restart"]) == ([], [])
    assert serving.stop(signal.SIGTERM)[0] == 0


def _install(plugins: Path, name: str, source: str) -> None:
    """Install another provider as pip would: its module and its metadata."""
    info = plugins / f"gaud_{name}_test-1.0.dist-info"
    info.mkdir()
    (plugins / f"gaud_{name}_test.py").write_text(source.replace('name = "acme"', f'name = "{name}"'))
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: gaud-{name}-test\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[gaud.providers.v1]\n{name} = gaud_{name}_test:Acme\n")
