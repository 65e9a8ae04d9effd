"""Settings of Gaud itself that whoever calls sees change, over a real socket."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gaud_core import HTTPProvider, Model
from gaud_core.app import create_app
from gaud_core.config import SECTIONS, load_config
from gaud_core.gateway.guests.plugins import Plugin, settings_of
from gaud_core.observe.logs import set_up_logging
from gaud_core.settings import describe
from gaud_core.testing import ScriptedUpstream, Signal, chat_stream

from ...loopback import NO_TLS, on_loopback
from ..support import eventually
from .support import PLUGIN, TOY, Toy, ToySettings

KEY = "sk-prx-test-key"
HEADERS = {"authorization": f"Bearer {KEY}"}
WAIT_FOR_RESTART = {
    *("server.host", "server.port", "server.workers", "data.dir", "database.path", "database.url"),
}


def test_what_waits_for_a_restart() -> None:
    """Every other setting of Gaud applies at once."""
    fixed = {f"{name}.{o.name}" for name, cls in SECTIONS.items() for o in describe(cls) if not o.live}
    assert fixed == WAIT_FOR_RESTART


class Far(HTTPProvider[ToySettings]):
    """A provider with a network."""

    name = "far"

    async def models(self) -> list[Model]:
        """One."""
        return [Model("one")]


PLUGINS = [PLUGIN, Plugin("far", "gaud-far", "1.0", Far)]


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    """What `far` speaks to."""
    with ScriptedUpstream.in_thread() as server:
        yield server


@pytest.fixture
def gaud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A gateway that is served, with a client for its administrator."""
    path = tmp_path / "llm-proxy.toml"
    path.write_text(f'{TOY}\n[auth]\nbootstrap_key = "{KEY}"\n')
    environ = {"GAUD_DATA_DIR": str(tmp_path / "data"), "GAUD_PLUGINS": "none"}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    Toy.alive.clear()
    app = create_app(load_config(path, environ, settings_of(PLUGINS, environ).schemas), plugins=PLUGINS)
    with (
        on_loopback(app) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=HEADERS, verify=NO_TLS) as client,
    ):
        yield client


def _set(gaud: httpx.Client, **changes: Any) -> None:
    named = {key.replace("__", "."): value for key, value in changes.items()}
    answer = gaud.post("/admin/settings/apply", json={"changes": named})
    assert answer.status_code == 200, answer.text


def _call(gaud: httpx.Client, **more: Any) -> httpx.Response:
    return gaud.post("/v1/chat/completions", json={"model": "toy:one", "messages": []}, **more)


def test_each_reader_has_the_new_values(gaud: httpx.Client) -> None:
    """Body limit, web pages, keys, models: the next request sees them."""
    origin = {"origin": "https://app.example"}
    assert "access-control-allow-origin" not in gaud.get("/health", headers=origin).headers
    assert _call(gaud).json() == "http://localhost:4000"

    _set(gaud, server__cors_origins="https://app.example", server__max_body_bytes=10)
    assert gaud.get("/health", headers=origin).headers["access-control-allow-origin"] == origin["origin"]
    assert _call(gaud).status_code == 413

    _set(gaud, server__cors_origins=None, server__max_body_bytes="", providers__toy__url="http://b")
    assert "access-control-allow-origin" not in gaud.get("/health", headers=origin).headers
    assert _call(gaud).json() == "http://b"
    assert [model["id"] for model in gaud.get("/v1/models").json()["data"]] == ["toy:one"]

    anybody = httpx.Client(base_url=gaud.base_url, verify=NO_TLS)
    assert anybody.get("/v1/models").status_code == 401
    _set(gaud, auth__enabled="false")
    assert anybody.get("/v1/models").status_code == 200
    _set(gaud, auth__enabled="true")
    assert anybody.get("/v1/models").status_code == 401
    anybody.close()


def test_a_call_that_is_still_being_sent(gaud: httpx.Client) -> None:
    """A request whose body comes while the settings change is served by the new instance."""
    body = b'{"model": "toy:one", "messages": []}'
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\nconnection: close\r\n"
    with socket.create_connection((gaud.base_url.host, gaud.base_url.port or 0), timeout=10) as raw:
        raw.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body[:9])
        assert gaud.get("/health").status_code == 200  # so it has been read by now
        _set(gaud, providers__toy__url="http://b")
        eventually(lambda: [toy.settings.url for toy in Toy.alive] == ["http://b"])  # the old one stops
        raw.sendall(body[9:])
        assert raw.makefile("rb").read().endswith(b'"http://b"')


def test_streams_end_on_what_they_began_with(gaud: httpx.Client, upstream: ScriptedUpstream) -> None:
    """A whole stream by default; after `server.drain_secs` an error event, and never a clean end."""
    for drain_secs, ends_well in ((600, True), (0, False)):
        gate = Signal()
        upstream.add(chat_stream(("one", "two"), gates=[gate]))
        _set(gaud, providers__far__url=upstream.url, server__drain_secs=drain_secs)
        body = {"model": "far:one", "messages": [], "stream": True}
        with gaud.stream("POST", "/v1/chat/completions", json=body) as answer:
            pieces = answer.iter_bytes()
            got = next(pieces)
            _set(gaud, providers__far__timeout_secs=100 + drain_secs)
            if ends_well:
                gate.set()
            got += b"".join(pieces)
            gate.set()
        assert got.endswith(b"data: [DONE]\n\n") is ends_well
        assert (b'"error"' in got) is not ends_well


def test_the_log_takes_level_shape_and_secrets(
    gaud: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """A new secret is masked before anything starts that could log it; the old one stays masked."""
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    set_up_logging("warning", as_json=False, secrets=["sk-test-one"])
    try:
        _set(gaud, providers__toy__api_key="sk-test-other", logging__level="error", logging__json=True)
        assert root.level == logging.ERROR
        logging.getLogger("gaud.test").error("with sk-test-one and sk-test-other")
        assert '"message": "with ******** and ********"' in capsys.readouterr().err
    finally:
        root.handlers[:], level = kept
        root.setLevel(level)


def test_health_says_where_the_configuration_stands(gaud: httpx.Client) -> None:
    """With a key in words, without one only how many problems there are."""
    app_file = Path(gaud.get("/health").json()["config"]["file"])
    good = app_file.read_text()
    app_file.write_text("nonsense")
    assert gaud.post("/admin/settings/reload").status_code == 400
    deadline = time.monotonic() + 20
    while not gaud.get("/health").json()["config"]["problems"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    known = gaud.get("/health").json()
    assert known["status"] == "degraded"
    assert "this is not TOML" in known["config"]["problems"][0]
    unknown = httpx.get(f"{gaud.base_url}/health", verify=NO_TLS).json()
    assert unknown["config"]["problems"] == 1
    assert "file" not in unknown["config"]
    app_file.write_text(good)
    assert gaud.post("/admin/settings/reload").status_code == 200
    assert gaud.get("/health").json()["config"]["problems"] == []
