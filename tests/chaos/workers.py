"""The workers: real `gaud serve` processes on one database, to be killed, paused and run out of disk."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import aiohttp
import attrs

from .in_worker import chaos_clock

__all__ = ["Life", "Slot", "free_port", "until", "worker_environment"]

IN_WORKER = Path(chaos_clock.__file__).parent
START_SECS = 40.0
_STOP_SECS = 20.0
_REFUSED = 2
_TRIES = 200
_WAL_WRITE_LOCK = "120"  # the byte's place (https://sqlite.org/walformat.html, section 2.3.1)
_SERVE = (sys.executable, "-m", "gaud_core", "serve")


async def until(so: Callable[[], bool], every: float = 0.01) -> None:
    """Ask again and again until it is so."""
    while not so():  # noqa: ASYNC110 other processes set no event
        await asyncio.sleep(every)


def free_port() -> int:
    """Find a loopback port below those of outgoing connections, so that it is still free after a restart."""
    for _ in range(1000):
        port = 15_000 + int.from_bytes(os.urandom(2)) % 15_000
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def worker_environment(folder: Path, clock: str, plant: str = "") -> dict[str, str]:
    """What a worker may see of our environment, and what the harness tells it."""
    wanted = ("PATH", "LANG", "TZ", "SSL_CERT_FILE")
    kept = {name: os.environ[name] for name in wanted if name in os.environ}
    told = {chaos_clock.VARIABLE: clock, "CHAOS_PLANT": plant, "PYTHONPATH": str(IN_WORKER)}
    return kept | told | {"HOME": str(folder), "PYTHONUNBUFFERED": "1"}


@attrs.define(eq=False)
class Life:
    """One process, from its start to its end."""

    slot: str
    process: subprocess.Popen[bytes]
    clock: Callable[[], int]
    is_alone: bool = False
    """Whether it seems to run on a host of its own, so that others judge it by its heartbeat."""
    ready: bool = False
    paused: bool = False
    ending: str = ""
    """How it was told to end: `kill` or `term`."""
    pauses: list[tuple[int, int]] = attrs.field(factory=list)
    was_full: bool = False

    @property
    def refused(self) -> bool:
        """Whether it did not start because the disk was full, and said so."""
        return self.was_full and self.process.poll() == _REFUSED

    @property
    def runs(self) -> bool:
        """Whether the process is there and takes calls."""
        return not self.ending and self.process.poll() is None

    def kill(self) -> None:
        """End it at once."""
        self.ending = "kill"
        self.process.kill()

    async def terminate(self) -> int:
        """Ask it to end, wait, and give its exit code."""
        self.ending = "term"
        self.process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECS):
                await until(lambda: self.process.poll() is not None)
        except TimeoutError:
            self.process.kill()
        return self.process.wait()

    async def pause(self, seconds: float) -> None:
        """Stop it in its tracks for a while."""
        began, self.paused = self.clock(), True
        self.process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self.pauses.append((began, self.clock()))
            self.process.send_signal(signal.SIGCONT)
            self.paused = False

    async def stop_writing(self, database: Path) -> bool:
        """Stop it in the midst of a transaction, so that nobody else can write; False if none was met.

        It goes on at the end of a `pause`.
        """
        for _ in range(_TRIES):
            if not self.runs:
                break
            self.process.send_signal(signal.SIGSTOP)
            if _has_write_lock(self.process.pid, database):
                return True
            self.process.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.002)
        return False

    async def disk_full(self, most_bytes: int, seconds: float) -> None:
        """Let it write no file beyond so many bytes for a while: to it, the disk is full."""
        self.was_full = True
        hard = self._limit(most_bytes)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._limit(hard)

    def _limit(self, soft: int) -> int:
        try:
            _, hard = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (soft, hard))
        except ProcessLookupError:  # killed meanwhile
            return resource.RLIM_INFINITY
        return hard

    def seemed_dead(self, stale_ms: int, began: int, at: int) -> bool:
        """Whether others may have taken it for dead at some time between."""
        long = [(a, b) for a, b in self.pauses if b - a >= stale_ms * 9 // 10]
        return self.is_alone and any(a <= at and b >= began for a, b in long)


def _has_write_lock(pid: int, database: Path) -> bool:
    """Whether a process that was stopped holds SQLite's lock for writing: a byte of the log's index."""
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)  # a signal takes a moment
    inode = database.with_name(f"{database.name}-shm").stat().st_ino
    locks = (line.split() for line in Path("/proc/locks").read_text().splitlines())
    mine = [fields for fields in locks if fields[3:5] == ["WRITE", str(pid)]]
    return any(fields[5].endswith(f":{inode}") and fields[6] == _WAL_WRITE_LOCK for fields in mine)


@attrs.define(eq=False)
class Slot:
    """A place for a worker: its port, its log, and the processes that have stood there one after another."""

    name: str
    config: Path
    environment: Mapping[str, str]
    clock: Callable[[], int]
    port: int = attrs.field(factory=free_port)
    lives: list[Life] = attrs.field(factory=list)

    @property
    def life(self) -> Life:
        """The process that stands here now."""
        return self.lives[-1]

    @property
    def url(self) -> str:
        """The address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """All that its processes have logged."""
        return self.config.with_name(f"{self.name}.log")

    def start(self, *, alone: bool = False) -> Life:
        """Start a process; it may take a second until it answers."""
        host = {"CHAOS_HOST": f"host-{self.name}"} if alone else {}
        with self.log.open("ab") as out:
            process = subprocess.Popen(
                [*_SERVE, "--config", str(self.config), "--port", str(self.port)],
                env={**self.environment, **host},
                cwd=self.config.parent,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.lives.append(Life(self.name, process, self.clock, alone))
        return self.life

    async def wait_ready(self) -> None:
        """Wait until the process answers; RuntimeError with the log's end if it never does."""
        async with asyncio.timeout(START_SECS):
            while not await self._answers():
                if (code := self.life.process.poll()) is not None and not (
                    self.life.ending or self.life.refused
                ):
                    raise RuntimeError(f"{self.name} ended with {code}\n{self.tail()}")
                await asyncio.sleep(0.05)
        self.life.ready = True

    async def _answers(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/health") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, OSError):
            return False

    def tail(self, lines: int = 30) -> str:
        """Give the end of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def end(self) -> None:
        """Leave no process behind."""
        for life in self.lives:
            if life.process.poll() is None:
                life.process.kill()
                life.process.wait()
