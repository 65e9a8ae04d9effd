"""A request of OpenAI's Responses as one of Chat Completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from gaud_core.bridge.base import Dropped, request_json
from gaud_core.bridge.chat.names import Names
from gaud_core.bridge.chat.request import Turns, known_extras, named_schema, text_part, user_id
from gaud_core.bridge.responses.items import add_item, cannot_cross
from gaud_core.bridge.responses.shapes import Format, MoreTools, Request, read_request
from gaud_core.bridge.responses.tools import choice_of, tools_of
from gaud_core.bridge.shapes import Unknown
from gaud_core.errors import BadRequest, one_line

__all__ = ["Crossed", "to_chat"]

_ENCRYPTED = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"
_REMEMBERED = {
    "previous_response_id": "Send the earlier items in `input`.",
    "conversation": "Send the earlier items in `input`.",
    "prompt": "Send the prompt itself in `instructions` or `input`.",
}


@attrs.frozen
class Crossed:
    """The chat request, the fields that were dropped, and the tools' names on the way back."""

    body: bytes
    dropped: tuple[str, ...]
    names: Names


def to_chat(asked: Mapping[str, Any]) -> Crossed:
    """Translate a request."""
    request, dropped, names = read_request(asked), Dropped(), Names()
    _refuse_memory(request)
    tools = [*(request.tools or ()), *_more_tools(request)]
    there = tools_of(tools, names, dropped)
    choice = choice_of(request.tool_choice, there, names, dropped)
    told = {
        "max_completion_tokens": request.max_output_tokens,
        "stream": request.stream,
        "stream_options": request.stream_options or None,
        "tools": there or None,
        "tool_choice": choice,
        "parallel_tool_calls": request.parallel_tool_calls if there else None,
        "metadata": request.metadata or None,
        "user": user_id(request.user) if request.user else None,
        **_text(request, dropped),
        **_logprobs(request, dropped),
    }
    if request.reasoning is not None:
        told["reasoning_effort"] = request.reasoning.effort
        dropped.note_all("reasoning", request.reasoning.extra)
    _note_the_rest(request, dropped)
    chat = {"model": request.model, "messages": _messages(request, names, dropped)}
    chat |= known_extras(request.extra) | {name: value for name, value in told.items() if value is not None}
    return Crossed(request_json(chat), dropped.told(), names)


def _refuse_memory(request: Request) -> None:
    """Refuse what only an upstream with a memory can understand: without it the answer would be another."""
    for name, cure in _REMEMBERED.items():
        if getattr(request, name) is not None:
            raise BadRequest(
                f"`{name}` needs an upstream that remembers, and this model is served on chat/completions, "
                f"which does not. {cure}",
                param=name,
                code="cannot_cross_bridge",
            )
    if request.background:
        raise BadRequest(
            "`background` needs an upstream that remembers, and this model is served on chat/completions, "
            "which does not. Leave it out, and wait for the answer or stream it.",
            param="background",
            code="cannot_cross_bridge",
        )


def _more_tools(request: Request) -> list[Any]:
    return [tool for item in request.input if isinstance(item, MoreTools) for tool in item.tools]


def _messages(request: Request, names: Names, dropped: Dropped) -> list[dict[str, Any]]:
    turns = Turns()
    if request.instructions:
        turns.system([text_part(request.instructions)])
    for item in request.input:
        if isinstance(item, Unknown):
            if reason := cannot_cross(item.type):
                raise reason
            dropped.note(f"input[{item.type}]")
        else:
            add_item(item, turns, names, dropped)
    messages = turns.done()
    if not messages:
        raise BadRequest("`input` must say something.", param="input")
    return messages


def _text(request: Request, dropped: Dropped) -> dict[str, Any]:
    config = request.text
    if config is None:
        return {}
    dropped.note_all("text", config.extra)
    return {"verbosity": config.verbosity, "response_format": _format(config.format, dropped)}


def _format(wanted: Format | None, dropped: Dropped) -> dict[str, Any] | None:
    if wanted is None or wanted.type == "text":
        return None
    dropped.note_all("text.format", wanted.extra)
    if wanted.type == "json_object":
        return {"type": "json_object"}
    if wanted.type != "json_schema" or not wanted.name or wanted.schema is None:
        raise BadRequest(
            "`text.format` must be `text`, `json_object`, or `json_schema` with a `name` and a `schema`.",
            param="text.format",
        )
    known = {"description": wanted.description, "strict": wanted.strict}
    return named_schema(
        wanted.name, wanted.schema, **{name: value for name, value in known.items() if value is not None}
    )


def _logprobs(request: Request, dropped: Dropped) -> dict[str, Any]:
    for name in request.include or ():
        if name not in {_ENCRYPTED, _LOGPROBS}:
            dropped.note(f"include[{one_line(name)}]")
    wanted = _LOGPROBS in (request.include or ()) or bool(request.top_logprobs)
    return {"logprobs": True, "top_logprobs": request.top_logprobs} if wanted else {}


def _note_the_rest(request: Request, dropped: Dropped) -> None:
    """Note what has no place in a chat: that an answer is to be kept, above all."""
    carried = known_extras(request.extra)
    dropped.note_all("", {name: value for name, value in request.extra.items() if name not in carried})
    dropped.note("store", request.store or None)
    dropped.note("truncation", None if request.truncation == "disabled" else request.truncation)
