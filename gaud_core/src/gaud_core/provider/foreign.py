"""For upstreams that speak something else: messages as text, and the upstream's answer as objects."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, cast

from gaud_core.call import Call, Reply
from gaud_core.errors import (
    ProviderError,
    Unavailable,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
    one_line,
)

__all__ = ["messages_of", "objects_of", "refusal_of"]

_LONGEST_LINE = 1024 * 1024
_LONGEST_REFUSAL = 64 * 1024
_EXCERPT = 300
_FAILURES: dict[int, type[ProviderError]] = {503: Unavailable, 504: UpstreamTimeout}


def messages_of(call: Call) -> list[tuple[str, str]]:
    """Give the role and the text of each message, in order; UpstreamRefused if there are none or odd ones.

    A content that is a list of parts is the text of its parts. A part of another kind, such as an image, is
    refused: an answer that overlooks it would be a guess.
    """
    messages = call.body.json().get("messages")
    if not isinstance(messages, list) or not messages:
        raise UpstreamRefused("`messages` must be a list with at least one message.", status=400)
    return [_message(message, at) for at, message in enumerate(messages)]


async def objects_of(reply: Reply) -> AsyncIterator[dict[str, Any]]:
    """Give the JSON objects of an answer, one a line or one an event's `data:`; UpstreamFailed for all else.

    Empty lines, comments, other fields of events and `[DONE]` are passed over.
    """
    async for line in _lines(reply):
        data = line.strip()
        if data.startswith(b"data:"):
            data = data[5:].strip()
        elif data.startswith((b":", b"event:", b"id:", b"retry:")):
            continue
        if data and data != b"[DONE]":
            yield _object(data)


async def refusal_of(reply: Reply) -> ProviderError:
    """Give the error for an answer that is none: with the upstream's status, words and retry-after."""
    words = _words(await _beginning(reply))
    message = f"The upstream answered {reply.status}" + (f": {words}" if words else ".")
    after = reply.header("retry-after")
    seconds = int(after) if after.isascii() and after.isdigit() and len(after) < 9 else None
    if 400 <= reply.status < 500:
        return UpstreamRefused(message, status=reply.status, retry_after=seconds)
    return _FAILURES.get(reply.status, UpstreamFailed)(message, retry_after=seconds)


def _message(message: Any, at: int) -> tuple[str, str]:
    match message:
        case {"role": str(role), "content": str(text)}:
            return role, text
        case {"role": str(role), "content": [*parts]}:
            return role, "".join(_text(part, at) for part in parts)
        case {"role": str(role), "content": None, "tool_calls": _}:
            return role, ""
    raise UpstreamRefused(f"`messages[{at}]` must have a `role` and a `content` that is text.", status=400)


def _text(part: Any, at: int) -> str:
    match part:
        case {"text": str(text)} | str(text):
            return text
        case {"type": "refusal", "refusal": str(text)}:
            return text
        case {"type": str(kind)}:
            what = f"a part of the type `{one_line(kind[:50])}`"
            raise UpstreamRefused(f"`messages[{at}]` holds {what}; this provider takes text.", status=400)
    raise UpstreamRefused(f"`messages[{at}]` holds a part without a `type`.", status=400)


async def _lines(reply: Reply) -> AsyncIterator[bytes]:
    """Give whole lines, so that none ends inside a character."""
    held = b""
    async for piece in _pieces(reply):
        *whole, held = (held + piece).split(b"\n") if b"\n" in piece else (held + piece,)
        for line in whole:
            yield line
        if len(held) > _LONGEST_LINE:
            raise UpstreamFailed(f"The upstream answered with a line of more than {_LONGEST_LINE} bytes.")
    yield held


async def _pieces(reply: Reply) -> AsyncIterator[bytes]:
    if isinstance(reply.content, bytes):
        yield reply.content
        return
    async for piece in reply.content:
        yield piece


async def _beginning(reply: Reply) -> bytes:
    begun = b""
    async for piece in _pieces(reply):
        begun += piece
        if len(begun) > _LONGEST_REFUSAL:
            break
    return begun


def _object(data: bytes) -> dict[str, Any]:
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise UpstreamFailed("The upstream answered with something that is no JSON object.")
    return cast("dict[str, Any]", told)


def _words(body: bytes) -> str:
    """What an error answer says, whichever shape it has; nothing for a page of HTML."""
    text = body.decode("utf-8", "replace")
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return "" if text.lstrip().startswith("<") else one_line(text[:_EXCERPT]).strip()
    for key in ("error", "message", "detail"):
        while isinstance(told, dict) and key in told:
            told = told[key]
    return one_line(told if isinstance(told, str) else json.dumps(told))[:_EXCERPT]
