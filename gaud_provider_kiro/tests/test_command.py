"""`gaud login kiro`, as a person types it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

from gaud_core.testing import ScriptedUpstream

from .kiro import ScriptedKiro
from .test_renewals import ide_login


def gaud(folder: Path, url: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command on a configuration whose hosts are all one server."""
    hosts = "".join(f'{name}_url = "{url}"\n' for name in ("api", "desktop", "sso"))
    path = folder / "llm-proxy.toml"
    path.write_text(f'[data]\ndir = "{folder / "data"}"\n[providers.kiro]\n{hosts}')
    path.chmod(0o600)
    command = [sys.executable, "-m", "gaud_core", *words, "--config", str(path)]
    environment = {**os.environ, "NO_PROXY": "*", "BROWSER": "true"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_the_device_login_and_taking_over(tmp_path: Path, home: Path) -> None:
    """A code is shown and a token kept for this user alone; --import takes the IDE's login instead."""
    kiro = ScriptedKiro(at_once=True, interval=1)
    with ScriptedUpstream.in_thread() as upstream:
        kiro.install(upstream)
        done = gaud(tmp_path, upstream.url, "login", "kiro")
        assert (done.returncode, "TEST-" in done.stdout + done.stderr) == (0, True), done.stderr
        kept = tmp_path / "data" / "kiro" / "token.json"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert kiro.knows(json.loads(kept.read_text())["access_token"])
        assert not any(secret in done.stdout + done.stderr for secret in kiro.given)
        ide_login(home, kiro)
        done = gaud(tmp_path, upstream.url, "login", "kiro", "--import")
        assert (done.returncode, json.loads(kept.read_text())["access_token"]) == (0, "aoa-test"), done.stderr
