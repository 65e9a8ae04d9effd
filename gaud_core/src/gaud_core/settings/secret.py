"""A text that never shows itself."""

from __future__ import annotations

import hmac
from typing import Any, NoReturn, final

__all__ = ["MASK", "Secret"]

MASK = "********"


@final
class Secret:
    """Holds a key or a password; only `reveal()` gives it out, everything else shows `********`.

    It is not a `str`, so it cannot slip into a log line, a URL or a JSON answer by accident.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"a Secret holds text, not {type(text).__name__}")
        object.__setattr__(self, "_text", text)

    def reveal(self) -> str:
        """The text itself: call it where the text is sent, and nowhere earlier."""
        text: str = object.__getattribute__(self, "_text")
        return text

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self), _bytes(other))

    def __hash__(self) -> int:
        return hash((Secret, self.reveal()))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Secret cannot be changed; make a new one")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Secret cannot be changed; make a new one")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret cannot be pickled: it would leave the process in clear text")

    __reduce__ = __getstate__ = __reduce_ex__  # type: ignore[assignment]


def _bytes(secret: Secret) -> bytes:
    return secret.reveal().encode("utf-8", "surrogatepass")
