"""GitHub Copilot as an upstream of Gaud: the models of a Copilot subscription under the prefix copilot:."""

from __future__ import annotations

from gaud_provider_copilot.provider import Copilot
from gaud_provider_copilot.settings import CopilotSettings

__all__ = ["Copilot", "CopilotSettings"]
