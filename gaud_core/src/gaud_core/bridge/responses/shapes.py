"""The request of OpenAI's Responses, as far as a bridge reads it; the rest is in `extra`."""

from __future__ import annotations

from typing import Any

import attrs

from gaud_core.bridge.shapes import Open, Reader, Unknown

__all__ = [
    "CustomCall",
    "Format",
    "FunctionCall",
    "InputAudio",
    "InputFile",
    "InputImage",
    "Item",
    "Message",
    "MoreTools",
    "Part",
    "ReasoningItem",
    "Refusal",
    "Request",
    "Text",
    "Tool",
    "ToolOutput",
    "read_request",
]


@attrs.frozen(kw_only=True)
class Text(Open):
    """Text, of whoever."""

    type: str = "input_text"
    text: str


@attrs.frozen(kw_only=True)
class Refusal(Open):
    """A refusal of an earlier turn."""

    type: str
    refusal: str


@attrs.frozen(kw_only=True)
class InputImage(Open):
    """An image by address, data in it or not, or by file id."""

    type: str
    image_url: str | None = None
    file_id: str | None = None
    detail: str | None = None
    prompt_cache_breakpoint: Any = None


@attrs.frozen(kw_only=True)
class InputFile(Open):
    """A file by data, by id or by address."""

    type: str
    file_data: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    filename: str | None = None
    prompt_cache_breakpoint: Any = None


@attrs.frozen(kw_only=True)
class InputAudio(Open):
    """Sound."""

    type: str
    input_audio: dict[str, Any]


Part = Text | Refusal | InputImage | InputFile | InputAudio | Unknown


@attrs.frozen(kw_only=True)
class Message(Open):
    """What somebody says."""

    role: str
    content: list[Part]
    type: str = "message"


@attrs.frozen(kw_only=True)
class FunctionCall(Open):
    """A call of a function in an earlier turn."""

    type: str
    call_id: str
    name: str
    arguments: str
    namespace: str | None = None


@attrs.frozen(kw_only=True)
class CustomCall(Open):
    """A call of a tool that takes plain text."""

    type: str
    call_id: str
    name: str
    input: str
    namespace: str | None = None


@attrs.frozen(kw_only=True)
class ToolOutput(Open):
    """What a function or a custom tool gave."""

    type: str
    call_id: str
    output: list[Part]


@attrs.frozen(kw_only=True)
class ReasoningItem(Open):
    """Reasoning of an earlier turn."""

    type: str
    summary: list[Part] = attrs.field(factory=list)
    content: list[Part] | None = None
    encrypted_content: str | None = None


@attrs.frozen(kw_only=True)
class Tool(Open):
    """A tool; only functions and custom ones are the caller's own."""

    type: str
    name: str = ""
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    format: dict[str, Any] | None = None
    tools: list[Tool] | None = None


@attrs.frozen(kw_only=True)
class MoreTools(Open):
    """Tools that are added in the middle."""

    type: str
    tools: list[Tool]
    role: Any = None


Item = Message | FunctionCall | CustomCall | ToolOutput | ReasoningItem | MoreTools | Unknown


@attrs.frozen(kw_only=True)
class Format(Open):
    """What shape the text is to have."""

    type: str
    name: str | None = None
    schema: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None


@attrs.frozen(kw_only=True)
class TextConfig(Open):
    """How to write."""

    format: Format | None = None
    verbosity: str | None = None


@attrs.frozen(kw_only=True)
class Reasoning(Open):
    """How much to reason."""

    effort: str | None = None


@attrs.frozen(kw_only=True)
class Request(Open):
    """A request."""

    model: str
    input: list[Item] = attrs.field(factory=list)
    instructions: str | None = None
    max_output_tokens: int | None = None
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    tools: list[Tool] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    text: TextConfig | None = None
    reasoning: Reasoning | None = None
    include: list[str] | None = None
    metadata: dict[str, Any] | None = None
    user: str | None = None
    top_logprobs: int | None = None
    store: bool | None = None
    truncation: str | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    conversation: Any = None
    prompt: Any = None


_PARTS: dict[str, type[Open]] = {
    "input_text": Text,
    "output_text": Text,
    "text": Text,
    "summary_text": Text,
    "reasoning_text": Text,
    "refusal": Refusal,
    "input_image": InputImage,
    "input_file": InputFile,
    "input_audio": InputAudio,
}
_ITEMS: dict[str, type[Open]] = {
    "": Message,
    "message": Message,
    "function_call": FunctionCall,
    "custom_tool_call": CustomCall,
    "function_call_output": ToolOutput,
    "custom_tool_call_output": ToolOutput,
    "reasoning": ReasoningItem,
    "additional_tools": MoreTools,
}


def read_request(asked: Any) -> Request:
    """Read a request; BadRequest says where it is none."""
    kinds = {Part: _PARTS, Item: _ITEMS}
    spelled = {
        list[Part]: lambda text: Text(text=text),
        list[Item]: lambda text: Message(role="user", content=[Text(text=text)]),
    }
    return Reader(kinds, spelled).read(Request, asked)
