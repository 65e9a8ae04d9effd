"""The worker processes of this machine that share a data folder: who lives, and what each of them runs on.

Each writes a small file of its own. `gaud config apply` and the worker that has changed the file find the
others there, send them SIGHUP so that they need not wait for their next look, and see what they made of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs

from gaud_core.ledger import workers
from gaud_core.ledger.workers import Worker

__all__ = ["Muster", "WorkerState"]

_PAUSE_SECS = 0.02


@attrs.frozen(kw_only=True)
class WorkerState:
    """What one worker process of this machine runs on."""

    pid: int
    version: str
    """The digest of the file's text that it has applied."""
    error: str = ""
    """Why it has refused what is on the disk now; empty if it has not."""
    saw: str = ""
    """The digest of the text that it has looked at last."""
    looked: int = 0
    """How often it has looked because it was asked to."""
    hears: bool = False
    """Whether it may be sent SIGHUP."""


@attrs.frozen
class Muster:
    """The folder with the files; every method blocks for a moment."""

    folder: Path

    @classmethod
    def of(cls, data: Path) -> Muster:
        """The workers that share a data folder."""
        return cls(data / "config" / "workers")

    def report(self, state: WorkerState) -> None:
        """Write what this process runs on; one that cannot is only not seen by others."""
        me = workers.this_process("", 0)
        known = {**attrs.asdict(state), "host": me.host, "process": me.process}
        path = self.folder / f"{state.pid}.json"
        draft = path.with_suffix(".new")
        with contextlib.suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(known, file)
            draft.replace(path)

    def leave(self) -> None:
        """Take the file of this process away."""
        with contextlib.suppress(OSError):
            (self.folder / f"{os.getpid()}.json").unlink(missing_ok=True)

    def living(self) -> list[WorkerState]:
        """Give every worker that runs on this machine."""
        with contextlib.suppress(OSError):
            found = [self._read(path) for path in sorted(self.folder.glob("*.json"))]
            return sorted((state for state in found if state is not None), key=lambda state: state.pid)
        return []

    def call(self, states: Sequence[WorkerState]) -> None:
        """Ask workers to look at the file now."""
        for state in states:
            if state.hears and state.pid != os.getpid():
                with contextlib.suppress(OSError):  # it has ended in between, or is another user's
                    os.kill(state.pid, signal.SIGHUP)

    def follow(
        self, done: Callable[[WorkerState], bool], secs: float, sleep: Callable[[float], object] = time.sleep
    ) -> list[WorkerState]:
        """Wait until each that lives is `done`, so long and no longer, and give what they say then."""
        states = self.living()
        for _ in range(round(secs / _PAUSE_SECS)):
            if all(done(state) for state in states):
                break
            sleep(_PAUSE_SECS)
            states = self.living()
        return states

    def _read(self, path: Path) -> WorkerState | None:
        """Read one file; the file of a process that has died without a word goes."""
        try:
            known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            worker = Worker("", known.pop("host"), known["pid"], known.pop("process"), 0, 0)
            state = WorkerState(**known)
        except (OSError, ValueError, TypeError, KeyError):
            return None
        if worker.host != workers.this_process("", 0).host:
            return None
        if not workers.is_alive(worker, workers.STALE_MS):
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        return state
