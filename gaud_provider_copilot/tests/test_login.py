"""`gaud login copilot` and its like as processes, at the scripted GitHub, in time that runs fast."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

from gaud_core.testing import ScriptedUpstream

from .github import ScriptedGitHub

BEGAN, PACE = time.time(), 50.0
QUICKLY = f"""
import asyncio, time
from gaud_core.cli import main
from gaud_provider_copilot import Copilot

Copilot.clock = staticmethod(lambda: {BEGAN} + (time.time() - {BEGAN}) * {PACE})
Copilot.sleep = staticmethod(lambda seconds: asyncio.sleep(seconds / {PACE}))
main()
"""
"""The command, with a clock that goes fifty times as fast, as GitHub's does here."""


def quick() -> float:
    """Give the time that both sides live by."""
    return BEGAN + (time.time() - BEGAN) * PACE


@attrs.frozen
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


@attrs.frozen
class Shell:
    """A folder with a configuration, and the command in it."""

    folder: Path
    github: ScriptedGitHub
    upstream: ScriptedUpstream

    @property
    def environ(self) -> dict[str, str]:
        """An environment without anything of the machine's own."""
        wanted = {"PATH", "LANG", "TMPDIR", "SSL_CERT_FILE"}
        kept = {name: value for name, value in os.environ.items() if name in wanted}
        home = {"HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder / "config")}
        return {**kept, **home, "GAUD_PLUGINS": "copilot", "PYTHONUNBUFFERED": "1"}

    @property
    def domain(self) -> str:
        """Where GitHub is here."""
        return self.upstream.url.partition("://")[2]

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start the command."""
        return subprocess.Popen(
            [sys.executable, "-c", QUICKLY, *words],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> Ran:
        """Run the command to its end."""
        process = self.begin(*words)
        out, err = process.communicate(timeout=60)
        return Ran(process.returncode, out, err)

    def token(self, instance: str = "copilot") -> Any:
        """What is kept of a login; None if nothing is."""
        path = self.folder / "data" / instance / "token.json"
        return json.loads(path.read_text()) if path.exists() else None

    def shows_no_secret(self, ran: Ran) -> bool:
        """Whether no token stands in what a command has said."""
        return not any(secret in ran.out + ran.err for secret in self.github.given)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """Two accounts, nobody logged in."""
    with ScriptedUpstream.in_thread() as upstream:
        shell = Shell(tmp_path, ScriptedGitHub(clock=quick), upstream)
        shell.github.install(upstream)
        path = tmp_path / "llm-proxy.toml"
        path.write_text(
            f'[data]\ndir = "{tmp_path / "data"}"\n[providers.copilot]\ndomain = "{shell.domain}"\n'
            f'[providers.copilot-work]\nprovider = "copilot"\ndomain = "{shell.domain}"\n'
        )
        path.chmod(0o600)
        yield shell


def test_a_login(shell: Shell) -> None:
    """The code and the link are shown, GitHub's pace is kept, and the token is for nobody else's eyes."""
    shell.github.decision, shell.github.pace = "approved", 8.0
    ran = shell.run("login", "copilot")
    assert (ran.code, ran.err) == (0, "")
    assert "https://github.com/login/device" in ran.out
    assert "|    TEST-0001    |" in ran.out
    assert f"The account is octo-test, at {shell.domain}." in ran.out
    path = shell.folder / "data" / "copilot" / "token.json"
    assert f"Logged in. The token is kept in {path}, which only you can read." in ran.out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert shell.shows_no_secret(ran)
    assert {shell.token()["access_token"], shell.token()["refresh_token"]} <= set(shell.github.given)
    assert (shell.github.slowed, len(shell.github.polls)) == (1, 2)  # too early once, and never again


def test_a_login_that_is_refused(shell: Shell) -> None:
    """The person has said no."""
    shell.github.decision = "access_denied"
    ran = shell.run("login", "copilot")
    assert (ran.code, ran.err) == (1, "The login was refused in the browser.\n")
    assert shell.token() is None


def test_a_code_that_nobody_types_in(shell: Shell) -> None:
    """It ends by itself."""
    shell.github.expires_in = 20
    ran = shell.run("login", "copilot")
    assert (ran.code, ran.err) == (1, "The code has expired before it was typed in. Begin again.\n")
    assert shell.token() is None


def test_a_login_that_is_cancelled(shell: Shell) -> None:
    """Ctrl-C leaves nothing behind."""
    process = shell.begin("login", "copilot")
    assert process.stdout is not None
    while "Waiting for you." not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, "Cancelled; nothing has changed.\n")
    assert shell.token() is None


def test_github_fails_for_a_moment(shell: Shell) -> None:
    """The person need not begin anew."""
    shell.github.decision, shell.github.down = "approved", 2
    ran = shell.run("login", "copilot")
    assert (ran.code, ran.err, shell.github.exchanges) == (0, "", 1)


def test_an_account_without_copilot(shell: Shell) -> None:
    """It is said at once, with the page where that can be changed, and nothing is kept."""
    shell.github.decision = "approved"
    details = {"message": "No access to GitHub Copilot found.", "notification_id": "no_copilot_access"}
    shell.github.no_access = {"message": "Forbidden", "error_details": details}
    ran = shell.run("login", "copilot")
    assert ran.code == 1
    assert ran.err.startswith("GitHub refuses Copilot to this account: No access to GitHub Copilot found.")
    assert "Sign up for Copilot at https://github.com/settings/copilot" in ran.err
    assert shell.token() is None


def test_the_editors_login(shell: Shell) -> None:
    """It is taken over when that is asked for, and the editor's file stays as it is."""
    path = shell.folder / "config" / "github-copilot" / "apps.json"
    assert shell.run("login", "copilot", "--import").err.startswith(
        f"No login for {shell.domain} is in {path}"
    )
    path.parent.mkdir(parents=True)
    login = shell.github.new_login()
    path.write_text(json.dumps({f"{shell.domain}:Iv1.test": {"oauth_token": login, "user": "octo-test"}}))
    before = path.read_bytes()
    ran = shell.run("login", "copilot", "--import")
    assert (ran.code, ran.err, "TEST-" in ran.out) == (0, "", False)
    assert shell.token()["refresh_token"] == login
    assert (path.read_bytes(), shell.shows_no_secret(ran)) == (before, True)


@pytest.fixture
def address(shell: Shell) -> Iterator[str]:
    """A Gaud that serves, in a process of its own, with somebody logged in."""
    shell.github.decision = "approved"
    assert shell.run("login", "copilot").code == 0
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = shell.folder / "llm-proxy.toml"
    config.write_text(f"{config.read_text()}[auth]\nenabled = false\n[server]\nport = {port}\n")
    process = shell.begin("serve")
    try:
        assert process.stderr is not None
        while "copilot is ready" not in process.stderr.readline():
            assert process.poll() is None
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


def test_a_gaud_that_runs(shell: Shell, address: str) -> None:
    """It calls with the login, tells `gaud providers` what is left, and after the logout calls no more."""

    def ask() -> httpx.Response:
        told = {"model": "copilot:gpt-5", "messages": [{"role": "user", "content": "Hi"}]}
        return httpx.post(f"{address}/v1/chat/completions", json=told, trust_env=False)

    assert ask().json()["choices"][0]["message"]["content"] == "Hello!"
    assert "copilot: premium_interactions: 299.1 of 300 left, whole again on 2026-12-01" in (
        shell.run("providers").out
    )
    assert shell.run("logout", "copilot").code == 0
    refused = ask()
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "login_required")
    assert refused.headers["x-gaud-hint"] == "Run: gaud login copilot"
    assert shell.github.refusals == []


def test_two_accounts(shell: Shell) -> None:
    """Each instance has a login of its own, and the models of both are listed; a logout ends one of them."""
    shell.github.decision = "approved"
    for name in ("copilot", "copilot-work"):
        assert shell.run("login", name).code == 0
    assert shell.token("copilot")["refresh_token"] != shell.token("copilot-work")["refresh_token"]
    out = shell.run("models").out
    assert "copilot:gpt-4o " in out
    assert "copilot-work:gpt-5 " in out
    ran = shell.run("logout", "copilot")
    assert (ran.code, shell.token()) == (0, None)
    assert "until you revoke it at the provider's" in ran.out
    ran = shell.run("models")
    assert (ran.code, "copilot-work:gpt-5 " in ran.out) == (1, True)
    assert "copilot: Nobody has logged in at `copilot`. Run: gaud login copilot" in ran.err
