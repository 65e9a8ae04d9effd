"""A lock that processes share, so that several workers renew a token once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import ModuleType

from gaud_core.errors import TokenFileError

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = ["locked"]

Sleep = Callable[[float], Awaitable[object]]

_WAIT_SECS = 40.0  # longer than a renewal may take
_FIRST_PAUSE_SECS = 0.01
_LAST_PAUSE_SECS = 0.2

log = logging.getLogger("gaud.providers")


@contextlib.asynccontextmanager
async def locked(path: Path, sleep: Sleep = asyncio.sleep) -> AsyncIterator[None]:
    """Hold the lock beside a file; TokenFileError if another process does not let go of it in 40 s.

    The kernel takes it from a process that dies. Where the system has no such locks it holds nothing: there
    each worker renews for itself, which is told in the log.
    """
    with _opened(path.with_name(f"{path.name}.lock")) as descriptor:
        waited, pause = 0.0, _FIRST_PAUSE_SECS
        while descriptor is not None and not _taken(descriptor):
            if waited >= _WAIT_SECS:
                reason = f"another process has held its lock for {_WAIT_SECS:g} s."
                raise TokenFileError(path, reason, "Look for a Gaud that hangs, and end it.")
            await sleep(pause)
            waited, pause = waited + pause, min(pause * 2, _LAST_PAUSE_SECS)
        yield


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    """Open the lock's own file, which is never replaced; closing it lets go of the lock."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    except OSError as error:  # another program's folder may be read-only; a token there can be renewed still
        log.warning("%s cannot be made (%s): each worker renews for itself", path, error.strerror)
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    if fcntl is None:
        log.warning("this system has no file locks: with several workers, each renews its token for itself")
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # a network file system without locks
        log.warning(
            "the folder of the tokens has no locks (%s): each worker renews for itself", error.strerror
        )
    return True
