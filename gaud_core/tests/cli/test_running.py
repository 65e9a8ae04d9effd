"""`gaud providers` beside a server that runs: a gateway, or something else."""

from __future__ import annotations

import json
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from gaud_core.cli.running import ask_health, troubles_of

from .conftest import Run, Serving

GOOD = '[providers.acme]\nurl = "http://127.0.0.1:9"\n'
Answering = Callable[[bytes], int]


@pytest.fixture
def answering() -> Iterator[Answering]:
    """Start a server that answers everything with these bytes; give its port."""
    servers = []

    def start(body: bytes) -> int:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: object) -> None:
                return

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server.server_port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


NO_HEALTH = [
    b"",
    b"<html>",
    b"[]",
    b"7",
    b"{}",
    b'{"providers": 7}',
    b"[" * 100_000,
    b'{"providers": "\xff"}',
]


@pytest.mark.parametrize("body", NO_HEALTH)
def test_server_that_is_no_gateway(answering: Answering, body: bytes) -> None:
    """Whatever else listens there is nobody."""
    assert ask_health("127.0.0.1", answering(body))[1] is None


def test_nobody_there(gaud: Run) -> None:
    """The list is complete without a gateway, and nothing is said of one."""
    ran = gaud("providers", GAUD_SERVER_PORT="9")
    assert (ran.code, "The gateway that runs" in ran.out) == (0, False)


ODD = [7, None, {}, {"name": None}, {"warnings": 7}, {"warnings": [7, {}]}, {"healthy": False}]


@pytest.mark.parametrize("odd", ODD)
def test_odd_health_is_no_crash(gaud: Run, answering: Answering, odd: object) -> None:
    """A gateway of another version may say other things."""
    port = answering(json.dumps({"providers": [odd]}).encode())
    assert gaud("providers", GAUD_SERVER_PORT=str(port)).code == 0


def test_control_characters_stay_out_of_the_terminal() -> None:
    """What a server says is shown on one line."""
    health = {"providers": [{"name": "a\x1b[2J", "last_error": "b\r\nc", "stage": "serving"}]}
    assert list(troubles_of(health)) == [("a [2J", "last error: b c")]


def test_gateway_that_runs(gaud: Run, serve: Callable[..., Serving], folder: Path) -> None:
    """What it knows of its providers is told, and that there is nothing to tell."""
    config = folder / "llm-proxy.toml"
    config.write_text(GOOD)
    config.chmod(0o600)
    port = serve().port
    ran = gaud("providers", GAUD_SERVER_PORT=str(port))
    assert f"The gateway that runs at 127.0.0.1:{port} reports no trouble." in ran.out


def test_process_that_was_stopped(serve: Callable[..., Serving], folder: Path) -> None:
    """A SIGSTOP is no provider's block: the standstill is told, and nobody is named."""
    serving = serve(GAUD_ACME_URL="http://127.0.0.1:9")
    _ask(serving.port)
    serving.process.send_signal(signal.SIGSTOP)
    time.sleep(0.6)  # the machine's own time is what this is about
    serving.process.send_signal(signal.SIGCONT)
    _ask(serving.port)
    time.sleep(0.2)  # until the watch has looked
    _, err = serving.stop(signal.SIGTERM)
    (line,) = [line for line in err.splitlines() if "event loop" in line]
    assert "the process stood still" in line
    assert "acme" not in line


def _ask(port: int) -> None:
    """Wait until it serves."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answered:
        assert answered.status == 200
