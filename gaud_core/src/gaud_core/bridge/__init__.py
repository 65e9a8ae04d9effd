"""From one dialect into another, for models that are served on one endpoint and asked for on another."""

from __future__ import annotations

from gaud_core.bridge.base import Bridge, Crossing, Stream

__all__ = ["BRIDGED", "Bridge", "Crossing", "Stream", "bridge_from"]

BRIDGED = {"messages": "chat/completions", "responses": "chat/completions"}
"""Each endpoint that a bridge starts from, and the one that it leads to."""


def bridge_from(endpoint: str) -> Bridge | None:
    """Give the bridge that starts from an endpoint, if there is one; imported at its first use."""
    if endpoint == "messages":
        from gaud_core.bridge.messages import MessagesToChat

        return MessagesToChat()
    if endpoint == "responses":
        from gaud_core.bridge.responses import ResponsesToChat

        return ResponsesToChat()
    return None
