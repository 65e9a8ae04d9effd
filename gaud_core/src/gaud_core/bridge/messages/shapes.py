"""The request of Anthropic's Messages, as far as a bridge reads it; the rest is in `extra`."""

from __future__ import annotations

from typing import Any

import attrs

from gaud_core.bridge.shapes import Open, Reader, Unknown

__all__ = [
    "Block",
    "Document",
    "Image",
    "Message",
    "OutputConfig",
    "RedactedThinking",
    "Request",
    "SearchResult",
    "Source",
    "Text",
    "ThinkingBlock",
    "Tool",
    "ToolChoice",
    "ToolResult",
    "ToolUse",
    "read_request",
]


@attrs.frozen(kw_only=True)
class Text(Open):
    """Text."""

    type: str = "text"
    text: str


@attrs.frozen(kw_only=True)
class ContentSource(Open):
    """A document that is made of blocks."""

    type: str
    content: list[Block]


@attrs.frozen(kw_only=True)
class DataSource(Open):
    """Base64, or plain text."""

    type: str
    media_type: str
    data: str


@attrs.frozen(kw_only=True)
class UrlSource(Open):
    """An address."""

    type: str
    url: str


@attrs.frozen(kw_only=True)
class Image(Open):
    """An image."""

    type: str
    source: Source


@attrs.frozen(kw_only=True)
class Document(Open):
    """A document."""

    type: str
    source: Source
    title: str | None = None
    context: Any = None
    citations: dict[str, Any] | None = None


@attrs.frozen(kw_only=True)
class SearchResult(Open):
    """What a search of the caller's own has found."""

    type: str
    source: str
    title: str
    content: list[Block]
    citations: dict[str, Any] | None = None


@attrs.frozen(kw_only=True)
class ThinkingBlock(Open):
    """Reasoning of an earlier turn."""

    type: str
    thinking: str
    signature: str = ""


@attrs.frozen(kw_only=True)
class RedactedThinking(Open):
    """Reasoning that is encrypted."""

    type: str
    data: str


@attrs.frozen(kw_only=True)
class ToolUse(Open):
    """A call of a tool."""

    type: str
    id: str
    name: str
    input: dict[str, Any]


@attrs.frozen(kw_only=True)
class ToolResult(Open):
    """What a tool gave."""

    type: str
    tool_use_id: str
    content: list[Block] | None = None
    is_error: bool | None = None


Source = DataSource | UrlSource | ContentSource | Unknown
Block = (
    Text | Image | Document | SearchResult | ThinkingBlock | RedactedThinking | ToolUse | ToolResult | Unknown
)


@attrs.frozen(kw_only=True)
class Message(Open):
    """One turn, or a part of one."""

    role: str
    content: list[Block]


@attrs.frozen(kw_only=True)
class Tool(Open):
    """A tool; one with a `type` other than `custom` is Anthropic's own."""

    name: str = ""
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None


@attrs.frozen(kw_only=True)
class ToolChoice(Open):
    """Which tools may be called."""

    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


@attrs.frozen(kw_only=True)
class ThinkingConfig(Open):
    """How much to reason."""

    type: str
    budget_tokens: int | None = None


@attrs.frozen(kw_only=True)
class OutputFormat(Open):
    """A schema that the answer is to follow."""

    type: str
    schema: dict[str, Any]


@attrs.frozen(kw_only=True)
class OutputConfig(Open):
    """How to answer."""

    effort: str | None = None
    format: OutputFormat | None = None


@attrs.frozen(kw_only=True)
class Metadata(Open):
    """Who asks."""

    user_id: str | None = None


@attrs.frozen(kw_only=True)
class Request(Open):
    """A request."""

    model: str
    messages: list[Message]
    max_tokens: int
    system: list[Block] | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    temperature: Any = None
    top_p: Any = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: ThinkingConfig | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None
    metadata: Metadata | None = None
    service_tier: str | None = None


_BLOCKS: dict[str, type[Open]] = {
    "text": Text,
    "image": Image,
    "document": Document,
    "search_result": SearchResult,
    "thinking": ThinkingBlock,
    "redacted_thinking": RedactedThinking,
    "tool_use": ToolUse,
    "tool_result": ToolResult,
}
_SOURCES: dict[str, type[Open]] = {
    "base64": DataSource,
    "text": DataSource,
    "url": UrlSource,
    "content": ContentSource,
}


def read_request(asked: Any) -> Request:
    """Read a request; BadRequest says where it is none."""
    kinds = {Block: _BLOCKS, Source: _SOURCES}
    return Reader(kinds, {list[Block]: lambda text: Text(text=text)}).read(Request, asked)
