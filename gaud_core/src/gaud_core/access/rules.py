"""Which models a key may use."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

__all__ = ["model_allowed"]


def model_allowed(globs: Sequence[str], instance: str, model: str) -> bool:
    """Whether a glob stands for the model, as `gpt-4o` or as `work:gpt-4o`; no globs allow every model."""
    if not globs:
        return True
    return any(fnmatchcase(model, glob) or fnmatchcase(f"{instance}:{model}", glob) for glob in globs)
