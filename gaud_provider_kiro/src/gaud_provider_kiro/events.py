"""A frame as what it says: an event that is known, a failure, or nothing that matters to a client."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

from gaud_core import UpstreamFailed
from gaud_provider_kiro import wire
from gaud_provider_kiro.frames import Frame

__all__ = ["Failure", "KiroEvent", "event_of"]


@attrs.frozen
class Failure:
    """An exception in the middle of an answer: its type and what it says."""

    type: str
    message: str = ""
    reason: str = ""


KiroEvent = (
    wire.TextEvent
    | wire.ToolUseEvent
    | wire.ReasoningEvent
    | wire.Metadata
    | wire.Metering
    | wire.ContextUsage
    | wire.InvalidState
    | Failure
)

_EVENTS: Mapping[str, type[Any]] = {
    "assistantResponseEvent": wire.TextEvent,
    "codeEvent": wire.TextEvent,
    "toolUseEvent": wire.ToolUseEvent,
    "reasoningContentEvent": wire.ReasoningEvent,
    "messageMetadataEvent": wire.Metadata,
    "metadataEvent": wire.Metadata,
    "meteringEvent": wire.Metering,
    "contextUsageEvent": wire.ContextUsage,
    "invalidStateEvent": wire.InvalidState,
}
"""Those that are told; all others are for other clients than ours, or newer than this."""


def event_of(frame: Frame) -> KiroEvent | None:
    """Read a frame; UpstreamFailed if a known event has a payload that is none."""
    match frame.header(":message-type"):
        case "exception":
            return _failure(frame.header(":exception-type"), _object(frame) or {})
        case "error":
            return Failure(frame.header(":error-code"), frame.header(":error-message"))
    name = frame.header(":event-type")
    payload = _object(frame)
    if payload is not None and isinstance(kind := payload.get("_type"), str) and "message" in payload:
        return _failure(kind, payload)  # an exception that is called an event
    if (cls := _EVENTS.get(name)) is None:
        return None
    try:
        event: KiroEvent = wire.read_as(cls, _unwrapped(name, payload))
    except ValueError:
        raise UpstreamFailed(f"Kiro sent a {name} that cannot be read.") from None
    return event


def _failure(kind: str, payload: Mapping[str, Any]) -> Failure:
    message, reason = (payload.get(name) for name in ("message", "reason"))
    return Failure(
        kind.rpartition("#")[2],
        message if isinstance(message, str) else "",
        reason if isinstance(reason, str) else "",
    )


def _object(frame: Frame) -> dict[str, Any] | None:
    try:
        told = json.loads(frame.payload or b"{}")
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _unwrapped(name: str, payload: dict[str, Any] | None) -> dict[str, Any] | None:
    """Take the payload out of an object that only names the event, as some versions send it."""
    if payload is not None and len(payload) == 1 and isinstance(inner := payload.get(name), dict):
        return inner
    return payload
