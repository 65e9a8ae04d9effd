"""From one dialect into another, for models that are served on one endpoint and asked for on another."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType

from gaud_core.bridge.base import Bridge, Crossing, Stream

__all__ = ["REACHED", "Bridge", "Crossing", "Stream", "bridge_to", "reached_from"]

_CHAT, _MESSAGES, _RESPONSES = "chat/completions", "messages", "responses"

REACHED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {_CHAT: (_RESPONSES,), _MESSAGES: (_CHAT, _RESPONSES), _RESPONSES: (_CHAT,)}
)
"""Each endpoint that bridges start from, and those that they lead to, the better way first."""


def reached_from(endpoint: str, natives: AbstractSet[str]) -> str | None:
    """Give the endpoint, of those that a model is served on, to which a bridge leads."""
    return next((target for target in REACHED.get(endpoint, ()) if target in natives), None)


def bridge_to(source: str, target: str) -> Bridge:
    """Give the bridge between two endpoints of `REACHED`; what it needs is imported at its first use."""
    if source == _CHAT:
        from gaud_core.bridge.completions import ChatToResponses

        return ChatToResponses()
    if source == _RESPONSES:
        from gaud_core.bridge.responses import ResponsesToChat

        return ResponsesToChat()
    from gaud_core.bridge.messages import MessagesToChat

    if target == _CHAT:
        return MessagesToChat()
    from gaud_core.bridge.chain import Chain

    return Chain(MessagesToChat(), bridge_to(_CHAT, target), {"stop": "stop_sequences"})
