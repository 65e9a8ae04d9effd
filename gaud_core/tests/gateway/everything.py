"""A provider that serves every endpoint, and a gateway in front of it."""

from __future__ import annotations

from gaud_core.gateway.dialects import ENDPOINTS

from .books import Priced

__all__ = ["Everything"]


class Everything(Priced):
    """Acme with all that there is, as LiteLLM has it."""

    endpoints = frozenset(ENDPOINTS)
