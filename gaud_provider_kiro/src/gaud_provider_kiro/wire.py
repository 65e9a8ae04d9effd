"""Kiro's JSON as values: what a call sends, and what its events say.

Names and shapes are those of the AWS models of GenerateAssistantResponse; on the wire they are camelCase.
What is empty is left out when it is written; what is not known is passed over when it is read.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

__all__ = [
    "AssistantResponse",
    "Content",
    "ContextUsage",
    "ConversationState",
    "Entry",
    "Image",
    "InvalidState",
    "Metadata",
    "Metering",
    "Payload",
    "ReasoningContent",
    "ReasoningEvent",
    "ReasoningText",
    "Request",
    "TextEvent",
    "TokenUsage",
    "Tool",
    "ToolResult",
    "ToolSpecification",
    "ToolUse",
    "ToolUseEvent",
    "UserInput",
    "UserInputContext",
    "as_payload",
    "read_as",
]

T = TypeVar("T")
Payload = dict[str, Any]


@attrs.frozen
class Source:
    """The bytes of an image, in base64."""

    bytes: str


@attrs.frozen
class Image:
    """An image; `format` is png, jpeg, gif or webp."""

    format: str
    source: Source

    @classmethod
    def of(cls, format: str, base64: str) -> Image:
        """Make one."""
        return cls(format, Source(base64))


@attrs.frozen
class InputSchema:
    """A JSON schema."""

    json: Mapping[str, Any]


@attrs.frozen
class ToolSpecification:
    """A tool that the model may use."""

    name: str
    description: str
    input_schema: InputSchema


@attrs.frozen
class Tool:
    """An entry of the list of tools."""

    tool_specification: ToolSpecification

    @classmethod
    def of(cls, name: str, description: str, schema: Mapping[str, Any]) -> Tool:
        """Make one."""
        return cls(ToolSpecification(name, description, InputSchema(schema)))


@attrs.frozen
class Content:
    """A piece of a tool's result."""

    text: str


@attrs.frozen
class ToolResult:
    """What a tool has given, for the use with the same id; `status` is success or error."""

    tool_use_id: str
    content: tuple[Content, ...]
    status: str = attrs.field(default="success", metadata={"always": True})


@attrs.frozen
class UserInputContext:
    """What goes with a user's message."""

    tool_results: tuple[ToolResult, ...] = ()
    tools: tuple[Tool, ...] = ()


@attrs.frozen
class UserInput:
    """A user's message, and the results of the tools that the assistant has used before it."""

    content: str
    model_id: str
    origin: str
    images: tuple[Image, ...] = ()
    user_input_message_context: UserInputContext = UserInputContext()


@attrs.frozen
class ToolUse:
    """A use of a tool that the assistant asked for."""

    tool_use_id: str
    name: str
    input: Mapping[str, Any] = attrs.field(factory=dict, metadata={"always": True})


@attrs.frozen
class ReasoningText:
    """The assistant's reasoning, and the upstream's proof that it is its own."""

    text: str
    signature: str = ""


@attrs.frozen
class ReasoningContent:
    """The reasoning in an assistant's message."""

    reasoning_text: ReasoningText


@attrs.frozen
class AssistantResponse:
    """An assistant's message."""

    content: str
    tool_uses: tuple[ToolUse, ...] = ()
    reasoning_content: ReasoningContent | None = None


@attrs.frozen
class Entry:
    """One message of the history: one of the two."""

    user_input_message: UserInput | None = None
    assistant_response_message: AssistantResponse | None = None


@attrs.frozen
class ConversationState:
    """The conversation so far; the current message is a user's."""

    conversation_id: str
    current_message: Entry
    history: tuple[Entry, ...] = ()
    chat_trigger_type: str = attrs.field(default="MANUAL", metadata={"always": True})
    agent_task_type: str = ""
    agent_continuation_id: str = ""


@attrs.frozen
class Request:
    """The body of a call."""

    conversation_state: ConversationState
    profile_arn: str = ""
    additional_model_request_fields: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class TextEvent:
    """assistantResponseEvent, codeEvent: a piece of text."""

    content: str = ""


@attrs.frozen
class ToolUseEvent:
    """toolUseEvent: a piece of a tool's use; `input` is a piece of JSON text, or the object as a whole."""

    tool_use_id: str = ""
    name: str = ""
    input: Any = None
    stop: bool = False


@attrs.frozen
class ReasoningEvent:
    """reasoningContentEvent: a piece of the reasoning, or its signature."""

    text: str = ""
    signature: str = ""
    redacted_content: str = ""


@attrs.frozen
class TokenUsage:
    """Tokens as the upstream has counted them."""

    uncached_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_write_input_tokens: int = 0
    output_tokens: int = 0


@attrs.frozen
class Metadata:
    """metadataEvent, messageMetadataEvent: the tokens, if they are told."""

    token_usage: TokenUsage | None = None


@attrs.frozen
class Metering:
    """meteringEvent: what the call takes from the subscription, in `unit`."""

    usage: float = 0.0
    unit: str = ""


@attrs.frozen
class ContextUsage:
    """contextUsageEvent: how much of the model's window is full."""

    context_usage_percentage: float | None = None


@attrs.frozen
class InvalidState:
    """invalidStateEvent: the upstream cannot go on."""

    reason: str = ""
    message: str = ""


def as_payload(request: Request) -> Payload:
    """Give a call's body as JSON."""
    written: Payload = _converter().unstructure(request)
    return written


def read_as(cls: type[T], payload: Any) -> T:
    """Read a JSON object; ValueError if a member is of another type than it must be."""
    try:
        return _converter().structure(payload, cls)
    except (cattrs.BaseValidationError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"this is no {cls.__name__}") from error


@functools.cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=False)
    for leaf, kinds in ((str, str), (int, int), (float, (int, float)), (bool, bool)):
        converter.register_structure_hook(leaf, _strictly(leaf, kinds))
    converter.register_unstructure_hook_factory(attrs.has, lambda cls: _writer(cls, converter))
    converter.register_structure_hook_factory(attrs.has, lambda cls: _reader(cls, converter))
    return converter


def _strictly(leaf: type, kinds: type | tuple[type, ...]) -> Callable[[Any, Any], Any]:
    """Take no text for a number and no number for a text; null stands for nothing."""

    def hook(value: Any, _: Any) -> Any:
        if value is None:
            return leaf()
        if not isinstance(value, kinds) or (isinstance(value, bool) and leaf is not bool):
            raise TypeError(f"this is no {leaf.__name__}")
        return leaf(value)

    return hook


def _writer(cls: type, converter: cattrs.Converter) -> Callable[[Any], Payload]:
    names: Any = {
        field.name: override(rename=_camel(field.name), omit_if_default="always" not in field.metadata)
        for field in attrs.fields(cls)
    }
    return make_dict_unstructure_fn(cls, converter, **names)


def _reader(cls: type, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    names: Any = {field.name: override(rename=_camel(field.name)) for field in attrs.fields(cls)}
    return make_dict_structure_fn(cls, converter, **names)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
