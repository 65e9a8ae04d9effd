"""The file of a token: read whole, replaced whole, and nobody else's to read."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from gaud_core.errors import TokenFileError
from gaud_core.provider.login.token import Token, fields_of, token_of
from gaud_core.settings import Mistake

__all__ = ["TokenFile"]

_LONGEST = 1 << 20
Signature = tuple[int, int, int]


@attrs.frozen
class TokenFile:
    """A path, and how a token is written there; the members that `read` does not know go to `extra`.

    `read` and `write` are for files that belong to another program and spell their members otherwise; what
    `read` objects to it says with `Mistake`.
    """

    path: Path
    cure: str = "Delete the file and log in again."
    read: Callable[[Mapping[str, Any]], Token] = token_of
    write: Callable[[Token], Mapping[str, Any]] = fields_of

    def signature(self) -> Signature | None:
        """What tells one state of the file from another, without reading it; None if there is no file."""
        try:
            return _signature(self.path.stat())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:  # reading it will say why
            return 0, 0, 0

    def load(self) -> tuple[Token | None, Signature | None]:
        """Read the token and the state that it was read from; TokenFileError if it cannot be used."""
        try:
            with self.path.open("rb") as file:
                content, state = file.read(_LONGEST + 1), _signature(os.fstat(file.fileno()))
        except (FileNotFoundError, NotADirectoryError):
            return None, None
        except OSError as error:
            reason = f"the file cannot be read: {error.strerror or error}."
            raise TokenFileError(self.path, reason, "Make it readable for the user that runs Gaud.") from None
        return self._parsed(content), state

    def save(self, token: Token) -> Signature:
        """Put a token in the file's place, in one step that is on the disk when this returns."""
        content = json.dumps(self.write(token), indent=2).encode()
        target = Path(os.path.realpath(self.path))  # a link stays a link
        try:
            return _replaced(target, content)
        except OSError as error:
            reason = f"the file cannot be written: {error.strerror or error}."
            cure = "Make room, or let the user that runs Gaud write in that folder."
            raise TokenFileError(self.path, reason, cure) from None

    def delete(self) -> bool:
        """Remove the file and what an interrupted `save` has left; tell whether there was one."""
        target = Path(os.path.realpath(self.path))
        try:
            _draft_of(target).unlink(missing_ok=True)
            existed = os.path.lexists(self.path)
            target.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)
            if existed:
                _sync_folder(target.parent)
        except OSError as error:
            reason = f"the file cannot be deleted: {error.strerror or error}."
            raise TokenFileError(self.path, reason, "Delete it by hand.") from None
        return existed

    def _parsed(self, content: bytes) -> Token:
        try:
            if len(content) > _LONGEST:
                raise Mistake("it is too long")
            fields = json.loads(content)
            if not isinstance(fields, dict):
                raise Mistake("it is no JSON object")
            return self.read(fields)
        except Exception as wrong:  # protects every call from a broken file, whatever `read` makes of it
            raise TokenFileError(self.path, f"this is no token: {_why(wrong)}.", self.cure) from None


def _why(wrong: Exception) -> str:
    """Say what is wrong without a piece of what stands in the file."""
    match wrong:
        case Mistake():
            return str(wrong)
        case json.JSONDecodeError():
            return f"it is no JSON from line {wrong.lineno}, column {wrong.colno} on"
        case UnicodeDecodeError():
            return "it is not UTF-8 text"
        case KeyError():
            return "a member is missing"
    return "a member is not what it should be"


def _signature(state: os.stat_result) -> Signature:
    return state.st_ino, state.st_mtime_ns, state.st_size


def _draft_of(target: Path) -> Path:
    """Where the next content is written: one name, so that a killed process leaves one file at most."""
    return target.with_name(f".{target.name}.new")


def _replaced(target: Path, content: bytes) -> Signature:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = _draft_of(target)
    draft.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        state = _signature(os.fstat(file.fileno()))
    draft.replace(target)
    _sync_folder(target.parent)
    return state


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # Windows opens no folders, and some file systems sync none
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
