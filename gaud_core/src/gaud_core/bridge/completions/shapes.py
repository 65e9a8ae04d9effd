"""The request of OpenAI's Chat Completions, as far as a bridge reads it; the rest is in `extra`."""

from __future__ import annotations

from typing import Any

import attrs

from gaud_core.bridge.shapes import Open, Reader, Unknown

__all__ = [
    "Call",
    "File",
    "Image",
    "Message",
    "Part",
    "Refusal",
    "Request",
    "Text",
    "Tool",
    "read_request",
]


@attrs.frozen(kw_only=True)
class Text(Open):
    """Text."""

    type: str = "text"
    text: str
    prompt_cache_breakpoint: Any = None


@attrs.frozen(kw_only=True)
class Refusal(Open):
    """A refusal of an earlier turn."""

    type: str
    refusal: str


@attrs.frozen(kw_only=True)
class Image(Open):
    """An image by address, data in it or not."""

    type: str
    image_url: dict[str, Any]
    prompt_cache_breakpoint: Any = None


@attrs.frozen(kw_only=True)
class File(Open):
    """A file by data or by id."""

    type: str
    file: dict[str, Any]
    prompt_cache_breakpoint: Any = None


Part = Text | Refusal | Image | File | Unknown


@attrs.frozen(kw_only=True)
class Call(Open):
    """A call of a function or of a custom tool."""

    id: str
    type: str = "function"
    function: dict[str, Any] | None = None
    custom: dict[str, Any] | None = None


@attrs.frozen(kw_only=True)
class Message(Open):
    """One message."""

    role: str
    content: list[Part] | None = None
    refusal: str | None = None
    tool_calls: list[Call] | None = None
    tool_call_id: str | None = None
    reasoning_details: Any = None


@attrs.frozen(kw_only=True)
class Tool(Open):
    """A tool."""

    type: str
    function: dict[str, Any] | None = None
    custom: dict[str, Any] | None = None


@attrs.frozen(kw_only=True)
class Request(Open):
    """A request."""

    model: str
    messages: list[Message]
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    tools: list[Tool] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    verbosity: Any = None
    reasoning_effort: Any = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    n: int | None = None
    store: bool | None = None
    modalities: list[str] | None = None
    functions: Any = None
    function_call: Any = None


_PARTS: dict[str, type[Open]] = {"text": Text, "refusal": Refusal, "image_url": Image, "file": File}


def read_request(asked: Any) -> Request:
    """Read a request; BadRequest says where it is none."""
    return Reader({Part: _PARTS}, {list[Part]: lambda text: Text(text=text)}).read(Request, asked)
