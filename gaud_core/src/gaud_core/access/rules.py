"""Which models a key may use, and so which instances."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

__all__ = ["instance_allowed", "model_allowed"]


def model_allowed(globs: Sequence[str], instance: str, model: str) -> bool:
    """Whether a glob stands for the model; no globs allow every model.

    A glob with a colon is held against `instance:model`, one without against the model alone. If `work:*`
    were held against the model too, `other:work:x` would be a way to what only `other` serves.
    """
    if not globs or "*" in globs:
        return True
    return any(fnmatchcase(f"{instance}:{model}" if ":" in glob else model, glob) for glob in globs)


def instance_allowed(globs: Sequence[str], instance: str) -> bool:
    """Whether a glob may stand for a model of the instance, for calls that name no model."""
    named = (glob.partition(":") for glob in globs)
    return not globs or any(not colon or fnmatchcase(instance, prefix) for prefix, colon, _ in named)
