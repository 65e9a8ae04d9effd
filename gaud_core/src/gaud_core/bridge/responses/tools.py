"""The tools of a Responses request as those of Chat Completions, and the names that calls come back with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gaud_core.bridge.base import Dropped
from gaud_core.bridge.chat.names import Names
from gaud_core.bridge.responses.shapes import Tool
from gaud_core.errors import BadRequest, one_line

__all__ = ["choice_of", "tools_of"]

_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}


def tools_of(tools: Iterable[Tool], names: Names, dropped: Dropped) -> list[dict[str, Any]]:
    """Give the tools that can cross, and note the others by their type."""
    there: list[dict[str, Any]] = []
    for tool in tools:
        match tool.type:
            case "function" | "custom":
                there.append(_tool(tool, None, names, dropped))
            case "namespace":
                dropped.note("tools.description", tool.description or None)
                dropped.note_all("tools", tool.extra)
                there += [_tool(one, tool.name, names, dropped) for one in tool.tools or ()]
            case kind:
                dropped.note(f"tools[{kind}]")
    return there


def choice_of(choice: Any, tools: list[dict[str, Any]], names: Names, dropped: Dropped) -> Any:
    """Give `tool_choice`; BadRequest if it asks for a tool that is not there any more."""
    if choice is None or (not tools and choice in ("auto", "none")):
        return None
    match choice:
        case "auto" | "none":
            return choice
        case "required" if tools:
            return choice
        case {"type": "function" | "custom" as kind, "name": str(name)}:
            return _named(kind, name, choice.get("namespace"), tools, names)
        case {"type": "allowed_tools", "mode": mode, "tools": [*allowed]}:
            there = [_allowed(one, tools, names, dropped) for one in allowed]
            kept = [one for one in there if one is not None]
            if not kept and mode == "required":
                raise _not_there("one of the tools that it allows")
            return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": kept}}
        case {"type": str(kind)}:
            raise _not_there(f"a tool of the type `{one_line(kind[:50])}`")
        case "required":
            raise _not_there("a tool")
    raise BadRequest("`tool_choice` has the wrong shape.", param="tool_choice")


def _tool(tool: Tool, namespace: str | None, names: Names, dropped: Dropped) -> dict[str, Any]:
    if not tool.name:
        raise BadRequest("A tool lacks its `name`.", param="tools")
    dropped.note_all("tools", tool.extra)
    name = names.there(tool.name, namespace)
    if tool.type == "custom":
        custom = {"name": name, "description": tool.description, "format": _format(tool.format)}
        return {"type": "custom", "custom": _without_none(custom)}
    function = {
        "name": name,
        "description": tool.description,
        "parameters": tool.parameters or _NO_PARAMETERS,
        "strict": tool.strict,
    }
    return {"type": "function", "function": _without_none(function)}


def _format(told: Mapping[str, Any] | None) -> Any:
    """Give a custom tool's format: a chat puts a grammar one level deeper."""
    if told is None or told.get("type") != "grammar":
        return told
    return {"type": "grammar", "grammar": {key: value for key, value in told.items() if key != "type"}}


def _named(kind: str, name: str, namespace: Any, tools: list[dict[str, Any]], names: Names) -> dict[str, Any]:
    there = names.there(name, namespace if isinstance(namespace, str) else None)
    if not any(tool["type"] == kind and tool[kind]["name"] == there for tool in tools):
        raise _not_there(f"the tool `{one_line(name[:100])}`")
    return {"type": kind, kind: {"name": there}}


def _allowed(one: Any, tools: list[dict[str, Any]], names: Names, dropped: Dropped) -> dict[str, Any] | None:
    match one:
        case {"type": "function" | "custom" as kind, "name": str(name)}:
            return _named(kind, name, one.get("namespace"), tools, names)
        case {"type": str(kind)}:
            dropped.note(f"tool_choice.tools[{kind}]")
            return None
    raise BadRequest("`tool_choice.tools` has the wrong shape.", param="tool_choice")


def _not_there(what: str) -> BadRequest:
    return BadRequest(
        f"`tool_choice` asks for {what}, which is not among those that this model's endpoint can take.",
        param="tool_choice",
        code="cannot_cross_bridge",
    )


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
