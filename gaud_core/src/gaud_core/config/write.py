"""Putting another text in the place of the configuration file, so that nobody's change is lost."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import Final

from gaud_core.config.files import ConfigFile, parse_file, read_file
from gaud_core.errors import BadRequest, ConfigError, Problem

__all__ = ["changed_meanwhile", "read_if_there", "replace_file", "why_not_writable"]

_MOUNTED: Final = {errno.EBUSY, errno.EXDEV}


def read_if_there(path: Path) -> ConfigFile:
    """Read the file, an empty one where none is; ConfigError if it cannot be used."""
    if not os.path.lexists(path):
        return parse_file(path, b"")
    return read_file(path)


def replace_file(path: Path, content: bytes, expected: bytes) -> None:
    """Write the whole file in one step; its mode and its owner stay, a new one is for its owner only.

    BadRequest 409 `settings_changed` if it does not hold `expected` any more; ConfigError if it cannot be
    written. Hold the lock: it keeps out everybody but editors, and those are seen by the comparison.
    """
    target = Path(os.path.realpath(path))  # a link stays a link
    try:
        draft = _draft(target, content)
        try:
            if _content(target) != expected:
                raise changed_meanwhile()
            if draft is None or not _moved(draft, target):
                _write_in_place(target, content)
        finally:
            if draft is not None:
                draft.unlink(missing_ok=True)
        _sync_folder(target.parent)
    except OSError as error:
        raise ConfigError([_unwritable(path, error)]) from None


def why_not_writable(path: Path) -> str:
    """Say why the file cannot be written, as far as that can be known beforehand; else nothing."""
    target = Path(os.path.realpath(path))
    if target.exists():
        return (
            "" if os.access(target, os.W_OK) else f"{target} may not be written by the user that runs Gaud."
        )
    place = target.parent
    while not place.exists() and place != place.parent:
        place = place.parent
    writable = os.access(place, os.W_OK | os.X_OK)
    return "" if writable else f"{place} may not be written to by the user that runs Gaud."


def changed_meanwhile() -> BadRequest:
    """Give the refusal of a change that starts from an older file."""
    told = "Somebody else has changed the configuration in between. Look at it again, and repeat your change."
    return BadRequest(told, status=409, code="settings_changed")


def _draft(target: Path, content: bytes) -> Path | None:
    """Write the content beside the file; None where only the file itself may be written."""
    draft = target.with_name(f".{target.name}.new")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(draft, flags, 0o600)
    except OSError:
        if os.access(target, os.W_OK):
            return None
        raise
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    _take_after(draft, target)
    return draft


def _take_after(draft: Path, target: Path) -> None:
    """Give the draft the mode and the owner of the file that is there."""
    with contextlib.suppress(FileNotFoundError):
        state = target.stat()
        with contextlib.suppress(PermissionError, AttributeError):  # only root may give files away
            os.chown(draft, state.st_uid, state.st_gid)
        draft.chmod(state.st_mode & 0o777)


def _moved(draft: Path, target: Path) -> bool:
    """Put the draft in the file's place; False where that is a container's mount, which must stay."""
    try:
        draft.replace(target)
    except OSError as error:
        if error.errno in _MOUNTED:
            return False
        raise
    return True


def _write_in_place(target: Path, content: bytes) -> None:
    with target.open("r+b") as file:
        file.write(content)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def _content(target: Path) -> bytes:
    try:
        return target.read_bytes()
    except FileNotFoundError:
        return b""


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # Windows opens no folders, and some file systems sync none
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> Problem:
    reason = (error.strerror or str(error)).lower()
    cure = "Let the user that runs Gaud write there, or change the file by hand; Gaud notices that."
    return Problem("", f"{path} cannot be written: {reason}.", cure)
