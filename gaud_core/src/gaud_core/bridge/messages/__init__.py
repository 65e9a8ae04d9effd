"""Anthropic's Messages over Chat Completions (docs.claude.com/en/api/messages)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from gaud_core.bridge.base import Crossing
from gaud_core.bridge.messages.answer import whole
from gaud_core.bridge.messages.request import to_chat
from gaud_core.bridge.messages.stream import MessagesStream

__all__ = ["MessagesToChat"]


class MessagesToChat:
    """The bridge from `messages`."""

    name = "messages-to-chat"
    source = "messages"
    target = "chat/completions"

    def cross(self, asked: Mapping[str, Any], call_id: str) -> Crossing:
        """Translate a request."""
        body, dropped, stops = to_chat(asked)
        return _Crossing(body, dropped, call_id, str(asked["model"]), stops)


@attrs.frozen
class _Crossing:
    body: bytes
    dropped: tuple[str, ...]
    call_id: str
    model: str
    stops: tuple[str, ...]

    def answer(self, told: Mapping[str, Any]) -> bytes:
        """Give a message."""
        return whole(told, self.call_id, self.model, self.stops)

    def stream(self) -> MessagesStream:
        """Begin a stream of Anthropic's events."""
        return MessagesStream(self.call_id, self.model, self.stops)
