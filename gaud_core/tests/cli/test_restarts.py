"""Starting again: the same keys, no second banner, nothing lost of what the last process left."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gaud_core.testing import Answer, ScriptedUpstream, Signal, chat_chunk, chat_completion, sse

from .conftest import Run, Serving
from .test_serve import _get, _ready

Serve = Callable[..., Serving]
KEY = "sk-prx-test-key"
HELLO = sse(chat_chunk({"content": "Hello"}))


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    """An upstream of one test."""
    with ScriptedUpstream.in_thread(chat_completion()) as server:
        yield server


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where the gateway keeps its books."""
    return tmp_path / "data" / "gaud.db"


def _rows(
    database: Path, query: str = "SELECT state, status, error, cost_source, settled_at FROM calls"
) -> Any:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


def _request(port: int, *, stream: bool) -> bytes:
    body = json.dumps({"model": "acme:big", "messages": [], "stream": stream}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


def _start(serve: Serve, upstream: ScriptedUpstream, **variables: str) -> Serving:
    serving = serve(GAUD_AUTH_BOOTSTRAP_KEY=KEY, GAUD_ACME_URL=upstream.url, **variables)
    _ready(serving)
    return serving


def _made_key(said: str) -> str | None:
    lines = (line.strip("| ") for line in said.splitlines())
    return next((line for line in lines if line.startswith("sk-prx-") and " " not in line), None)


def test_the_key_of_the_first_start_goes_on_working(serve: Serve, upstream: ScriptedUpstream) -> None:
    """After a stop in order and after a kill; it is shown once."""
    first = serve(GAUD_ACME_URL=upstream.url, until="keep it safe")
    out = first.out
    while _made_key(out) is None:
        out += first.process.stdout.readline()  # type: ignore[union-attr]
    key = _made_key(out) or ""
    _ready(first)
    first.stop(signal.SIGTERM)
    for number in (signal.SIGKILL, signal.SIGTERM):
        again = serve(GAUD_ACME_URL=upstream.url)
        _ready(again)
        assert _made_key(again.out) is None
        assert [model["id"] for model in _get(again.port, "/v1/models", key)["data"]] == ["acme:big"]
        again.stop(number)


def test_two_first_starts_at_once_make_one_key(serve: Serve, database: Path) -> None:
    """One of them shows it; both serve, on one database."""
    found: list[Serving] = []
    threads = [threading.Thread(target=lambda: found.append(serve(until="start Gaud again"))) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    keys = [_made_key(serving.out) for serving in found]
    (key,) = [key for key in keys if key]
    for serving in found:
        _ready(serving)
        assert _get(serving.port, "/v1/models", key) == {"object": "list", "data": []}
    assert _rows(database, "SELECT id FROM keys") == [("key_bootstrap",)]
    assert _rows(database, "SELECT count(*) FROM workers") == [(2,)]


def test_a_database_of_a_newer_gaud(serve: Serve, gaud: Run, database: Path) -> None:
    """It is left alone, with a sentence that says what to do; exit code 2."""
    serve(GAUD_AUTH_BOOTSTRAP_KEY=KEY).stop(signal.SIGKILL)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    ran = gaud("serve", "--port", "0", GAUD_DATA_DIR=str(database.parent))
    assert ran.code == 2
    assert "has the schema 9999 of a newer Gaud; this one knows up to " in ran.err
    assert "Start the newer Gaud" in ran.err
    assert "Traceback" not in ran.err


def test_a_preset_key_that_is_another_ones(serve: Serve, gaud: Run, database: Path) -> None:
    """A key cannot belong to two; it is a sentence without the key, and exit code 2."""
    serve(GAUD_AUTH_BOOTSTRAP_KEY=KEY).stop(signal.SIGKILL)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE keys SET id = 'key_other', label = 'laptop'")
    ran = gaud("serve", "--port", "0", GAUD_DATA_DIR=str(database.parent), GAUD_AUTH_BOOTSTRAP_KEY=KEY)
    assert ran.code == 2
    assert "auth.bootstrap_key: is already the key key_other." in ran.err
    assert "Traceback" not in ran.err
    assert KEY not in ran.err


@pytest.mark.parametrize("stream", [False, True])
def test_a_stop_past_the_grace(
    serve: Serve, upstream: ScriptedUpstream, database: Path, stream: bool
) -> None:
    """The running call is told so and booked as stopped; nothing stays open, and the worker is gone."""
    upstream.default = Answer.stream([HELLO, Signal()]) if stream else Answer.stalled(Signal())
    serving = _start(serve, upstream, GAUD_SERVER_SHUTDOWN_SECS="0")
    with socket.create_connection(("127.0.0.1", serving.port), timeout=10) as client:
        client.sendall(_request(serving.port, stream=stream))
        seen = upstream.wait_call()
        got = client.recv(65536) if stream else b""
        while stream and HELLO not in got:
            got += client.recv(65536)
        code, err = serving.stop(signal.SIGTERM)
        while piece := client.recv(65536):
            got += piece
    assert seen.disconnected.wait_blocking()
    assert (code, "Traceback" in err) == (0, False)
    assert b"gateway_stopped" in got
    assert b"[DONE]" not in got
    ((state, status, error, source, settled_at),) = _rows(database)
    assert (state, status, error, source) == ("settled", 503, "gateway_stopped", "none")
    assert settled_at is not None
    assert _rows(database, "SELECT count(*) FROM workers") == [(0,)]


def test_a_stop_within_the_grace(serve: Serve, upstream: ScriptedUpstream, database: Path) -> None:
    """The running call ends well and is booked well."""
    gate = Signal()
    upstream.default = Answer.stalled(gate, chat_completion())
    serving = _start(serve, upstream)
    with socket.create_connection(("127.0.0.1", serving.port), timeout=10) as client:
        client.sendall(_request(serving.port, stream=False))
        upstream.wait_call()
        serving.process.send_signal(signal.SIGTERM)
        gate.set()
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert serving.process.wait(10) == 0
    assert [row[:4] for row in _rows(database)] == [("settled", 200, None, "none")]


def test_a_kill_in_the_middle_of_a_call(serve: Serve, upstream: ScriptedUpstream, database: Path) -> None:
    """The row is there; the next start finds it and says so, without anybody's hand."""
    upstream.default = Answer.stalled(Signal())
    serving = _start(serve, upstream)
    with socket.create_connection(("127.0.0.1", serving.port), timeout=10) as client:
        client.sendall(_request(serving.port, stream=False))
        upstream.wait_call()
        serving.stop(signal.SIGKILL)
    assert [row[0] for row in _rows(database)] == ["open"]
    again = _start(serve, upstream)
    assert [row[0] for row in _rows(database)] == ["lost"]
    _, err = again.stop(signal.SIGTERM)
    assert "1 calls of ended workers are lost" in err
    assert KEY not in err


def test_a_start_while_another_one_serves_takes_nothing_for_lost(
    serve: Serve, upstream: ScriptedUpstream, database: Path
) -> None:
    """The calls of a process that lives are its own."""
    gate = Signal()
    upstream.default = Answer.stalled(gate, chat_completion())
    serving = _start(serve, upstream)
    with socket.create_connection(("127.0.0.1", serving.port), timeout=10) as client:
        client.sendall(_request(serving.port, stream=False))
        upstream.wait_call()
        _start(serve, upstream).stop(signal.SIGTERM)
        assert [row[0] for row in _rows(database)] == ["open"]
        gate.set()
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert [row[0] for row in _rows(database)] == ["settled"]


def test_wrong_keys_are_401_after_each_start(serve: Serve, upstream: ScriptedUpstream) -> None:
    """The preset key opens, another preset takes its place, and the old one is a wrong one then."""
    for preset, other in (("sk-prx-test-one", "sk-prx-test-two"), ("sk-prx-test-two", "sk-prx-test-one")):
        serving = serve(GAUD_AUTH_BOOTSTRAP_KEY=preset, GAUD_ACME_URL=upstream.url)
        _ready(serving)
        assert _get(serving.port, "/v1/models", preset)["object"] == "list"
        with pytest.raises(urllib.error.HTTPError, match="401"):
            _get(serving.port, "/v1/models", other)
        serving.stop(signal.SIGTERM)
