"""The header Server-Timing (w3.org/TR/server-timing), read as tolerantly as browsers do."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

__all__ = ["server_timing"]

_LONGEST = 8192
# A comma or a semicolon inside quotes separates nothing; a quote that nobody closes goes on to the end.
_PARTS = {sign: re.compile(rf'(?:[^{sign}"]|"(?:\\.|[^"\\])*"?)+') for sign in ",;"}
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}")
_MILLIS = re.compile(r"[0-9]{1,12}(\.[0-9]*)?|\.[0-9]+")


def server_timing(header: str) -> dict[str, float]:
    """Give the milliseconds of each part that has some; a name that comes twice is added up.

    What cannot be read is left out.
    """
    parts: dict[str, float] = {}
    for name, millis in _metrics(header[:_LONGEST]):
        parts[name] = parts.get(name, 0.0) + millis
    return parts


def _metrics(header: str) -> Iterator[tuple[str, float]]:
    for metric in _PARTS[","].findall(header):
        name, *params = [part.strip() for part in _PARTS[";"].findall(metric)] or [""]
        millis = next(filter(math.isfinite, map(_duration, params)), None)
        if _NAME.fullmatch(name) and millis is not None:
            yield name, millis


def _duration(param: str) -> float:
    """Give what a parameter `dur` holds; not a number for all else."""
    name, _, value = param.partition("=")
    text = value.strip().strip('"')
    return float(text) if name.strip().lower() == "dur" and _MILLIS.fullmatch(text) else math.nan
