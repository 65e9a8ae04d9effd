"""Which models a key may use."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

__all__ = ["model_allowed"]


def model_allowed(globs: Sequence[str], instance: str, model: str) -> bool:
    """Whether a glob stands for the model; no globs allow every model.

    A glob with a colon is held against `instance:model`, one without against the model alone. If `work:*`
    were held against the model too, `other:work:x` would be a way to what only `other` serves.
    """
    if not globs or "*" in globs:
        return True
    return any(fnmatchcase(f"{instance}:{model}" if ":" in glob else model, glob) for glob in globs)
