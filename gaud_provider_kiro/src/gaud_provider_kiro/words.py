"""What is shown of the upstream's words: one line, and not too long."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["sentence"]

_LONGEST = 300


def sentence(text: Any) -> str:
    """Give the beginning of a text in one line; nothing for what is no text, or a page of HTML."""
    if not isinstance(text, str) or text.lstrip().startswith("<"):
        return ""
    line = re.sub(r"\s+", " ", text[: _LONGEST * 4]).strip()
    plain = "".join(character for character in line if character.isprintable())
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"
