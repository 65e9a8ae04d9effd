"""A hundred changes of the configuration under streaming load, at two workers on one file and database."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest

from gaud_core.testing import Pause, ScriptedUpstream, chat_stream

from .conftest import Serving

pytestmark = pytest.mark.anyio

KEY = "sk-prx-test-key"
STREAMS = 4
"""Streams at a time at each worker."""
STREAM = chat_stream(("one ", "two ", "three"), gates=[Pause(0.02)] * 4)

FILE = """\
# The file of two workers.
[providers.acme]
url = "{url}"
timeout_secs = 100   # changes all the time
"""


@pytest.fixture
def anyio_backend() -> str:
    """The clients live in asyncio."""
    return "asyncio"


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    """Every answer is a stream that takes 80 ms."""
    with ScriptedUpstream.in_thread(STREAM) as server:
        yield server


@attrs.define
class Load:
    """Clients that stream as long as it goes on, and what they have seen."""

    ports: list[int]
    done: int = 0
    bad: list[bytes] = attrs.field(factory=list)
    running: bool = True

    async def run(self) -> None:
        """Stream at every worker until told to end."""
        await asyncio.gather(*(self._client(port) for port in self.ports for _ in range(STREAMS)))

    async def _client(self, port: int) -> None:
        while self.running:
            status, answer = await ask(port, "POST", "/v1/chat/completions", CALL)
            whole = b"".join((part in answer and b"x") or b"" for part in (b"one ", b"two ", b"three"))
            if status != 200 or whole != b"xxx" or not answer.endswith(b"data: [DONE]\n\n"):
                self.bad.append(answer)
            self.done += 1


CALL = {"model": "acme:big", "messages": [], "stream": True}


async def ask(port: int, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
    """Make one request and give status and body, of which nothing may be missing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(sent)}\r\n\r\n"
    )
    writer.write(head.encode() + sent)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    top, _, rest = answer.partition(b"\r\n\r\n")
    chunked = b"transfer-encoding: chunked" in top.lower()
    return int(top.split(b" ")[1]), _unchunked(rest) if chunked else rest


def _unchunked(raw: bytes) -> bytes:
    pieces, whole = [], False
    while raw:
        size, _, raw = raw.partition(b"\r\n")
        length = int(size, 16)
        whole = length == 0
        pieces.append(raw[:length])
        raw = raw[length + 2 :]
    assert whole, "the answer has no clean end"
    return b"".join(pieces)


async def test_a_hundred_changes_break_no_stream(
    serve: Callable[..., Serving], upstream: ScriptedUpstream, folder: Path
) -> None:
    """No call fails and no stream breaks, though each tenth change is refused; the books agree."""
    path = folder / "llm-proxy.toml"
    path.write_text(FILE.format(url=upstream.url))
    path.chmod(0o600)
    environ = {"GAUD_AUTH_BOOTSTRAP_KEY": KEY, "GAUD_LOGGING_LEVEL": "warning"}
    workers = [serve("--config", str(path), **environ) for _ in range(2)]
    load = Load([worker.port for worker in workers])
    streaming = asyncio.create_task(load.run())
    wanted = 100.0
    for number in range(110):
        port = load.ports[number % 2]
        if number % 20 == 9:
            await _refuse_change(port)
        elif number % 20 == 19:
            await _refuse_file(path, workers)
        else:
            wanted = 101.0 + number
            change = {"key": "providers.acme.timeout_secs", "value": wanted}
            status, answer = await ask(port, "PUT", "/admin/settings", change)
            done = json.loads(answer)
            assert (status, done["plan"]["replaces"]) == (200, ["acme"]), answer
            assert {worker["version"] for worker in done["workers"]} == {done["version"]}
    load.running = False
    await streaming
    assert load.bad == []
    assert load.done >= 16
    assert f"timeout_secs = {wanted:.0f}   # changes all the time" in path.read_text()
    for worker in workers:
        assert await _running(worker.port) == wanted
        code, told = worker.stop(signal.SIGTERM)
        assert (code, [line for line in told.splitlines() if not _may_be_told(line)]) == (0, [])
    assert _states(folder.parent / "data" / "gaud.db") == {("settled", 200): load.done}


def _may_be_told(line: str) -> bool:
    """The changes that are refused; and that the machine had no time for the worker."""
    return "refused" in line or "the process stood still" in line


async def _refuse_change(port: int) -> None:
    change = {"key": "providers.acme.timeout_secs", "value": -1}
    status, answer = await ask(port, "PUT", "/admin/settings", change)
    assert status == 400, answer


async def _refuse_file(path: Path, workers: list[Serving]) -> None:
    """Break the file, have both workers look at it, and put it back."""
    good = await asyncio.to_thread(path.read_bytes)
    for content, expected in ((good + b"\nnonsense", 1), (good, 0)):
        await asyncio.to_thread(path.write_bytes, content)
        for worker in workers:
            worker.process.send_signal(signal.SIGHUP)
        for worker in workers:
            await _problems(worker.port, expected)


async def _problems(port: int, expected: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        config = json.loads((await ask(port, "GET", "/health"))[1])["config"]
        if len(config["problems"]) == expected:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"the worker does not have {expected} problems")


async def _running(port: int) -> Any:
    listed = json.loads((await ask(port, "GET", "/admin/settings"))[1])["data"]
    return next(one["value"] for one in listed if one["key"] == "providers.acme.timeout_secs")


def _states(database: Path) -> dict[tuple[str, int], int]:
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT state, status, count(*) FROM calls GROUP BY 1, 2").fetchall()
    return {(state, status): count for state, status, count in rows}
