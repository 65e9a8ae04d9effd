"""A request of Anthropic's Messages as one of Chat Completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from gaud_core.bridge.base import Dropped, request_json
from gaud_core.bridge.chat.names import Names
from gaud_core.bridge.chat.request import Turns, known_extras, named_schema, user_id
from gaud_core.bridge.messages.content import add_message, parts_of
from gaud_core.bridge.messages.shapes import OutputConfig, Request, Tool, ToolChoice, read_request
from gaud_core.errors import BadRequest, one_line

__all__ = ["Crossed", "to_chat"]

_TIERS = {"auto": "auto", "standard_only": "default"}
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_BUDGETS = ((4_096, "low"), (16_384, "medium"))
_NO_SCHEMA: Mapping[str, Any] = {"type": "object", "properties": {}}


@attrs.frozen
class Crossed:
    """The chat request, the fields that were dropped, and what the way back must know."""

    body: bytes
    dropped: tuple[str, ...]
    stops: tuple[str, ...]
    names: Names


def to_chat(asked: Mapping[str, Any]) -> Crossed:
    """Translate a request."""
    request, dropped, names = read_request(asked), Dropped(), Names()
    chat: dict[str, Any] = {"model": request.model, "messages": _messages(request, names, dropped)}
    chat["max_completion_tokens"] = request.max_tokens
    stops = tuple(request.stop_sequences or ())
    told = {
        "stop": list(stops) or None,
        "stream": request.stream,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "user": _user(request, dropped),
        "service_tier": _tier(request.service_tier, dropped),
        **_tools(request, names, dropped),
        **_effort(request, dropped),
        **_format(request, dropped),
    }
    chat |= {name: value for name, value in told.items() if value is not None}
    carried = known_extras(request.extra)
    dropped.note_all("", {name: value for name, value in request.extra.items() if name not in carried})
    return Crossed(request_json({**carried, **chat}), dropped.told(), stops, names)


def _messages(request: Request, names: Names, dropped: Dropped) -> list[dict[str, Any]]:
    if not request.messages:
        raise BadRequest("`messages` must hold at least one message.", param="messages")
    turns, inside = Turns(), Dropped()
    if request.system:
        turns.system(list(parts_of(request.system, inside)))
    for name in inside.told():
        dropped.note(name.replace("messages.content", "system", 1))
    for message in request.messages:
        add_message(message, turns, names, dropped)
    return turns.done()


def _user(request: Request, dropped: Dropped) -> str | None:
    metadata = request.metadata
    if metadata is None:
        return None
    dropped.note_all("metadata", metadata.extra)
    return user_id(metadata.user_id) if metadata.user_id else None


def _tier(tier: str | None, dropped: Dropped) -> str | None:
    if tier is not None and tier not in _TIERS:
        dropped.note("service_tier")
    return _TIERS.get(tier or "")


def _tools(request: Request, names: Names, dropped: Dropped) -> dict[str, Any]:
    own = [tool for tool in request.tools or () if not _is_foreign(tool, dropped)]
    tools = [_function(tool, names, dropped) for tool in own]
    choice = request.tool_choice
    if choice is None:
        return {"tools": tools or None}
    dropped.note_all("tool_choice", choice.extra)
    wanted = _choice(choice, tools, names)
    if not tools:
        if request.tools:
            dropped.note("tool_choice")
        return {}
    parallel = False if choice.disable_parallel_tool_use else None
    return {"tools": tools, "tool_choice": wanted, "parallel_tool_calls": parallel}


def _is_foreign(tool: Tool, dropped: Dropped) -> bool:
    """Whether a tool is Anthropic's own, which nobody on the other side can run."""
    if tool.type in {None, "custom"}:
        return False
    dropped.note(f"tools[{tool.type}]")
    return True


def _function(tool: Tool, names: Names, dropped: Dropped) -> dict[str, Any]:
    if not tool.name:
        raise BadRequest("A tool lacks its `name`.", param="tools")
    dropped.note_all("tools", tool.extra)
    known = {"description": tool.description, "strict": tool.strict}
    function = {"name": names.there(tool.name), "parameters": tool.input_schema or _NO_SCHEMA}
    return {
        "type": "function",
        "function": function | {name: value for name, value in known.items() if value is not None},
    }


def _choice(choice: ToolChoice, tools: list[dict[str, Any]], names: Names) -> Any:
    wanted = names.there(choice.name or "")
    if choice.type == "tool" and any(tool["function"]["name"] == wanted for tool in tools):
        return {"type": "function", "function": {"name": wanted}}
    if choice.type in {"tool", "any"} and (choice.type == "tool" or not tools):
        asked = f"the tool `{one_line((choice.name or '')[:100])}`" if choice.type == "tool" else "a tool"
        raise BadRequest(
            f"`tool_choice` asks for {asked}, which is not among those that this model's endpoint can take.",
            param="tool_choice",
            code="cannot_cross_bridge",
        )
    if choice.type not in _CHOICES:
        raise BadRequest(
            f"`tool_choice` has an unknown type `{one_line(choice.type[:50])}`.", param="tool_choice"
        )
    return _CHOICES[choice.type]


def _effort(request: Request, dropped: Dropped) -> dict[str, Any]:
    """Give the effort that was asked for; a budget becomes the effort that comes nearest."""
    config, thinking = request.output_config, request.thinking
    effort = config.effort if config else None
    if thinking is not None:
        dropped.note_all("thinking", thinking.extra)
        if thinking.type not in {"enabled", "disabled", "adaptive"}:
            dropped.note("thinking.type")
        elif effort is None and thinking.type == "enabled":
            budget = thinking.budget_tokens or 0
            effort = next((word for limit, word in _BUDGETS if budget < limit), "high")
    return {"reasoning_effort": effort}


def _format(request: Request, dropped: Dropped) -> dict[str, Any]:
    """Ask for JSON of a schema; `output_format` is the older place for it."""
    config = request.output_config or OutputConfig()
    dropped.note_all("output_config", config.extra)
    wanted = config.format or request.output_format
    if wanted is None:
        return {}
    dropped.note_all("output_config.format", wanted.extra)
    if wanted.type != "json_schema":
        raise BadRequest(
            f"`output_config.format` has an unknown type `{one_line(wanted.type[:50])}`.",
            param="output_config.format",
        )
    return {"response_format": named_schema("answer", wanted.schema, strict=True)}
