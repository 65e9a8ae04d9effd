"""Files and batches: JSON about them, and their content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from gaud_core.call import Usage
from gaud_core.gateway.dialects.base import Passthrough, require_json

__all__ = ["Batches", "Content", "Files", "Objects"]


class _Object(msgspec.Struct):
    id: Any = None
    output_file_id: Any = None
    error_file_id: Any = None


_object = msgspec.json.Decoder(_Object)


class Objects(Passthrough):
    """Whatever an upstream says of its things, as JSON."""

    def usage(self, answer: bytes) -> Usage | None:
        """Want JSON; nothing is counted."""
        require_json(answer)
        return None


class Files(Objects):
    """A file that has been made."""

    def made(self, answer: bytes) -> Sequence[str]:
        """Give its id."""
        return _ids(answer, "id")


class Batches(Objects):
    """A batch, and the files that come of it."""

    def made(self, answer: bytes) -> Sequence[str]:
        """Give its id, and those of its results once they are there."""
        return _ids(answer, "id", "output_file_id", "error_file_id")


class Content(Passthrough):
    """The content of a file."""

    binary: ClassVar[bool] = True


def _ids(answer: bytes, *names: str) -> list[str]:
    try:
        found = _object.decode(answer)
    except (msgspec.DecodeError, RecursionError):
        return []
    ids = [getattr(found, name) for name in names]
    return [each for each in ids if isinstance(each, str) and each]
