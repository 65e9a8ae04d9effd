"""Quarantine: twenty bad plugins at once in one Gaud, and calls to a good one go on without one failure."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner

from gaud_core import ConfigError
from gaud_core.app import create_app
from gaud_core.cli.common import read_setup
from gaud_core.cli.providers import command
from gaud_core.config import load_config

from ..support import Served, eventually, running
from ..wire import chat, post
from .culprits import CULPRITS, install, source

_CALLERS = 2
_ENOUGH = 5


@attrs.frozen
class Street:
    """A Gaud with all the culprits and a good neighbour, and what it has logged."""

    gaud: Served
    config: Path
    log: list[str]

    def providers(self) -> str:
        """Run `gaud providers` while it runs."""
        environ = {"GAUD_SERVER_PORT": str(self.gaud.port), "COLUMNS": "300"}
        ran = CliRunner(env=environ).invoke(command, ["--config", str(self.config)])
        assert ran.exit_code == 0, ran.output
        return ran.stdout

    def health(self, name: str) -> str:
        """Give what `/health` says of a plugin, configured or only installed."""
        page = self.gaud.get("/health").json
        said = [one for one in [*page["providers"], *page["plugins"]] if one["name"] == name]
        return json.dumps(said, ensure_ascii=False)


class _Log(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture(scope="module")
def patched() -> Iterator[pytest.MonkeyPatch]:
    """Changes for all the tests of this file."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def street(
    tmp_path_factory: pytest.TempPathFactory,
    patched: pytest.MonkeyPatch,
    stopping: list[threading.Thread],
) -> Iterator[Street]:
    """The Gaud of all these tests: found by discovery and read from a file, as in real life."""
    folder = tmp_path_factory.mktemp("street")
    patched.syspath_prepend(str(folder))
    patched.setenv("GAUD_PLUGINS", ",".join(["fine", "twin", *CULPRITS]))
    patched.setattr("gaud_core.gateway.gateway._START_GRACE_SECS", 0.01)
    patched.setattr("gaud_core.gateway.instances.instance.START_SECS", 0.3)
    patched.setattr("gaud_core.gateway.instances.supervise.LEAKS_INTERVAL_SECS", 0.1)
    sections = [f"[auth]\nenabled = false\n[data]\ndir = '{folder}'\n[providers.fine]\n[providers.twin]"]
    install(folder, "fine", source("fine"))
    install(folder, "twin", source("twin"), distribution="gaud-twin-a")
    install(folder, "twin", source("twin"), distribution="gaud-twin-b")
    for name, culprit in CULPRITS.items():
        install(folder, name, culprit.code, group=culprit.group)
        sections.append(f"[providers.{name}]\n{culprit.section}")
    config = folder / "llm-proxy.toml"
    config.write_text("\n".join(sections))
    config.chmod(0o600)
    kept = _Log()
    logging.getLogger("gaud").addHandler(kept)
    setup = read_setup(str(config))
    app = create_app(setup.config, plugins=setup.plugins)
    with running(app, setup.config, stopping) as gaud:
        yield Street(gaud, config, kept.lines)
    logging.getLogger("gaud").removeHandler(kept)
    for module in [name for name in sys.modules if name.startswith("culprit_")]:
        del sys.modules[module]


@contextlib.contextmanager
def _neighbours_are_called(gaud: Served) -> Iterator[None]:
    """While the block runs and a little longer, the good neighbour is called without a pause or a failure."""
    statuses: list[int] = []
    ended = threading.Event()

    def call() -> None:
        with gaud.wire() as wire:
            while not ended.is_set():
                wire.send(post(chat("fine:m")))
                statuses.append(wire.answer().status)

    callers = [threading.Thread(target=call) for _ in range(_CALLERS)]
    for caller in callers:
        caller.start()
    try:
        eventually(lambda: statuses)
        yield
        before = len(statuses)
        eventually(lambda: len(statuses) >= before + _ENOUGH)
    finally:
        ended.set()
        for caller in callers:
            caller.join(5)
    assert set(statuses) == {200}


@pytest.mark.parametrize("name", CULPRITS)
def test_culprit_hurts_nobody_else_and_is_named(street: Street, name: str) -> None:
    """`/health`, `gaud providers` and the log name it with the reason; the neighbour has no failure."""
    culprit = CULPRITS[name]
    with _neighbours_are_called(street.gaud):
        answered = street.gaud.chat(f"{name}:m", stream=name == "stream")
        eventually(lambda: culprit.told in street.health(name))
        providers = street.providers()
    assert answered.status == culprit.status
    assert any(line.startswith(f"{name}: ") and culprit.told in line for line in providers.splitlines())
    logged = culprit.logged or culprit.told
    assert any(name in line and logged in line for line in street.log)


def test_neighbours_of_a_gaud_with_everything(street: Street) -> None:
    """A short load on the good one, with all the others called in between, ends without one failure."""
    with _neighbours_are_called(street.gaud):
        for name in CULPRITS:
            street.gaud.chat(f"{name}:m")


def test_two_plugins_of_one_name(street: Street) -> None:
    """The first serves; its twin is named with its distribution, and whose twin it is."""
    with _neighbours_are_called(street.gaud):
        assert street.gaud.chat("twin:m").status == 200
        told = "the distribution `gaud-twin-a` has a provider of this name already"
        assert told in street.health("twin")
        assert f"twin: {told} (distribution gaud-twin-b)" in street.providers()


def test_two_instances_of_one_prefix(tmp_path: Path) -> None:
    """TOML itself refuses them, so that no prefix can mean two; the section is named."""
    config = tmp_path / "llm-proxy.toml"
    config.write_text("[providers.work]\n[providers.fine]\n[providers.work]\n")
    with pytest.raises(ConfigError, match=r"Line 3.*\[providers\.work\]"):
        load_config(config, os.environ, {})


def test_an_answer_that_is_whole_stays_so_when_closing_it_fails(street: Street) -> None:
    """A crash in `aclose` comes too late to spoil anything."""
    answered = street.gaud.chat("close:m")
    assert (answered.status, answered.body, answered.complete) == (200, b'{"choices":[]}', True)
