"""Which worker processes live: their rows, and how to tell a dead one."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path

import attrs
from sqlalchemy import Connection, delete, insert, select, update

from gaud_core.store.schema import workers

__all__ = ["STALE_MS", "Worker", "beat", "is_alive", "leave", "others", "this_process"]

STALE_MS = 60_000
"""A worker whose heartbeat is older is dead, if it runs where nobody here can look."""


@attrs.frozen
class Worker:
    """One process that writes to the books, as its row says."""

    id: str
    host: str
    pid: int
    process: str
    started_at: int
    heartbeat: int


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
