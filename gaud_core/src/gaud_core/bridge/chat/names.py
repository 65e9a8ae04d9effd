"""Names of tools as chats take them: 64 characters of a few kinds, and no namespaces."""

from __future__ import annotations

import hashlib
import re

import attrs

__all__ = ["Names"]

_LONGEST = 64
_FIT = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_UNFIT = re.compile(r"[^a-zA-Z0-9_-]")
_HASH = 8


@attrs.define
class Names:
    """The names of one request: given there, known here.

    `files` and `read` become `files__read`; a name that does not fit becomes its beginning and a hash, which
    is the same in every request, so that earlier calls in a conversation keep their names.
    """

    _here: dict[str, tuple[str, str | None]] = attrs.field(factory=dict)

    def there(self, name: str, namespace: str | None = None) -> str:
        """Give the name that a tool has in the chat."""
        joined = f"{namespace}__{name}" if namespace else name
        given = joined if _FIT.fullmatch(joined) else _fitted(joined)
        if given != name:
            self._here[given] = (name, namespace)
        return given

    def here(self, name: str) -> tuple[str, str | None]:
        """Give the name that the caller knows, and its namespace."""
        return self._here.get(name, (name, None))


def _fitted(name: str) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:_HASH]
    return f"{_UNFIT.sub('_', name)[: _LONGEST - _HASH - 1]}_{digest}"
