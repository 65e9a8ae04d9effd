"""Gaud's public names: all that a provider needs.

    from gaud_core import HTTPProvider, Secret, option, settings

Importing this module loads neither the server nor an HTTP client.
"""

from __future__ import annotations

from gaud_core._version import __version__
from gaud_core.call import Body, Call, Reply, Usage
from gaud_core.errors import (
    ApiError,
    ConfigError,
    GaudError,
    PluginError,
    Problem,
    ProviderError,
    Unavailable,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
)
from gaud_core.provider import (
    ChatProvider,
    Context,
    Event,
    Finish,
    Health,
    HTTPProvider,
    Model,
    Price,
    Provider,
    Reasoning,
    Text,
    Timeouts,
    ToolCall,
    UpstreamRequest,
)
from gaud_core.settings import Mistake, Secret, http_url, option, settings

__all__ = [
    "ApiError",
    "Body",
    "Call",
    "ChatProvider",
    "ConfigError",
    "Context",
    "Event",
    "Finish",
    "GaudError",
    "HTTPProvider",
    "Health",
    "Mistake",
    "Model",
    "PluginError",
    "Price",
    "Problem",
    "Provider",
    "ProviderError",
    "Reasoning",
    "Reply",
    "Secret",
    "Text",
    "Timeouts",
    "ToolCall",
    "Unavailable",
    "UpstreamFailed",
    "UpstreamRefused",
    "UpstreamRequest",
    "UpstreamTimeout",
    "Usage",
    "__version__",
    "http_url",
    "option",
    "settings",
]
