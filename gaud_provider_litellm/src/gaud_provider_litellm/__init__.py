"""LiteLLM as an upstream of Gaud: every model of a LiteLLM proxy under the prefix `litellm:`."""

from __future__ import annotations

from gaud_provider_litellm.provider import LiteLLM
from gaud_provider_litellm.settings import LiteLLMSettings

__all__ = ["LiteLLM", "LiteLLMSettings"]
