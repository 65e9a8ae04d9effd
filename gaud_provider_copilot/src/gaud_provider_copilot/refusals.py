"""Copilot's refusals: passed on where they are OpenAI's, put into words where they are not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from gaud_core import ProviderError, Reply, UpstreamFailed, UpstreamRefused, replace
from gaud_provider_copilot.words import retry_seconds, sentence

__all__ = ["OLD_CLIENT", "QUOTA", "RATE_LIMITED", "refusal_or_error"]

QUOTA = "insufficient_quota"
OLD_CLIENT = "client_not_supported"
RATE_LIMITED = "copilot_rate_limited"

_LONGEST = 64 * 1024
_OPENAIS = frozenset({400, 404, 413})
_FAILED = {
    408: "Copilot has cancelled the call",
    424: "Something that Copilot needs has failed",
    499: "Copilot has cancelled the call",
}


async def refusal_or_error(
    reply: Reply, clock: Callable[[], float] = time.time, *, as_openai: bool = True
) -> Reply:
    """Give a refusal that OpenAI's clients understand, or raise the ProviderError that says what it is.

    Copilot sends its JSON as text/plain, and some refusals as plain text. Without `as_openai` it always
    raises, because the client expects an error of another shape.
    """
    body = await _beginning(reply)
    told = _object(body)
    error = told.get("error")
    if isinstance(error, dict) and reply.status in _OPENAIS and as_openai:
        return replace(reply, headers=(("content-type", "application/json"),), content=body)
    members: Mapping[str, Any] = error if isinstance(error, dict) else told
    words = sentence(members.get("message")) or sentence(error) or sentence(body.decode("utf-8", "replace"))
    code = members.get("code")
    seconds = retry_seconds(reply.header("retry-after"), clock())
    raise _error(reply, words, code if isinstance(code, str) else None, seconds)


def _error(reply: Reply, words: str, code: str | None, seconds: int | None) -> ProviderError:
    told = f": {words}" if words else "."
    match reply.status:
        case 402:
            message, status, code = "The Copilot account's quota is used up", 429, QUOTA
        case 422:
            message, status, code = "Copilot's filter refuses this", 400, "content_filter"
        case 429:
            limit = sentence(reply.header("x-ratelimit-exceeded"))
            message = f"Copilot limits this account ({limit})" if limit else "Copilot limits this account"
            status, code = 429, code or RATE_LIMITED
        case 466:
            message, status, code = "Copilot does not take this client", 400, OLD_CLIENT
        case 503:  # whoever runs the model limits Copilot; the other models are as well as before
            message, status, code = "The model behind Copilot is overloaded", 429, code or RATE_LIMITED
        case status if status in _FAILED or status >= 500:
            what = _FAILED.get(status, f"Copilot answers {status}")
            return UpstreamFailed(f"{what}{told}", code=code, retry_after=seconds)
        case status:
            message = f"Copilot answers {status}"
    return UpstreamRefused(f"{message}{told}", status=status, code=code, retry_after=seconds)


async def _beginning(reply: Reply) -> bytes:
    if isinstance(reply.content, bytes):
        return reply.content[:_LONGEST]
    body = b""
    async for piece in reply.content:
        body += piece
        if len(body) > _LONGEST:
            break
    return body[:_LONGEST]


def _object(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
