"""Files of other programs: found, read with care, and replaced in one step."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs

from gaud_core.cli.clients.values import ClientFile
from gaud_core.errors import GaudError

__all__ = ["Target", "place_of", "read_target", "shown_path"]

_LONGEST = 1 << 20


@attrs.frozen
class Target:
    """A file as it is now; `text` is None where there is none yet."""

    path: Path
    real: Path
    """The file itself, where `path` is a link."""
    text: str | None
    mode: int = 0o600

    def write(self, text: str, mode: int) -> None:
        """Put a text in the file's place: whole or not at all, and a link stays a link."""
        draft = self.real.with_name(f".{self.real.name}.gaud-new")
        try:
            self.real.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
            with os.fdopen(os.open(draft, flags, 0o600), "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.chmod(mode)
            draft.replace(self.real)
        except OSError as error:
            raise _unwritable(self.path, error) from None

    def remove(self) -> None:
        """Delete the file, which was not there before Gaud."""
        try:
            self.real.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(self.path, error) from None


def place_of(file: ClientFile, environ: Mapping[str, str], home: Path) -> Path:
    """Where a client looks for a file of its own, in this environment."""
    found = home / (file.mac_path if sys.platform == "darwin" and file.mac_path else file.path)
    for variable, below in file.folders:
        if folder := environ.get(variable, "").strip():
            found = Path(folder).expanduser() / below
            break
    others = [found.with_name(name) for name in file.instead]
    return next((other for other in others if other.exists() and not found.exists()), found)


def read_target(path: Path) -> Target:
    """Read a file that is to be changed; GaudError says why it had better not be."""
    try:
        real = path.resolve()
        if not os.path.lexists(path):
            return Target(path, real, None)
        state = real.stat()
        _refuse(path, state)
        with real.open("rb") as file:
            content = file.read(_LONGEST + 1)
        if len(content) > _LONGEST:
            raise GaudError(f"{path} is longer than a file of settings, so Gaud leaves it alone.")
        return Target(path, real, content.decode("utf-8"), stat.S_IMODE(state.st_mode))
    except UnicodeDecodeError:
        raise GaudError(f"{path} is not UTF-8 text, so Gaud leaves it alone.") from None
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError before Python 3.13
        reason = getattr(error, "strerror", None) or "its links lead nowhere"
        raise GaudError(f"{path} cannot be read: {reason.lower()}.") from None


def shown_path(path: Path, home: Path) -> str:
    """A path as people write it: `~/.claude/settings.json`."""
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else str(path)


def _refuse(path: Path, state: os.stat_result) -> None:
    if not stat.S_ISREG(state.st_mode):
        raise GaudError(f"{path} is no plain file, so Gaud leaves it alone.")
    if not state.st_mode & stat.S_IWUSR:
        raise GaudError(f"{path} is read-only. Gaud may change it after `chmod u+w`.")
    if hasattr(os, "geteuid") and state.st_uid != os.geteuid():
        raise GaudError(f"{path} belongs to another user, so Gaud leaves it alone.")


def _unwritable(path: Path, error: OSError) -> GaudError:
    reason = (error.strerror or str(error)).lower()
    return GaudError(f"{path} cannot be written: {reason}. `--print` shows what belongs there.")
