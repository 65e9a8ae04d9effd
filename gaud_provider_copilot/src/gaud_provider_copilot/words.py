"""Texts from outside, fit for an error message."""

from __future__ import annotations

from typing import Any

__all__ = ["sentence"]

_LONGEST = 300


def sentence(text: Any) -> str:
    """Give a text on one line, no longer than a person reads, without what steers a terminal."""
    if not isinstance(text, str) or text.lstrip().startswith("<"):  # a proxy's page
        return ""
    line = " ".join(text.split())
    return "".join(sign for sign in line if sign.isprintable())[:_LONGEST]
