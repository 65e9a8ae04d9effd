"""Anthropic's Messages over Chat Completions (docs.claude.com/en/api/messages)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from gaud_core.bridge.base import Crossing
from gaud_core.bridge.messages.answer import Answering, whole
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
        crossed = to_chat(asked)
        answering = Answering(call_id, str(asked["model"]), crossed.stops, crossed.names)
        return _Crossing(crossed.body, crossed.dropped, answering)


@attrs.frozen
class _Crossing:
    body: bytes
    dropped: tuple[str, ...]
    answering: Answering

    def answer(self, told: Mapping[str, Any]) -> bytes:
        """Give a message."""
        return whole(told, self.answering)

    def stream(self) -> MessagesStream:
        """Begin a stream of Anthropic's events."""
        return MessagesStream(self.answering)
