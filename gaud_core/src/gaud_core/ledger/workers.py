"""Which worker processes live: their rows, and how to tell a dead one."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Callable
from pathlib import Path

import attrs
from sqlalchemy import Connection, delete, insert, select, update

from gaud_core.store.schema import workers

__all__ = [
    "BEAT_MS", "STALE_MS", "Alive", "Lookout", "Worker", "beat", "is_alive", "leave", "others", "this_process"
]  # fmt: skip

BEAT_MS = 10_000
"""How often a worker writes its heartbeat."""

STALE_MS = 60_000
"""A worker whose heartbeat is older is dead, if it runs where nobody here can look."""

_PAUSE_MS = 3 * BEAT_MS


@attrs.frozen
class Worker:
    """One process that writes to the books, as its row says."""

    id: str
    host: str
    pid: int
    process: str
    started_at: int
    heartbeat: int


Alive = Callable[[Worker, int], bool]
"""Whether a worker still runs at that time."""


def this_process(worker_id: str, now: int) -> Worker:
    """Describe the calling process."""
    return Worker(worker_id, _host(), os.getpid(), _process_start(os.getpid()), now, now)


def is_alive(worker: Worker, now: int) -> bool:
    """Whether a worker still runs: on this host by asking, elsewhere by its heartbeat."""
    fresh = now - worker.heartbeat < STALE_MS
    if worker.host != _host():
        return fresh
    try:
        with contextlib.suppress(PermissionError):  # another user's; whether it is the worker is seen below
            os.kill(worker.pid, 0)
    except ProcessLookupError:
        return False
    began = _process_start(worker.pid)
    return began == worker.process if began else fresh


@attrs.define(eq=False)
class Lookout:
    """Tells whether the others live, for a worker that writes to the same books.

    Silence means something only while one could have been heard. Who stops in the midst of a transaction, or
    fills the disk, silences everybody: then the first who can write again must not take the rest for dead,
    but gives them the time to write as well.
    """

    alive: Alive = is_alive
    _wrote_at: int | None = None
    _hears_from: int = 0

    def wrote(self, now: int) -> None:
        """Note that a heartbeat of this worker is being written."""
        if self._wrote_at is not None and now - self._wrote_at > _PAUSE_MS:
            self._hears_from = now + _PAUSE_MS
        self._wrote_at = now

    def failed(self, now: int) -> None:
        """Note that this worker could not write."""
        self._hears_from = now + _PAUSE_MS

    def is_alive(self, worker: Worker, now: int) -> bool:
        """Whether a worker lives, as far as can be told from here."""
        return self.alive(worker if now >= self._hears_from else attrs.evolve(worker, heartbeat=now), now)


def beat(connection: Connection, worker: Worker, now: int) -> None:
    """Write a worker's heartbeat, and its row if somebody has taken it for dead."""
    changed = connection.execute(update(workers).where(workers.c.id == worker.id).values(heartbeat=now))
    if changed.rowcount == 0:
        connection.execute(insert(workers).values(attrs.asdict(attrs.evolve(worker, heartbeat=now))))


def leave(connection: Connection, worker_id: str) -> None:
    """Take a worker's row away."""
    connection.execute(delete(workers).where(workers.c.id == worker_id))


def others(connection: Connection, own_id: str | None) -> list[Worker]:
    """Every worker but one."""
    rows = connection.execute(select(workers).where(workers.c.id != (own_id or "")))
    return [Worker(*row) for row in rows]


def _host() -> str:
    """A name for what shares process ids: the host, this boot of it, and the container."""
    boot = _read("/proc/sys/kernel/random/boot_id")[:13]
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return "/".join(part for part in (platform.node(), boot, space) if part)


def _process_start(pid: int) -> str:
    """When a process began, in the kernel's ticks (proc(5), field 22); empty where nobody says."""
    after_name = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if after_name[:1] == ["Z"]:
        return "ended"  # a zombie: only its number is still taken
    return after_name[19] if len(after_name) > 19 else ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
