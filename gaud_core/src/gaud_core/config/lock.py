"""A lock that processes share while one of them changes the file of the configuration."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

from gaud_core.errors import ConfigError, Problem

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = ["locked"]

_WAIT_SECS = 10.0  # a hundred times as long as anybody needs it
_PAUSE_SECS = 0.01


@contextlib.contextmanager
def locked(path: Path, sleep: Callable[[float], object] = time.sleep) -> Iterator[None]:
    """Hold the lock in this file, which is made; blocks, and is a ConfigError after 10 s.

    The kernel takes it from a process that dies. Where the system has no such locks it holds nothing.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    except OSError as error:
        raise ConfigError([_no_folder(path, error)]) from None
    try:
        for _ in range(round(_WAIT_SECS / _PAUSE_SECS)):
            if _taken(descriptor):
                break
            sleep(_PAUSE_SECS)
        else:
            told = f"is not free: another process has held {path} for {_WAIT_SECS:g} s."
            raise ConfigError([Problem("data.dir", told, "Look for a Gaud that hangs, and end it.")])
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a network file system without locks
        return True
    return True


def _no_folder(path: Path, error: OSError) -> Problem:
    reason = (error.strerror or str(error)).lower()
    cure = "Let the user that runs Gaud write to that folder."
    return Problem("data.dir", f"cannot be used: {path} cannot be made: {reason}.", cure)
