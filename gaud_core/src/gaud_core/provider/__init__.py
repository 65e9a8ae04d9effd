"""What authors of providers subclass."""

from __future__ import annotations

from gaud_core.provider.base import Context, Health, Model, Price, Provider, Quota, Timeouts, UpstreamRequest
from gaud_core.provider.chat import ChatProvider
from gaud_core.provider.events import Event, Finish, Reasoning, Text, ToolCall
from gaud_core.provider.http import HTTPProvider
from gaud_core.provider.login import (
    DeviceFlow,
    LoginProvider,
    PKCEFlow,
    Screen,
    Token,
    TokenStore,
    device_code,
    pkce,
    token_request,
)

__all__ = [
    "ChatProvider",
    "Context",
    "DeviceFlow",
    "Event",
    "Finish",
    "HTTPProvider",
    "Health",
    "LoginProvider",
    "Model",
    "PKCEFlow",
    "Price",
    "Provider",
    "Quota",
    "Reasoning",
    "Screen",
    "Text",
    "Timeouts",
    "Token",
    "TokenStore",
    "ToolCall",
    "UpstreamRequest",
    "device_code",
    "pkce",
    "token_request",
]
