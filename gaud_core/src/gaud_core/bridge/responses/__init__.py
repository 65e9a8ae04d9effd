"""OpenAI's Responses over Chat Completions (platform.openai.com/docs/api-reference/responses)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from gaud_core.bridge.base import Crossing
from gaud_core.bridge.responses.answer import Answering, whole
from gaud_core.bridge.responses.request import to_chat
from gaud_core.bridge.responses.stream import ResponsesStream

__all__ = ["ResponsesToChat"]


class ResponsesToChat:
    """The bridge from `responses`."""

    name = "responses-to-chat"
    source = "responses"
    target = "chat/completions"

    def cross(self, asked: Mapping[str, Any], call_id: str) -> Crossing:
        """Translate a request."""
        crossed = to_chat(asked)
        return _Crossing(crossed.body, crossed.dropped, Answering(call_id, asked, crossed.names))


@attrs.frozen
class _Crossing:
    body: bytes
    dropped: tuple[str, ...]
    answering: Answering

    def answer(self, told: Mapping[str, Any]) -> bytes:
        """Give a response."""
        return whole(told, self.answering)

    def stream(self) -> ResponsesStream:
        """Begin a stream of events."""
        return ResponsesStream(self.answering)
