"""`gaud serve`: starting, saying where it listens, refusing what cannot work, stopping."""

from __future__ import annotations

import json
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from .conftest import Run, Serving

Serve = Callable[..., Serving]
OPEN = {"GAUD_AUTH_ENABLED": "false"}
KEY = "sk-prx-test-key"


def _get(port: int, path: str, key: str = "") -> Any:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"x-api-key": key})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as answer:
        return json.load(answer)


def _ready(serving: Serving) -> None:
    deadline = time.monotonic() + 5
    while True:
        try:
            _get(serving.port, "/health")
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_first_start(serve: Serve, tmp_path: Path) -> None:
    """It shows the key once, says what to do next, serves, and is silent the second time."""
    serving = serve(until="start Gaud again")
    key = next(
        line.strip("| ") for line in serving.out.splitlines() if "sk-prx-" in line and "Bearer" not in line
    )
    assert "It is shown this once" in serving.out
    assert "No provider is configured, so there is nothing to call yet." in serving.out
    assert "[providers.acme]" in serving.out
    assert 'url = "..."' in serving.out
    _ready(serving)
    assert _get(serving.port, "/v1/models", key) == {"object": "list", "data": []}
    code, err = serving.stop(signal.SIGTERM)
    assert (code, "Traceback" in err, key in err) == (0, False, False)
    again = serve(GAUD_ACME_URL="http://acme.test")
    assert "sk-prx-" not in again.out
    _ready(again)
    assert key.encode() not in (tmp_path / "data" / "gaud.db").read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_it_in_order(serve: Serve, number: int) -> None:
    """Exit code 0, a word in the log, no traceback, no `Aborted!`."""
    serving = serve(**OPEN)
    _ready(serving)
    code, err = serving.stop(number)
    assert code == 0
    assert "stopped" in err
    assert "Traceback" not in err
    assert "Abort" not in err


def test_open_gateway_is_warned_about(serve: Serve) -> None:
    """Without keys the log says what that means."""
    serving = serve(**OPEN)
    _ready(serving)
    assert "whoever reaches this address can spend your money" in serving.stop(signal.SIGTERM)[1]


def test_secrets_do_not_show(serve: Serve) -> None:
    """Neither the preset key nor the upstream's stands in anything that is printed or logged."""
    serving = serve(
        GAUD_AUTH_BOOTSTRAP_KEY=KEY,
        GAUD_ACME_URL="http://127.0.0.1:1",
        GAUD_ACME_API_KEY="sk-upstream-test",
        GAUD_LOGGING_LEVEL="debug",
    )
    _ready(serving)
    _, err = serving.stop(signal.SIGTERM)
    for secret in (KEY, "sk-upstream-test"):
        assert secret not in serving.out + err


def test_json_log(serve: Serve) -> None:
    """With logging.json every line of the log is an object."""
    serving = serve(GAUD_LOGGING_JSON="true", **OPEN)
    _ready(serving)
    _, err = serving.stop(signal.SIGTERM)
    assert err
    assert all(isinstance(json.loads(line), dict) for line in err.splitlines())


def test_broken_plugin_is_told_and_does_not_stop_it(serve: Serve, plugins: Path) -> None:
    """The log names the distribution and the reason; the gateway serves."""
    (plugins / "gaud_acme_test.py").write_text("raise RuntimeError('no luck')")
    serving = serve(**OPEN)
    _ready(serving)
    _, err = serving.stop(signal.SIGTERM)
    assert "provider acme (gaud-acme-test): its import fails: RuntimeError: no luck" in err


def test_port_in_use(gaud: Run) -> None:
    """One sentence that names the cure, and no traceback; exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = gaud("serve", "--port", str(port), **OPEN)
    assert ran.code == 1
    assert f"Gaud cannot listen on 127.0.0.1:{port}: address already in use." in ran.err
    assert f"gaud serve --port {port + 1}" in ran.err
    assert "Traceback" not in ran.err
    assert "listens on" not in ran.out


def test_port_in_use_makes_no_key(gaud: Run, tmp_path: Path) -> None:
    """A start that fails does not make a key that nobody sees."""
    data = tmp_path / "data"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gaud("serve", "--port", str(taken.getsockname()[1]), GAUD_DATA_DIR=str(data))
    assert not data.exists()


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid"])
def test_host_that_is_not_ours(gaud: Run, host: str) -> None:
    """An address that this machine has not is one sentence."""
    ran = gaud("serve", "--port", "0", "--host", host)
    assert ran.code == 1
    assert f"Gaud cannot listen on {host}:0: " in ran.err
    assert "Check server.host." in ran.err


@pytest.mark.parametrize("host", ["a..b", "x" * 70])
def test_host_that_is_no_name(gaud: Run, host: str) -> None:
    """A name that no resolver takes is a sentence, not Python's complaint about its encoding."""
    ran = gaud("serve", "--port", "0", "--host", host)
    assert ran.code in {1, 2}
    assert host in ran.err


@pytest.mark.parametrize("host", ["http://127.0.0.1", "127.0.0.1:80", "ö..", ""])
def test_host_that_is_none(gaud: Run, host: str) -> None:
    """What is no address at all is a mistake on the command line as it is in the file."""
    ran = gaud("serve", "--port", "0", "--host", host)
    assert ran.code == 2
    assert "must be an address such as `127.0.0.1`" in ran.err


def test_open_network_needs_to_be_said_twice(gaud: Run) -> None:
    """A flag cannot open a gateway without keys to the world; exit code 2."""
    ran = gaud("serve", "--port", "0", "--host", "0.0.0.0", **OPEN)
    assert ran.code == 2
    assert "allow_open_network" in ran.err


def test_nothing_but_mistakes(gaud: Run, folder: Path) -> None:
    """A configuration whose only provider is wrong is not worth starting; all mistakes, exit code 2."""
    (folder / "llm-proxy.toml").write_text('[providers.acme]\nurl = "no address"\ntimeout_secs = 0\n')
    ran = gaud("serve", "--port", "0")
    assert ran.code == 2
    assert "providers.acme.url" in ran.err
    assert "providers.acme.timeout_secs" in ran.err


def test_one_bad_section_among_good_ones(serve: Serve, folder: Path) -> None:
    """It is left out and reported; the good one serves."""
    text = '[providers.acme]\nurl = "http://acme.test"\n[providers.work]\nprovider = "acme"\n'
    (folder / "llm-proxy.toml").write_text(text)
    serving = serve(**OPEN)
    _ready(serving)
    providers = {provider["name"]: provider for provider in _get(serving.port, "/health")["providers"]}
    assert providers["acme"]["stage"] == "serving"
    assert providers["work"]["stage"] == "broken"
    assert "providers.work.url: is missing." in providers["work"]["detail"]
    assert "work is left out" in serving.stop(signal.SIGTERM)[1]


def test_unwritable_data_folder(serve: Serve, tmp_path: Path) -> None:
    """No place for the database is a mistake of the configuration; exit code 2."""
    taken = tmp_path / "taken"
    taken.write_text("")
    serving = serve(GAUD_DATA_DIR=str(taken / "below"))
    _, err = serving.process.communicate(timeout=10)
    assert (serving.process.returncode, serving.out) == (2, "")
    assert "gaud.db cannot be used as the database: Not a directory." in err
    assert "Traceback" not in err


@contextmanager
def _small_files(most_bytes: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("variables", [OPEN, {"GAUD_AUTH_BOOTSTRAP_KEY": KEY}], ids=["ledger", "bootstrap"])
def test_full_disk(serve: Serve, tmp_path: Path, variables: dict[str, str]) -> None:
    """Books that nobody can write are one sentence and exit code 2; with room it starts again."""
    first = serve(**OPEN)
    _ready(first)
    first.stop(signal.SIGTERM)
    with closing(sqlite3.connect(tmp_path / "data" / "gaud.db")) as other:
        other.execute("create table ballast as select zeroblob(200000) as bytes")
        other.execute("begin")
        other.execute("select * from ballast").fetchall()  # what is read now stays in the write-ahead log
        with _small_files(40_000):  # room for SQLite's index of that log, none for a row at its end
            serving = serve(**variables)
        _, err = serving.process.communicate(timeout=10)
    assert serving.process.returncode == 2
    assert "gaud.db cannot be used as the database: " in err
    assert "Traceback" not in err
    again = serve(**variables)
    _ready(again)


def test_broken_settings_class_of_a_plugin(serve: Callable[..., Serving], plugins: Path) -> None:
    """One that is installed and not even configured does not keep Gaud from starting."""
    module = plugins / "gaud_acme_test.py"
    module.write_text(module.read_text().replace("HTTPProvider[AcmeSettings]", "HTTPProvider[int]"))
    serving = serve()
    _ready(serving)
    code, err = serving.stop(signal.SIGTERM)
    assert (code, "Traceback" in err) == (0, False)


NOT_AT_A_START = {
    "alembic": "only an upgrade of the database needs it",
    "httpx": "only a provider that asks its upstream needs it",
    "jinja2": "only the dashboard needs it",
    "tomlkit": "only a change of the file needs it",
    "gaud_core.admin.operations": "the admin API is loaded when it is asked",
    "gaud_core.admin.openapi": "the same",
    "gaud_core.ui.site": "the dashboard is loaded when somebody looks",
    "gaud_core.ledger.usage": "only reports need it",
    "gaud_core.bridge.chat.request": "only a call that is translated needs it",
    "gaud_core.cli.fleet": "only several workers need it",
    "gaud_core.testing": "only authors of providers need it",
}


def test_a_start_loads_what_it_needs(environ: dict[str, str], tmp_path: Path) -> None:
    """Up to the first answer; each module of these would make every start slower."""
    code = (
        "import atexit, sys\natexit.register(lambda: print(*sys.modules))\n"
        "from gaud_core.cli import main\nsys.argv = ['gaud', 'serve', '--port', '0']\nmain()"
    )
    started = subprocess.Popen(
        [sys.executable, "-u", "-c", code],
        env={**environ, "GAUD_DATA_DIR": str(tmp_path)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    _ready(Serving(started, started.stdout.readline()))
    started.send_signal(signal.SIGTERM)
    loaded = set(started.communicate(timeout=10)[0].splitlines()[-1].split())
    assert {"gaud_core.app", "sqlalchemy"} <= loaded
    assert {name for name in NOT_AT_A_START if name in loaded} == set()
