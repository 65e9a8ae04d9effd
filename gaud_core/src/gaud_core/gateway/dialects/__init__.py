"""What the gateway must know of each endpoint's dialect; the rest of a call is bytes."""

from __future__ import annotations

from gaud_core.gateway.dialects.base import Dialect, Passthrough, Watch
from gaud_core.gateway.dialects.chat import ChatCompletions

__all__ = ["DIALECTS", "ENDPOINTS", "Dialect", "Passthrough", "Watch"]

ENDPOINTS = ("chat/completions",)
"""What the gateway serves, as paths below `/v1/`."""

DIALECTS: dict[str, Dialect] = {"chat/completions": ChatCompletions()}
"""By endpoint; an endpoint that is not listed is relayed by `Passthrough`."""
