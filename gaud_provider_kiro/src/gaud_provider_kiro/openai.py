"""OpenAI's chat request as values: what of it can be said to Kiro, and which members cannot.

Shapes: platform.openai.com/docs/api-reference/chat/create. What is not legal is refused with 400 and named.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn

from gaud_core import Mistake, UpstreamRefused

__all__ = ["Chat", "Function", "Message", "Part", "Thinking", "ToolCall", "dropped_from", "read_chat"]

_SAID = frozenset(
    {"max_completion_tokens", "max_tokens", "messages", "model", "n", "reasoning_effort", "stop", "stream"}
    | {"stream_options", "tool_choice", "tools"}
)
_HARMLESS = frozenset(
    {"metadata", "parallel_tool_calls", "safety_identifier", "service_tier", "store", "user"}
)
_LONGEST_NUMBER = 2**31
_MOST_NAMES = 20


@attrs.frozen
class Part:
    """A piece of a message: a text, or an image by its address."""

    text: str = ""
    image_url: str = ""


@attrs.frozen
class Function:
    """A function: in a tool `description` and `parameters`, in a call `arguments`."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    arguments: str = ""


@attrs.frozen
class ToolCall:
    """A call that an assistant has made."""

    function: Function
    id: str = ""


@attrs.frozen
class Thinking:
    """A block of reasoning with its signature, as an earlier answer has shown it."""

    thinking: str = ""
    signature: str = ""


@attrs.frozen
class Message:
    """One message."""

    role: str
    content: tuple[Part, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    reasoning_content: str = ""
    thinking_blocks: tuple[Thinking, ...] = ()

    @property
    def text(self) -> str:
        """The text of all parts."""
        return "".join(part.text for part in self.content)


@attrs.frozen
class Tool:
    """A tool; other kinds than functions are refused."""

    function: Function


@attrs.frozen
class Chat:
    """A request, without what Kiro has no word for."""

    messages: tuple[Message, ...]
    tools: tuple[Function, ...] = ()
    tool_choice: str = ""
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    reasoning_effort: str = ""


def read_chat(body: Mapping[str, Any]) -> Chat:
    """Read a request; UpstreamRefused with 400 names what is wrong with it."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        _refuse("`messages` must be a list with at least one message.", "messages")
    for name in ("functions", "function_call"):
        if body.get(name):
            _refuse(f"`{name}` is not served by this provider: use `tools`.", name)
    if body.get("n") not in (None, 1):
        _refuse("This provider gives one answer to a call: leave `n` out.", "n")
    return Chat(
        messages=tuple(_read(Message, told, f"messages[{at}]") for at, told in enumerate(messages)),
        tools=tuple(_tool(told, at) for at, told in enumerate(_listed(body.get("tools") or [], "tools"))),
        tool_choice=_choice(body.get("tool_choice")),
        stop=_stop(body.get("stop")),
        max_tokens=_most(body),
        reasoning_effort=_word(body.get("reasoning_effort")),
    )


def dropped_from(body: Mapping[str, Any]) -> list[str]:
    """Name the members of a request that Kiro has no word for, in alphabetical order."""
    said = _SAID | _HARMLESS
    names = {name for name, value in body.items() if name not in said and value is not None}
    if _choice(body.get("tool_choice")) not in ("", "auto", "none"):
        names.add("tool_choice")
    if body.get("parallel_tool_calls") is False:
        names.add("parallel_tool_calls")
    names |= _dropped_within(body)
    shown = (name for name in names if name.isascii() and name.isprintable() and len(name) <= 50)
    return sorted(shown)[:_MOST_NAMES]


def _dropped_within(body: Mapping[str, Any]) -> set[str]:
    """Name what of messages and tools has no counterpart."""
    messages, tools = _objects(body.get("messages")), _objects(body.get("tools"))
    names = {"messages[].name"} if any(message.get("name") for message in messages) else set()
    functions = _objects([tool.get("function") for tool in tools])
    return names | ({"tools[].function.strict"} if any(each.get("strict") for each in functions) else set())


def _objects(told: Any) -> list[Mapping[str, Any]]:
    return [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []


def _choice(told: Any) -> str:
    if isinstance(told, dict):
        return "named"
    return _word(told)


def _word(told: Any) -> str:
    return told.lower() if isinstance(told, str) else ""


def _stop(told: Any) -> tuple[str, ...]:
    texts = [told] if isinstance(told, str) else _listed(told or [], "stop")
    if not all(isinstance(text, str) for text in texts):
        _refuse("`stop` must be a text, or a list of texts.", "stop")
    return tuple(text for text in texts if text)


def _most(body: Mapping[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        told = body.get(name)
        if told is None:
            continue
        if isinstance(told, bool) or not isinstance(told, int) or told < 1:
            _refuse(f"`{name}` must be a whole number, at least 1.", name)
        return min(told, _LONGEST_NUMBER)
    return None


def _tool(told: Any, at: int) -> Function:
    kind = told.get("type", "function") if isinstance(told, dict) else "function"
    if kind != "function":
        _refuse(
            f"`tools[{at}]` is of another type than `function`, which this provider does not serve.", "tools"
        )
    tool: Tool = _read(Tool, told, f"tools[{at}]")
    return tool.function


def _listed(told: Any, name: str) -> list[Any]:
    if not isinstance(told, list):
        _refuse(f"`{name}` must be a list.", name)
    return told


def _read(cls: type[Any], told: Any, where: str) -> Any:
    try:
        return _converter().structure(told, cls)
    except Mistake as wrong:
        _refuse(f"`{where}` {wrong}.", where)
    except cattrs.BaseValidationError as error:
        what = cattrs.transform_error(error, path=where, format_exception=_in_words)[0]
        reason, _, path = what.rpartition(" @ ")
        _refuse(f"`{path}` {reason}.", path)


def _in_words(error: BaseException, kind: type | None) -> str:
    if isinstance(error, KeyError):
        return "is missing"
    return str(error) if isinstance(error, ValueError) else "is not what it should be"


def _refuse(message: str, param: str) -> NoReturn:
    raise UpstreamRefused(message, status=400, code="invalid_request", param=param)


@functools.cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    converter.register_structure_hook(str, lambda told, _: _text(told))
    converter.register_structure_hook(Part, lambda told, _: _part(told))
    hooks: Mapping[Any, Callable[[Any], Any]] = {
        Mapping[str, Any] | None: _object,
        tuple[Part, ...]: lambda told: _parts(converter, told),
        tuple[ToolCall, ...]: lambda told: _many(converter, told, ToolCall),
        tuple[Thinking, ...]: lambda told: _many(converter, told, Thinking),
    }
    for kind, hook in hooks.items():
        converter.register_structure_hook_func(_is(kind), _without_kind(hook))
    read_message = make_dict_structure_fn(Message, converter)
    converter.register_structure_hook(
        Message, lambda told, _: _message(read_message(_is_object(told), Message))
    )
    return converter


def _is(wanted: Any) -> Callable[[Any], bool]:
    return lambda kind: kind == wanted


def _without_kind(hook: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda told, _: hook(told)


def _message(message: Message) -> Message:
    match message.role:
        case "system" | "developer" | "user" | "assistant":
            return message
        case "tool" if message.tool_call_id:
            return message
        case "tool":
            raise Mistake("has no `tool_call_id`")
    raise Mistake("has a `role` that is none of system, developer, user, assistant and tool")


def _text(told: Any) -> str:
    if told is None:
        return ""
    if not isinstance(told, str):
        raise Mistake("must be text")
    return told.encode("utf-8", "replace").decode()  # half a character has no UTF-8


def _object(told: Any) -> Mapping[str, Any] | None:
    return None if told is None else _is_object(told)


def _is_object(told: Any) -> Any:
    if not isinstance(told, dict):
        raise Mistake("must be an object")
    return told


def _parts(converter: cattrs.Converter, told: Any) -> tuple[Part, ...]:
    if isinstance(told, str):
        return (Part(_text(told)),)
    if told is not None and not isinstance(told, list):
        raise Mistake("must be text or a list of parts")
    parts: tuple[Part, ...] = _many(converter, told, Part)
    return parts


def _many(converter: cattrs.Converter, told: Any, cls: type[Any]) -> Any:
    return tuple(converter.structure(told or [], list[cls]))  # type: ignore[valid-type]


def _part(told: Any) -> Part:
    match told:
        case str(text) | {"type": "text" | "input_text" | "output_text", "text": str(text)}:
            return Part(_text(text))
        case {"type": "refusal", "refusal": str(text)}:
            return Part(_text(text))
        case {"type": "image_url", "image_url": {"url": str(url)} | str(url)} if url:
            return Part(image_url=url)
        case {"type": str(kind)}:
            raise Mistake(f"is a part that this provider does not take ({json.dumps(kind[:40])})")
    raise Mistake("must be a part with a `type`")
