"""What authors of providers subclass."""

from __future__ import annotations

from gaud_core.provider.base import Context, Health, Model, Price, Provider, Timeouts, UpstreamRequest
from gaud_core.provider.chat import ChatProvider
from gaud_core.provider.events import Event, Finish, Reasoning, Text, ToolCall
from gaud_core.provider.http import HTTPProvider

__all__ = [
    "ChatProvider",
    "Context",
    "Event",
    "Finish",
    "HTTPProvider",
    "Health",
    "Model",
    "Price",
    "Provider",
    "Reasoning",
    "Text",
    "Timeouts",
    "ToolCall",
    "UpstreamRequest",
]
