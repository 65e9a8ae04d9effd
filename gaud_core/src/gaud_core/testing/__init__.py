"""The conformance kit: a scripted upstream, and answers of every kind for it to give."""

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

__all__ = [
    "DONE",
    "USAGE",
    "Answer",
    "Cut",
    "Framing",
    "Handler",
    "Headers",
    "Pause",
    "Request",
    "ScriptedOAuth",
    "ScriptedUpstream",
    "Seen",
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
    "split_inside_character",
    "sse",
    "tool_call",
]
