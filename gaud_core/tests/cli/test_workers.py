"""`gaud serve --workers`: several processes, one port, one life."""

from __future__ import annotations

import os
import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Run, Serving

Serve = Callable[..., Serving]
OPEN = {"GAUD_AUTH_ENABLED": "false"}

pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="looks for the workers in /proc")


def _children(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def _until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _is_well(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_workers_live_and_end_together(serve: Serve) -> None:
    """They share the port; one that is killed is replaced and told; SIGTERM ends all, exit code 0."""
    serving = serve("--workers", "2", **OPEN)
    first = serving.process.pid
    _until(lambda: len(_children(first)) == 2)
    _until(lambda: _is_well(serving.port))
    before = _children(first)
    killed = max(before)
    os.kill(killed, signal.SIGKILL)
    _until(lambda: len(_children(first)) == 2 and killed not in _children(first))
    assert all(_is_well(serving.port) for _ in range(8))
    workers = _children(first)
    code, err = serving.stop(signal.SIGTERM)
    assert code == 0
    assert "by signal 9; another one starts in 0.5 s" in err
    assert "Traceback" not in err
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_workers_do_not_outlive_the_first_process(serve: Serve) -> None:
    """Even when that is killed and can tell nobody."""
    serving = serve("--workers", "2", **OPEN)
    _until(lambda: len(_children(serving.process.pid)) == 2 and _is_well(serving.port))
    workers = _children(serving.process.pid)
    serving.process.kill()
    _until(lambda: not any(_runs(pid) for pid in workers))


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_no_worker_can_use_ends_all(gaud: Run, tmp_path: Path) -> None:
    """A mistake is told once and not by every worker."""
    ran = gaud("serve", "--workers", "2", GAUD_DATABASE_PATH=str(tmp_path), **OPEN)
    assert ran.code == 2
    assert ran.err.count("cannot be used as the database") == 1


def test_a_worker_that_takes_a_dead_ones_place_reads_what_is_there_now(
    gaud: Run, serve: Serve, tmp_path: Path
) -> None:
    """It does not begin on what was configured once: the history would tell of a change that nobody made."""
    file = tmp_path / "llm-proxy.toml"

    def write(secs: int) -> None:
        file.write_text(f"[breaker]\nopen_secs = {secs}\n")
        file.chmod(0o600)

    def history() -> list[str]:
        told = gaud("config", "history", "--config", str(file), GAUD_DATA_DIR=str(tmp_path / "data"))
        return told.out.splitlines()[1:]

    write(30)
    serving = serve("--workers", "2", "--config", str(file), **OPEN)
    first = serving.process.pid
    _until(lambda: len(_children(first)) == 2 and _is_well(serving.port) and len(history()) == 1)
    write(7)
    _until(lambda: len(history()) == 2)
    killed = max(_children(first))
    os.kill(killed, signal.SIGKILL)
    _until(lambda: len(_children(first)) == 2 and killed not in _children(first))
    _until(lambda: all(_is_well(serving.port) for _ in range(8)))
    assert len(history()) == 2
