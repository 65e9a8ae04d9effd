"""`gaud login` and `gaud logout`: what they say, where the token is, and what a running Gaud makes of it."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from gaud_core.testing import Answer, ScriptedOAuth, ScriptedUpstream, Seen, chat_completion

from .conftest import Run, Serving

PLUGIN = '''
import asyncio
from gaud_core import DeviceFlow, HTTPProvider, LoginProvider, Token, http_url, option, settings


@settings
class AcmeSettings:
    """Settings of [providers.acme]."""

    url: str = option(help="Base URL.", env="URL", check=http_url, creates=True)


class Acme(LoginProvider[AcmeSettings], HTTPProvider[AcmeSettings]):
    """A made-up provider with a login."""

    name = "acme"

    async def sleep(self, seconds):
        await asyncio.sleep(0.01)

    async def login(self, screen):
        url = self.settings.url
        if "crash" in url:
            raise KeyError("secret-test-9")
        return await self.by_device_code(
            screen, DeviceFlow(device_url=f"{url}/device", token_url=f"{url}/token", client_id="client-test")
        )

    async def take_over(self, screen):
        if "empty" in self.settings.url:
            return await super().take_over(screen)
        return Token("editor-test-1")

    async def send(self, call):
        return await self.with_token(
            lambda token: self.pass_on(call, {"authorization": f"Bearer {token.access_token.reveal()}"})
        )
'''


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    """The token server, and where the calls go."""
    with ScriptedUpstream.in_thread() as server:
        yield server


@pytest.fixture
def oauth(upstream: ScriptedUpstream, plugins: Path) -> ScriptedOAuth:
    """The token server; the made-up provider has a login now. A person agrees at once."""
    (plugins / "gaud_acme_test.py").write_text(PLUGIN)
    server = ScriptedOAuth(interval=0, at_once=True)
    server.install(upstream)

    def chat(seen: Seen) -> Answer:
        known = server.knows((seen.header("authorization") or "").removeprefix("Bearer "))
        return chat_completion("Hello") if known else Answer.error(401, "Bad token.")

    upstream.on("/v1/chat/completions", chat)
    return server


@pytest.fixture
def config(folder: Path, tmp_path: Path, upstream: ScriptedUpstream) -> Path:
    """A configuration with one instance, `work`."""
    path = folder / "llm-proxy.toml"
    path.write_text(
        f'[data]\ndir = "{tmp_path / "data"}"\n[auth]\nenabled = false\n'
        f'[providers.work]\nprovider = "acme"\nurl = "{upstream.url}"\n'
    )
    path.chmod(0o600)
    return path


def test_login(gaud: Run, config: Path, oauth: ScriptedOAuth, tmp_path: Path) -> None:
    """The code is shown; the token is in the instance's folder and on no screen."""
    ran = gaud("login", "work")
    assert (ran.code, ran.err) == (0, "")
    assert "|    TEST-0001    |" in ran.out
    path = tmp_path / "data" / "work" / "token.json"
    assert f"Logged in. The token is kept in {path}, which only you can read." in ran.out
    kept = json.loads(path.read_text())
    assert oauth.knows(kept["access_token"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert kept["access_token"] not in ran.out
    assert kept["refresh_token"] not in ran.out


def test_logout(gaud: Run, config: Path, oauth: ScriptedOAuth, tmp_path: Path) -> None:
    """The file is gone, and it says what that does not do; a second time there is nothing to do."""
    gaud("login", "work")
    ran = gaud("logout", "work")
    path = tmp_path / "data" / "work" / "token.json"
    assert ran.code == 0
    assert ran.out.startswith(f"Logged out: {path} is deleted.\n")
    assert "stays good until it ends" in ran.out
    assert not path.exists()
    assert gaud("logout", "work").out == f"Nobody was logged in at `work`: there is no {path}.\n"


def test_import(gaud: Run, config: Path, oauth: ScriptedOAuth, tmp_path: Path) -> None:
    """The login of another program is taken over, and no code is shown."""
    ran = gaud("login", "work", "--import")
    assert (ran.code, ran.err) == (0, "")
    assert "TEST-" not in ran.out
    assert "editor-test-1" not in ran.out
    assert json.loads((tmp_path / "data" / "work" / "token.json").read_text())["access_token"] == (
        "editor-test-1"
    )


def test_import_of_a_provider_that_knows_none(gaud: Run, oauth: ScriptedOAuth) -> None:
    """It says so, and begins no other login in its place."""
    ran = gaud("login", "acme", "--import", GAUD_ACME_URL="http://empty.test")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "`acme` knows no other program whose login it could take over.\n"


def test_broken_token(gaud: Run, config: Path, oauth: ScriptedOAuth, tmp_path: Path) -> None:
    """Both commands get over it."""
    path = tmp_path / "data" / "work" / "token.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    assert gaud("login", "work").code == 0
    path.write_text("{")
    assert gaud("logout", "work").code == 0


def test_denied(gaud: Run, config: Path, oauth: ScriptedOAuth, upstream: ScriptedUpstream) -> None:
    """A sentence on standard error, exit code 1, no token."""
    denied = Answer.json({"error": "access_denied"}, 400)
    upstream.on("/token", denied)
    ran = gaud("login", "work")
    assert (ran.code, ran.err) == (1, "The login was refused in the browser.\n")


def test_no_network(gaud: Run, config: Path, oauth: ScriptedOAuth, upstream: ScriptedUpstream) -> None:
    """The same, naming the server."""
    upstream.on("/device", Answer.reset())
    ran = gaud("login", "work")
    assert ran.code == 1
    assert ran.err.startswith(f"127.0.0.1:{upstream.port} cannot be asked")
    assert "Traceback" not in ran.err


def test_plugin_that_crashes(gaud: Run, oauth: ScriptedOAuth) -> None:
    """It is named; the traceback is the log's."""
    ran = gaud("login", "acme", GAUD_ACME_URL="http://crash.test")
    assert ran.code == 1
    assert ran.err.endswith("The provider `acme` failed with KeyError; Gaud's log has the details.\n")


@pytest.mark.parametrize("command", ["login", "logout"])
def test_no_such_instance(gaud: Run, config: Path, oauth: ScriptedOAuth, command: str) -> None:
    """It says what was meant, what is there, or how it comes."""
    assert gaud(command, "wrok").err.endswith("Did you mean `work`?\n")
    assert gaud(command, "x").err == "There is no provider `x` in the configuration. There is `work`.\n"
    ran = gaud(command, "acme")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.endswith("It is installed: write a section [providers.acme] to llm-proxy.toml.\n")


def test_nothing_configured(gaud: Run) -> None:
    """It says where to look."""
    ran = gaud("login", "\x1b[2Jx")
    assert ran.code == 1
    assert ran.err.endswith("`gaud providers` lists the installed ones.\n")
    assert "\x1b" not in ran.err


def test_not_installed(gaud: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that installs it, where that is known."""
    monkeypatch.setattr("gaud_core.cli.logins.install_hint", lambda name: f"Install it with: {name}!")
    assert gaud("login", "other").err == "The provider `other` is not installed. Install it with: other!\n"


def test_mistakes_in_the_section(gaud: Run, config: Path, oauth: ScriptedOAuth) -> None:
    """They are told as by `gaud check`, with exit code 2."""
    config.write_text('[providers.work]\nprovider = "acme"\n')
    ran = gaud("login", "work")
    assert ran.code == 2
    assert "providers.work.url: is missing." in ran.err


def test_import_that_fails(gaud: Run, plugins: Path) -> None:
    """The reason is told."""
    (plugins / "gaud_acme_test.py").write_text("raise RuntimeError('no luck')")
    ran = gaud("login", "acme")
    assert ran.code == 1
    assert "its import fails: RuntimeError: no luck (distribution gaud-acme-test)" in ran.err


def test_constructor_that_fails(gaud: Run, plugins: Path, oauth: ScriptedOAuth) -> None:
    """It is named, without a traceback."""
    bad = PLUGIN + "\n    def __init__(self, settings, ctx):\n        raise OSError('no luck')\n"
    (plugins / "gaud_acme_test.py").write_text(bad)
    ran = gaud("login", "acme", GAUD_ACME_URL="http://acme.test")
    assert (ran.code, ran.err) == (1, "provider `acme` failed at start: OSError: no luck\n")


@pytest.mark.parametrize("command", ["login", "logout"])
def test_provider_without_login(gaud: Run, command: str) -> None:
    """It is left alone."""
    ran = gaud(command, "acme", GAUD_ACME_URL="http://acme.test")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "The provider `acme` needs no login: its settings are all that it needs.\n"


def test_ctrl_c(
    folder: Path, environ: dict[str, str], config: Path, oauth: ScriptedOAuth, tmp_path: Path
) -> None:
    """Exit code 130, one line, no traceback, no token."""
    oauth.at_once = False
    process = subprocess.Popen(
        [sys.executable, "-m", "gaud_core", "login", "work"],
        cwd=folder,
        env={**environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while "Waiting for you." not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (130, "Cancelled; nothing has changed.\n")
    assert not (tmp_path / "data" / "work" / "token.json").exists()


def test_running_gaud_uses_the_token_at_once(
    gaud: Run, config: Path, oauth: ScriptedOAuth, tmp_path: Path, serve: Callable[..., Serving]
) -> None:
    """Its calls are answered with the command until the login, and go through until the logout."""
    url = f"http://127.0.0.1:{serve(GAUD_AUTH_ENABLED='0').port}/v1/chat/completions"

    def call() -> httpx.Response:
        body = {"model": "work:m", "messages": [{"role": "user", "content": "Hello"}]}
        return httpx.post(url, json=body, trust_env=False)

    answers = [call()]
    gaud("login", "work")
    answers.append(call())
    gaud("logout", "work")
    answers.append(call())
    assert [answer.status_code for answer in answers] == [401, 200, 401]
    error = answers[0].json()["error"]
    assert (error["code"], answers[0].headers["x-gaud-hint"]) == ("login_required", "Run: gaud login work")
    for _ in range(5):
        call()  # many of them open no circuit breaker
    gaud("login", "work")
    assert call().status_code == 200
