"""Who may call: users, keys, budgets, the first administrator."""

from __future__ import annotations

from gaud_core.access.bootstrap import bootstrap
from gaud_core.access.keyring import Identity, KeyRing
from gaud_core.access.keys import Caller, Keys, open_keys
from gaud_core.access.people import People
from gaud_core.access.rules import model_allowed
from gaud_core.access.values import Budget, Key, KeyLimits, User

__all__ = [
    "Budget",
    "Caller",
    "Identity",
    "Key",
    "KeyLimits",
    "KeyRing",
    "Keys",
    "People",
    "User",
    "bootstrap",
    "model_allowed",
    "open_keys",
]
