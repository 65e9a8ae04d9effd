"""Reasoning items of Responses as `reasoning_details` of a chat message, which many clients send back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gaud_core.bridge.chat.pieces import get

__all__ = ["details_of", "items_of", "text_of_item"]

_FORMAT = "openai-responses-v1"


def details_of(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give what has to come back of a reasoning item: without `encrypted_content` nothing has."""
    sealed = item.get("encrypted_content")
    if not isinstance(sealed, str) or not sealed:
        return []
    own = {"id": item.get("id"), "format": _FORMAT}
    text = text_of_item(item)
    summary = [{"type": "reasoning.summary", "summary": text, **own}] if text else []
    return [*summary, {"type": "reasoning.encrypted", "data": sealed, **own}]


def items_of(details: Any) -> Iterator[dict[str, Any]]:
    """Give the reasoning items that such details stand for."""
    summaries: dict[Any, str] = {}
    for detail in details if isinstance(details, list) else ():
        match detail:
            case {"type": "reasoning.summary", "summary": str(text), "format": "openai-responses-v1"}:
                summaries[detail.get("id")] = text
            case {"type": "reasoning.encrypted", "data": str(data), "format": "openai-responses-v1"}:
                text = summaries.pop(detail.get("id"), "")
                summary = [{"type": "summary_text", "text": text}] if text else []
                item = {"type": "reasoning", "summary": summary, "encrypted_content": data}
                yield item | ({"id": detail["id"]} if isinstance(detail.get("id"), str) else {})


def text_of_item(item: Mapping[str, Any]) -> str:
    """Give the text of a reasoning item: its summary, or what it says in full."""
    for name in ("summary", "content"):
        parts = item.get(name)
        texts = [get(part, "text") for part in parts] if isinstance(parts, list) else []
        if text := "\n\n".join(text for text in texts if isinstance(text, str) and text):
            return text
    return ""
