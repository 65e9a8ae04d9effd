"""Kiro (Amazon Q Developer) as an upstream of Gaud: the models of a subscription under the prefix kiro:."""

from __future__ import annotations

from gaud_provider_kiro.provider import Kiro
from gaud_provider_kiro.settings import KiroSettings

__all__ = ["Kiro", "KiroSettings"]
