"""Start real servers, wait for them, read their logs, and stop them with all their children."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import attrs

GUARD = Path(__file__).with_name("guard.py")


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(done: Callable[[], bool], what: str, seconds: float = 10.0, every: float = 0.05) -> None:
    """Ask again and again until it is so; fail with a sentence after some seconds."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s in vain for: {what}")
        time.sleep(every)


@attrs.define
class Server:
    """A server in a process group of its own, with its log in a file."""

    name: str
    url: str
    log: Path
    _process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, name: str, command: list[str], port: int, log: Path, env: Mapping[str, str]) -> Self:
        """Start it; the command is expected to listen on the port."""
        with log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, str(GUARD), *command],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=log.parent,
                start_new_session=True,
            )
        return cls(name, f"http://127.0.0.1:{port}", log, process)

    def wait_ready(self, path: str, seconds: float) -> None:
        """Wait until a path answers 200; the log's tail is in the error if it never does."""
        try:
            until(lambda: self._answers(path), f"{self.name} to answer 200 on {path}", seconds)
        except TimeoutError as error:
            raise RuntimeError(f"{error}\n{self.tail()}") from None

    def tail(self, lines: int = 40) -> str:
        """Return the end of the log."""
        text = self.log.read_text(errors="replace").splitlines()
        return "\n".join([f"--- the end of {self.name}'s log ---", *text[-lines:]])

    def resident_bytes(self) -> int:
        """Return the memory that the server itself occupies now (Linux only)."""
        pages = Path(f"/proc/{self._child()}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def _child(self) -> int:
        """Find the process that the guard has started."""
        guard = self._process.pid
        return int(Path(f"/proc/{guard}/task/{guard}/children").read_text().split()[0])

    def stop(self, seconds: float = 10.0) -> None:
        """Ask the whole group to end, then make it."""
        if self._process.poll() is None:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self._signal(signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _answers(self, path: str) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self._process.returncode}\n{self.tail()}")
        address = self.url.removeprefix("http://")
        with contextlib.closing(http.client.HTTPConnection(address, timeout=2)) as connection:
            try:
                connection.request("GET", path)
                return connection.getresponse().status == 200
            except (OSError, http.client.HTTPException):
                return False


def clean_environment(**extra: str) -> dict[str, str]:
    """Return this process's environment without what could reach the servers by accident, and no way out."""
    unwanted = ("GAUD_", "LITELLM_", "OPENAI_", "ANTHROPIC_", "AWS_", "AZURE_", "DATABASE_URL")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(unwanted) and not name.upper().endswith("_PROXY")
    }
    return kept | {"NO_PROXY": "*", "PYTHONUNBUFFERED": "1"} | extra
