"""What a request says that Copilot wants said otherwise, or in a header: who began the turn, and images.

Most requests go on byte for byte. The initiator decides whether a call takes a premium request.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import attrs
import msgspec

from gaud_core import Body, Call
from gaud_provider_copilot.catalog import CHAT, RESPONSES

__all__ = ["Ask", "ask_of"]

Rule = Literal["last", "any"]

_IMAGES = frozenset({"image_url", "input_image", "image"})
_REASONING = b'"reasoning_content"'
_REMINDER = "<system-reminder>"
"""How texts begin that programs such as Claude Code put into the user's mouth."""


@attrs.frozen
class Ask:
    """A request as Copilot is to get it. `initiator` is `user` or `agent`."""

    body: Body
    initiator: str
    has_images: bool


class _Said(msgspec.Struct):
    role: Any = None
    content: msgspec.Raw = msgspec.Raw(b"null")


class _Chat(msgspec.Struct):
    messages: list[_Said] = []


class _Responses(msgspec.Struct):
    input: list[_Said] | str = ""


class _Block(msgspec.Struct):
    type: Any = None
    text: Any = None


_chat = msgspec.json.Decoder(_Chat)
_responses = msgspec.json.Decoder(_Responses)
_content = msgspec.json.Decoder(list[_Block] | str)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_messages = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def ask_of(call: Call, rule: Rule, max_completion_tokens_for: Sequence[str]) -> Ask:
    """Shape a call for Copilot."""
    body = call.body
    initiator = _initiator(call.endpoint, body, rule)
    has_images = b"image" in body.raw and _has_images(call.endpoint, body)
    if call.endpoint == CHAT:
        body = _with_reasoning(_with_length(body, max_completion_tokens_for))
    elif call.endpoint == RESPONSES and b'"service_tier"' in body.raw:
        body = body.with_member("service_tier", None)  # Copilot knows none
    elif call.endpoint == "embeddings":
        body = _with_list(body)
    return Ask(body, initiator, has_images)


def _initiator(endpoint: str, body: Body, rule: Rule) -> str:
    """Say `agent` for a turn of a tool loop, so that it is not billed as one that a person began."""
    said = _said(endpoint, body)
    if rule == "any":
        return "agent" if any(_is_agents(endpoint, each) for each in said) else "user"
    return "user" if not said or _is_users(said[-1]) else "agent"


def _said(endpoint: str, body: Body) -> Sequence[_Said]:
    """Give the messages, or none where they have a shape that only the upstream can judge."""
    try:
        if endpoint == RESPONSES:
            asked = _responses.decode(body.raw).input
            return () if isinstance(asked, str) else asked
        return _chat.decode(body.raw).messages
    except (msgspec.DecodeError, RecursionError):
        return _said_slowly(endpoint, body)


def _said_slowly(endpoint: str, body: Body) -> Sequence[_Said]:
    """Read what the fast parser does not take: a lone surrogate somewhere in the text."""
    said = body.json().get("input" if endpoint == RESPONSES else "messages")
    if not isinstance(said, list) or not all(isinstance(each, dict) for each in said):
        return ()
    return [_Said(each.get("role"), msgspec.Raw(json.dumps(each.get("content")).encode())) for each in said]


def _is_users(said: _Said) -> bool:
    return said.role == "user" and not _is_machines(said.content)


def _is_agents(endpoint: str, said: _Said) -> bool:
    if said.role == "user":
        return _is_machines(said.content)
    return said.role in ("assistant", None if endpoint == RESPONSES else "tool")


def _is_machines(content: msgspec.Raw) -> bool:
    """Whether a content holds nothing that a person may have said: results of tools, and reminders beside."""
    try:
        said = _content.decode(content)
    except (msgspec.DecodeError, RecursionError):
        return False  # nothing that is known
    if isinstance(said, str):
        return said.lstrip().startswith(_REMINDER)
    return bool(said) and all(block.type == "tool_result" or _is_reminder(block.text) for block in said)


def _is_reminder(text: Any) -> bool:
    return isinstance(text, str) and text.lstrip().startswith(_REMINDER)


def _has_images(endpoint: str, body: Body) -> bool:
    said = body.json().get("input" if endpoint == RESPONSES else "messages")
    return any(_is_image(part) for part in _parts(said))


def _parts(said: Any) -> Iterable[Any]:
    """Give the parts of all messages, those in the results of tools too."""
    for each in said if isinstance(said, list) else ():
        for key in ("content", "output"):
            inner = each.get(key) if isinstance(each, dict) else None
            for part in inner if isinstance(inner, list) else ():
                yield part
                yield from (
                    part["content"]
                    if isinstance(part, dict) and isinstance(part.get("content"), list)
                    else ()
                )


def _is_image(part: Any) -> bool:
    kind = part.get("type") if isinstance(part, dict) else None
    return isinstance(kind, str) and kind in _IMAGES


def _with_length(body: Body, wanting: Sequence[str]) -> Body:
    """Rename `max_tokens` for models that refuse it."""
    if "max_tokens" not in body.lengths or "max_completion_tokens" in body.lengths:
        return body
    if not any(fnmatch.fnmatchcase(body.model.lower(), glob) for glob in wanting):
        return body
    return body.renamed("max_tokens", "max_completion_tokens")


def _with_reasoning(body: Body) -> Body:
    """Give reasoning back under Copilot's name for it; `reasoning_opaque` has the same name on both sides.

    All other values keep their spelling.
    """
    if _REASONING not in body.raw:
        return body
    try:
        told = _members.decode(body.raw)
        messages = _messages.decode(told["messages"])
    except (KeyError, msgspec.DecodeError, RecursionError):
        return body  # another shape, or half a character: Copilot judges it
    if not any("reasoning_content" in message for message in messages):
        return body
    told["messages"] = msgspec.Raw(msgspec.json.encode([_renamed(message) for message in messages]))
    return Body.parse(msgspec.json.encode(told))


def _renamed(message: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    reasoning = message.pop("reasoning_content", None)
    if reasoning is not None and bytes(reasoning) != b"null":
        message.setdefault("reasoning_text", reasoning)
    return message


def _with_list(body: Body) -> Body:
    """Write the input of embeddings as a list: Copilot takes nothing else."""
    given = body.json().get("input")
    return body.with_member("input", [given]) if isinstance(given, str) else body
