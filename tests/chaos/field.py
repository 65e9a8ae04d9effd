"""Where it all takes place: a scripted upstream, one database, and places for three workers."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import attrs

from gaud_core.config import Config, Database
from gaud_core.store import Store, open_store

from .cast import Cast
from .in_worker import chaos_clock
from .upstream import Journal, make_upstream
from .workers import Slot, worker_environment

__all__ = ["Field", "open_field", "small_disk"]

_BEGIN = datetime(2026, 11, 30, 23, 57, tzinfo=UTC)  # soon both a day and a month will turn
_DISK = "64m"
_TOML = """
[server]
shutdown_secs = 3
[logging]
level = "warning"
[ledger]
on_disconnect = "{policy}"
[budget]
unpriced = "allow"
[breaker]
failure_threshold = 5
open_secs = 0.3
[data]
dir = "{data}"
[providers.litellm]
url = "{url}"
timeout_secs = {timeout}
"""


@attrs.frozen(eq=False)
class Field:
    """What the tests act on; the folder of the data may be a disk of its own."""

    folder: Path
    store: Store
    journal: Journal
    cast: Cast
    upstream_url: str
    slots: tuple[Slot, ...]

    @property
    def data(self) -> Path:
        """The folder of the data."""
        return self.folder / "data"

    @property
    def database(self) -> Path:
        """The file of the database."""
        return self.data / "gaud.db"

    def configure(self, policy: str = "cancel", timeout_secs: float = 1.0) -> None:
        """Write the configuration that workers read at their start."""
        config = self.folder / "llm-proxy.toml"
        config.write_text(
            _TOML.format(policy=policy, data=self.data, url=self.upstream_url, timeout=timeout_secs)
        )
        config.chmod(0o600)


@contextlib.asynccontextmanager
async def open_field(folder: Path, *, seed: int, speed: int, plant: str = "") -> AsyncIterator[Field]:
    """Start the upstream and open the database; in the end no worker is left."""
    said = chaos_clock.said(speed, int(_BEGIN.timestamp()) * 10**9)
    nanos = chaos_clock.clock_of(said)
    journal = Journal(lambda: nanos() // 10**6)
    environment = worker_environment(folder, said, plant)
    config = folder / "llm-proxy.toml"
    names = ("worker-a", "worker-b", "worker-c")
    slots = tuple(Slot(name, config, environment, journal.clock) for name in names)
    store = open_store(Config(database=Database(path=folder / "data" / "gaud.db")))
    try:
        async with make_upstream(journal) as upstream:
            cast = Cast(store, journal.clock, random.Random(seed))
            yield Field(folder, store, journal, cast, upstream.url, slots)
    finally:
        for slot in slots:
            slot.end()
        store.close()


@contextlib.contextmanager
def small_disk(folder: Path, *, wanted: bool = True) -> Iterator[Path | None]:
    """Make a disk that can be filled up, where that is allowed; else the folder is one like others.

    What is on the disk is copied to the folder `kept` beside it before it goes.
    """
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK},mode=0700", "gaud-chaos", str(folder)]
    made = wanted and os.geteuid() == 0 and shutil.which("mount") is not None
    made = made and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield folder if made else None
    finally:
        if made:
            shutil.copytree(folder, folder.with_name("kept"), dirs_exist_ok=True)
            subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)
