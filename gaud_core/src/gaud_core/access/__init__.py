"""Who may call: users, keys, budgets, the first administrator."""

from __future__ import annotations

from gaud_core.access.bootstrap import bootstrap, has_administrator
from gaud_core.access.door import ANYBODY, KNOWN, Door
from gaud_core.access.keyring import Identity, KeyRing
from gaud_core.access.people import People
from gaud_core.access.rules import model_allowed
from gaud_core.access.values import Budget, Key, KeyLimits, User

__all__ = [
    "ANYBODY",
    "KNOWN",
    "Budget",
    "Door",
    "Identity",
    "Key",
    "KeyLimits",
    "KeyRing",
    "People",
    "User",
    "bootstrap",
    "has_administrator",
    "model_allowed",
]
