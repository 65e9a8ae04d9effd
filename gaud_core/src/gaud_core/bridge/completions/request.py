"""A request of Chat Completions as one of Responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gaud_core.bridge.base import Dropped, request_json
from gaud_core.bridge.completions.items import Items
from gaud_core.bridge.completions.shapes import Request, Tool, read_request
from gaud_core.errors import BadRequest, one_line

__all__ = ["KNOWN_EXTRAS", "to_responses"]

KNOWN_EXTRAS = frozenset(
    {"temperature", "top_p", "metadata", "user", "safety_identifier", "service_tier", "moderation"}
    | {"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "truncation", "max_tool_calls"}
)
"""Members that mean in Responses what they say, so that they cross as they are."""


def to_responses(asked: Mapping[str, Any]) -> tuple[bytes, tuple[str, ...]]:
    """Give the request, and the fields that were dropped."""
    request, dropped = read_request(asked), Dropped()
    _refuse(request)
    carried = {name: value for name, value in request.extra.items() if name in KNOWN_EXTRAS}
    dropped.note_all("", {name: value for name, value in request.extra.items() if name not in carried})
    longest = request.max_completion_tokens
    told = {
        **carried,
        "max_output_tokens": request.max_tokens if longest is None else longest,
        "stream": request.stream,
        "stream_options": _stream_options(request, dropped),
        "tools": [_tool(tool, dropped) for tool in request.tools or ()] or None,
        "tool_choice": _choice(request.tool_choice),
        "parallel_tool_calls": request.parallel_tool_calls,
        "reasoning": None if request.reasoning_effort is None else {"effort": request.reasoning_effort},
        "text": _text(request),
        "top_logprobs": request.top_logprobs,
    }
    sent: dict[str, Any] = {"model": request.model, "input": _input(request, dropped)}
    sent |= {name: value for name, value in told.items() if value is not None}
    # nobody asks for a stored answer here, so the reasoning has to come along to be sent back
    logprobs = ["message.output_text.logprobs"] if request.logprobs else []
    sent |= {"store": bool(request.store), "include": ["reasoning.encrypted_content", *logprobs]}
    return request_json(sent), dropped.told()


def _refuse(request: Request) -> None:
    """Refuse what would need another answer than Responses can give."""
    wrong = None
    if request.n is not None and request.n != 1:
        wrong = "n", "asks for more than one answer"
    elif "audio" in (request.modalities or ()):
        wrong = "modalities", "asks for sound"
    elif request.functions is not None or request.function_call is not None:
        wrong = "functions", "is the old way to offer functions; use `tools`"
    if wrong:
        name, what = wrong
        raise BadRequest(
            f"`{name}` {what}, and this model is served on responses, which cannot do that.",
            param=name,
            code="cannot_cross_bridge",
        )


def _input(request: Request, dropped: Dropped) -> list[dict[str, Any]]:
    items = Items(dropped)
    for message in request.messages:
        items.add(message)
    if not items.items:
        raise BadRequest("`messages` must hold at least one message.", param="messages")
    return items.items


def _stream_options(request: Request, dropped: Dropped) -> dict[str, Any] | None:
    """Give what is not about usage, which a response always tells."""
    options = dict(request.stream_options or {})
    options.pop("include_usage", None)
    for name in options.keys() - {"include_obfuscation"}:
        dropped.note(f"stream_options.{name}", options.pop(name))
    return options or None


def _tool(tool: Tool, dropped: Dropped) -> dict[str, Any]:
    dropped.note_all("tools", tool.extra)
    match tool:
        case Tool(type="function", function={"name": str()}):
            return {"type": "function", "parameters": None, "strict": False, **_without_none(tool.function)}
        case Tool(type="custom", custom={"name": str(), **custom}):
            return {"type": "custom", **_without_none(tool.custom), **_format(custom.get("format"))}
    raise BadRequest(f"`tools` holds a tool of the type `{one_line(tool.type[:50])}` without its name.")


def _format(told: Any) -> dict[str, Any]:
    """Give a custom tool's format: Responses put a grammar one level higher."""
    if isinstance(told, dict) and isinstance(told.get("grammar"), dict):
        return {"format": {"type": "grammar", **told["grammar"]}}
    return {}


def _choice(choice: Any) -> Any:
    match choice:
        case None | str():
            return choice
        case {"type": "function" | "custom" as kind, **rest}:
            return {"type": kind, **_named(rest.get(kind))}
        case {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [*tools]}}:
            return {"type": "allowed_tools", "mode": mode, "tools": [_choice(tool) for tool in tools]}
    raise BadRequest("`tool_choice` has the wrong shape.", param="tool_choice")


def _named(told: Any) -> dict[str, Any]:
    if not isinstance(told, dict) or not isinstance(told.get("name"), str):
        raise BadRequest("`tool_choice` lacks a name.", param="tool_choice")
    return {"name": told["name"]}


def _text(request: Request) -> dict[str, Any] | None:
    form: Any = request.response_format
    if form is not None and form.get("type") == "json_schema":
        schema = form.get("json_schema")
        form = {"type": "json_schema", **(schema if isinstance(schema, dict) else {})}
    told = _without_none({"format": form, "verbosity": request.verbosity})
    return told or None


def _without_none(fields: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (fields or {}).items() if value is not None}
