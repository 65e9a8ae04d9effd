"""The secret that signs sessions: a file in the data folder, made once and shared by all workers."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from gaud_core.errors import BooksClosed

__all__ = ["FILE", "signing_secret"]

FILE = "session-secret"

_BYTES = 32


def signing_secret(folder: Path) -> bytes:
    """Read the secret, or make it when it is not there; workers that start at once agree on one.

    BooksClosed in words if that cannot be. A damaged file is not replaced: another worker may be using it.
    """
    path = folder / FILE
    try:
        found = _read(path)
        if found is None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _put(path)
            found = _read(path)
    except OSError as error:
        told = f"Gaud cannot keep the secret of its sessions in {path}: {error.strerror}. Make room there."
        raise BooksClosed(told) from None
    if found is None:
        raise BooksClosed(f"{path} is damaged: delete it, and everybody signs in again.")
    return found


def _read(path: Path) -> bytes | None:
    try:
        found = bytes.fromhex(path.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None
    return found if len(found) == _BYTES else None


def _put(path: Path) -> None:
    """Put a whole file in place, unless there is one."""
    descriptor, made = tempfile.mkstemp(dir=path.parent, prefix=FILE)  # with mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_BYTES))
        _link(Path(made), path)
    finally:
        Path(made).unlink(missing_ok=True)


def _link(made: Path, path: Path) -> None:
    try:
        path.hardlink_to(made)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links: the last of those who start at once wins
        if not path.exists():
            made.replace(path)
