"""The `gaud` command in this process or in one of its own, with one made-up provider installed."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import attrs
import pytest

from gaud_core.cli import main
from gaud_core.config import Config, Database
from gaud_core.store import Store, open_store

_START_SECS, _STOP_SECS = 60.0, 30.0
"""Enough for a machine that is busy with much else; nothing waits so long where all is well."""

_KEPT = {"PATH", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE"}

PLUGIN = '''
from gaud_core import HTTPProvider, Model, Secret, UpstreamFailed, http_url, option, settings


@settings
class AcmeSettings:
    """Settings of [providers.acme]."""

    url: str = option(help="Base URL.", env="URL", check=http_url, creates=True)
    api_key: Secret | None = option(default=None, help="Key.", env="API_KEY")
    timeout_secs: float = option(default=120.0, help="Limit.", gt=0)


class Acme(HTTPProvider[AcmeSettings]):
    """A made-up provider."""

    name = "acme"
    label = "Acme"

    async def models(self):
        """One model, or none when the URL says so."""
        if "down" in self.settings.url:
            raise UpstreamFailed("Acme is not there.", hint="Start it.")
        return [Model("big", max_input_tokens=128000)]
'''


@attrs.frozen
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """A folder with the distribution of a made-up provider, for Python's path."""
    folder = tmp_path / "site"
    info = folder / "gaud_acme_test-1.5.dist-info"
    info.mkdir(parents=True)
    (folder / "gaud_acme_test.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gaud-acme-test\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text("[gaud.providers.v1]\nacme = gaud_acme_test:Acme\n")
    return folder


@pytest.fixture
def environ(tmp_path: Path, plugins: Path) -> dict[str, str]:
    """An environment without anything of the machine's own."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if name in _KEPT}
    return {**kept, "HOME": str(home), "GAUD_PLUGINS": "acme", "PYTHONPATH": str(plugins)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory."""
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def gaud(
    folder: Path,
    plugins: Path,
    environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Run]:
    """Run a command in this process: `gaud("check", "--config", path, GAUD_X="1")`."""
    monkeypatch.syspath_prepend(str(plugins))
    root, known = logging.getLogger(), set(sys.modules)
    handlers, level, thresholds = root.handlers[:], root.level, gc.get_threshold()

    def run(*words: str, **variables: str) -> Ran:
        monkeypatch.setattr(os, "environ", {**environ, **variables})
        monkeypatch.setattr(sys, "argv", ["gaud", *words])
        capsys.readouterr()
        try:
            main()
            code: int | str | None = 0
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        return Ran(code if isinstance(code, int) else int(code is not None), out, err)

    yield run
    gc.set_threshold(*thresholds)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in {"gaud_acme_test"} & (set(sys.modules) - known):
        del sys.modules[name]


@pytest.fixture
def shell(folder: Path, environ: dict[str, str], database: Path) -> Run:
    """Run a command in a process of its own: `shell("users", "list", GAUD_X="1")`, without a terminal."""

    def run(*words: str | bytes, **variables: str) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "gaud_core", *words],
            cwd=folder,
            env={**environ, "GAUD_DATABASE_PATH": str(database), **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where the database of the commands is; nothing is there yet."""
    return tmp_path / "books" / "gaud.db"


@pytest.fixture
def books(gaud: Run, database: Path) -> Run:
    """Run a command in this process on `database`."""

    def run(*words: str, **variables: str) -> Ran:
        return gaud(*words, **{"GAUD_DATABASE_PATH": str(database), **variables})

    return run


@pytest.fixture
def store(database: Path) -> Iterator[Store]:
    """The store that the commands use, without rows."""
    opened = open_store(Config(database=Database(path=database)))
    yield opened
    opened.close()


@attrs.frozen
class Serving:
    """A `gaud serve` in a process of its own."""

    process: subprocess.Popen[str]
    out: str
    """What it had said on standard output when it listened."""

    @property
    def port(self) -> int:
        """Where it listens, as it says."""
        found = re.search(r"listens on http://127\.0\.0\.1:(\d+)", self.out)
        assert found is not None
        return int(found[1])

    def stop(self, number: int) -> tuple[int, str]:
        """Send a signal; give the exit code and what was said on standard error."""
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=_STOP_SECS)
        return self.process.returncode, err


@pytest.fixture
def serve(folder: Path, environ: Mapping[str, str], tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Start `gaud serve` on a free port: `serve("--config", path, until="…", GAUD_X="1")`."""
    with contextlib.ExitStack() as stack:

        def start(*words: str, until: str = "listens on", **variables: str) -> Serving:
            process = subprocess.Popen(
                [sys.executable, "-m", "gaud_core", "serve", "--port", "0", *words],
                cwd=folder,
                env={
                    **environ,
                    "GAUD_DATA_DIR": str(tmp_path / "data"),
                    "PYTHONUNBUFFERED": "1",
                    **variables,
                },
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.callback(_end, process)
            out = ""
            watchdog = threading.Timer(_START_SECS, process.kill)
            watchdog.start()
            while until not in out and (line := process.stdout.readline()):  # type: ignore[union-attr]
                out += line
            watchdog.cancel()
            return Serving(process, out)

        yield start


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
