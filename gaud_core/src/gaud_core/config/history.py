"""Every version of the file that was applied, kept in the data folder for its owner only.

In files and not in the database, because they hold the secrets of the file: whoever copies the database for a
report should not carry them along. The first line of each is a comment with what is known of it, the rest is
the file to the byte, so that a person can copy one back without Gaud.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from gaud_core.config.files import version_of
from gaud_core.errors import NotFound

__all__ = ["History", "Version"]

_NAME: Final = re.compile(r"([0-9]{6,12})\.toml")
_HEAD: Final = b"#gaud "
_KEPT: Final = 1000
_MOST_KEYS: Final = 100


@attrs.frozen(kw_only=True)
class Version:
    """One version of the file that was applied. Its text holds secrets, so it is not here."""

    id: int
    """Counts up."""
    at: int
    """Milliseconds since 1970 in UTC."""
    actor: str
    """The id of the administrator, `file` for an editor's change, `cli:name`, `start`."""
    action: str
    """In words: `change`, `apply`, `rollback to 12`, `edit`, `start`."""
    digest: str
    """Tells one text from another; equal to `LiveState.version` for what runs."""
    keys: tuple[str, ...] = ()
    """The settings that changed with it."""
    path: str = ""


@attrs.frozen
class History:
    """The versions of one file, below the data folder; every method blocks, and may raise OSError.

    Whoever calls `keep` holds the lock of the file.
    """

    folder: Path

    @classmethod
    def of(cls, data: Path, path: Path) -> History:
        """The history of the file at this path."""
        place = hashlib.sha256(os.path.realpath(path).encode()).hexdigest()[:12]
        return cls(data / "config" / place)

    def keep(self, content: bytes, version: Version) -> Version | None:
        """Keep a version, unless it is the newest one already; the id is given here."""
        ids = self._ids()
        if ids and self._read(ids[-1])[0].digest == version.digest:
            return None
        made = attrs.evolve(version, id=(ids[-1] if ids else 0) + 1, keys=version.keys[:_MOST_KEYS])
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = {key: value for key, value in attrs.asdict(made).items() if key != "id"}
        _write_new(self._path(made.id), _HEAD + json.dumps(known).encode() + b"\n" + content)
        for old in ids[: max(0, len(ids) + 1 - _KEPT)]:
            self._path(old).unlink(missing_ok=True)
        return made

    def drop(self, version: Version) -> None:
        """Forget a version that could not be applied after all."""
        self._path(version.id).unlink(missing_ok=True)

    def page(self, page: int = 1, per_page: int = 50) -> tuple[Sequence[Version], int]:
        """Give one page, the newest first, and how many there are."""
        ids = self._ids()[::-1]
        return [self._read(one)[0] for one in ids[(page - 1) * per_page : page * per_page]], len(ids)

    def newest(self) -> Version | None:
        """Give the newest version, if there is one."""
        found, _ = self.page(1, 1)
        return found[0] if found else None

    def get(self, id: int | None) -> tuple[Version, bytes]:
        """Give a version with its text; without an id the one before the newest. NotFound if not there."""
        ids = self._ids()
        wanted = id if id is not None else ids[-2] if len(ids) > 1 else None
        if wanted not in ids or wanted is None:
            told = (
                f"There is no version {id} in the history." if id else "There is no version before this one."
            )
            raise NotFound(told, code="version_not_found")
        return self._read(wanted)

    def _read(self, id: int) -> tuple[Version, bytes]:
        head, _, content = self._path(id).read_bytes().partition(b"\n")
        try:
            known = json.loads(head.removeprefix(_HEAD))
            return Version(id=id, **_typed(known)), content
        except (ValueError, TypeError, KeyError):  # somebody has changed it
            return Version(id=id, at=0, actor="", action="unknown", digest=version_of(content)), content

    def _ids(self) -> list[int]:
        try:
            names = os.listdir(self.folder)  # noqa: PTH208  strings are all that is needed
        except FileNotFoundError:
            return []
        return sorted(int(match[1]) for name in names if (match := _NAME.fullmatch(name)))

    def _path(self, id: int) -> Path:
        return self.folder / f"{id:06d}.toml"


def _typed(known: dict[str, Any]) -> dict[str, Any]:
    texts = {name: str(known[name]) for name in ("actor", "action", "digest", "path")}
    return {**texts, "at": int(known["at"]), "keys": tuple(str(key) for key in known["keys"])}


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that nobody else may read, whole or not at all."""
    draft = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
