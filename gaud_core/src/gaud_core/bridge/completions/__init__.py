"""OpenAI's Chat Completions over Responses, for models that are served on nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from gaud_core.bridge.base import Crossing
from gaud_core.bridge.completions.answer import whole
from gaud_core.bridge.completions.request import to_responses
from gaud_core.bridge.completions.stream import CompletionsStream

__all__ = ["ChatToResponses"]


class ChatToResponses:
    """The bridge from `chat/completions`."""

    name = "chat-to-responses"
    source = "chat/completions"
    target = "responses"

    def cross(self, asked: Mapping[str, Any], call_id: str) -> Crossing:
        """Translate a request."""
        body, dropped = to_responses(asked)
        return _Crossing(body, dropped, call_id, str(asked["model"]))


@attrs.frozen
class _Crossing:
    body: bytes
    dropped: tuple[str, ...]
    call_id: str
    model: str

    def answer(self, told: Mapping[str, Any]) -> bytes:
        """Give a chat completion."""
        return whole(told, self.call_id, self.model)

    def stream(self) -> CompletionsStream:
        """Begin a stream of chunks."""
        return CompletionsStream(self.call_id, self.model)
