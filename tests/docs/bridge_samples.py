"""One of everything, by endpoint and by the table that it is in."""

from __future__ import annotations

from . import bridge_chats, bridge_messages, bridge_responses

__all__ = ["SAMPLES"]

SAMPLES = {
    ("messages", "field"): bridge_messages.FIELDS,
    ("messages", "content"): bridge_messages.CONTENT,
    ("responses", "field"): bridge_responses.FIELDS,
    ("responses", "item"): bridge_responses.ITEMS,
    ("chat/completions", "field"): bridge_chats.FIELDS,
    ("chat/completions", "message"): bridge_chats.MESSAGES,
}
