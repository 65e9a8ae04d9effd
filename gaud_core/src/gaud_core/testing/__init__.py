"""The conformance kit: tests for providers, a scripted upstream, and answers of every kind for it to give.

    from gaud_core.testing import HTTPProviderTests

    class TestAcme(HTTPProviderTests):
        provider = Acme

The classes of tests need pytest (`pip install "gaud-core[testing]"`) and are loaded when they are asked for;
the scripted upstream needs nothing more than the core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .answers import Answer, Cut, Framing, Headers, Pause, Step
from .chat import (
    DONE,
    USAGE,
    chat_chunk,
    chat_chunks,
    chat_completion,
    chat_error_stream,
    chat_strange_stream,
    chat_stream,
    chat_tool_stream,
    split_inside_character,
    sse,
    tool_call,
)
from .http_wire import Request
from .oauth import ScriptedOAuth
from .signal import Signal, Waitable
from .upstream import Handler, ScriptedUpstream, Seen

if TYPE_CHECKING:
    from .chat_tests import ChatProviderTests
    from .http_tests import HTTPProviderTests
    from .kit import CONTRACT, since
    from .live_tests import LiveProviderTests
    from .login_tests import LoginProviderTests
    from .provider_tests import ProviderTests
    from .served import ServedGateway

__all__ = [
    "CONTRACT",
    "DONE",
    "USAGE",
    "Answer",
    "ChatProviderTests",
    "Cut",
    "Framing",
    "HTTPProviderTests",
    "Handler",
    "Headers",
    "LiveProviderTests",
    "LoginProviderTests",
    "Pause",
    "ProviderTests",
    "Request",
    "ScriptedOAuth",
    "ScriptedUpstream",
    "Seen",
    "ServedGateway",
    "Signal",
    "Step",
    "Waitable",
    "chat_chunk",
    "chat_chunks",
    "chat_completion",
    "chat_error_stream",
    "chat_strange_stream",
    "chat_stream",
    "chat_tool_stream",
    "since",
    "split_inside_character",
    "sse",
    "tool_call",
]

_LAZY = {
    "CONTRACT": "kit",
    "ChatProviderTests": "chat_tests",
    "HTTPProviderTests": "http_tests",
    "LiveProviderTests": "live_tests",
    "LoginProviderTests": "login_tests",
    "ProviderTests": "provider_tests",
    "ServedGateway": "served",
    "since": "kit",
}


def __getattr__(name: str) -> Any:
    """Load a class of tests, and say what to install when pytest is not there."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "pytest":
            raise
        raise ModuleNotFoundError(
            f'gaud_core.testing.{name} needs pytest: pip install "gaud-core[testing]"', name="pytest"
        ) from None
