"""Copilot's refusals: passed on where they are OpenAI's, put into words where they are not."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Callable
from typing import Any

import attrs

from gaud_core import ProviderError, Reply, Unavailable, UpstreamFailed, UpstreamRefused
from gaud_provider_copilot.words import sentence

__all__ = ["OLD_CLIENT", "QUOTA", "refusal_or_error"]

QUOTA = "insufficient_quota"
OLD_CLIENT = "client_not_supported"

_LONGEST = 64 * 1024
_LONGEST_WAIT_SECS = 40 * 86400


async def refusal_or_error(reply: Reply, clock: Callable[[], float] = time.time) -> Reply:
    """Give a refusal that OpenAI's clients understand, or raise the ProviderError that says what it is.

    Copilot sends its JSON as text/plain, and some refusals as plain text.
    """
    body = await _beginning(reply)
    error = _error_in(body)
    seconds = _retry_after(reply.header("retry-after"), clock())
    if error is not None and reply.status in {400, 404, 413}:
        return attrs.evolve(reply, headers=(("content-type", "application/json"),), content=body)
    members = error or _object(body)
    words = sentence(members.get("message")) or sentence(body.decode("utf-8", "replace"))
    code = members.get("code")
    raise _error(reply, words, code if isinstance(code, str) else None, seconds)


def _error(reply: Reply, words: str, code: str | None, seconds: int | None) -> ProviderError:
    told = f": {words}" if words else "."
    status = reply.status
    if status == 402:
        return UpstreamRefused(
            f"The Copilot account's quota is used up{told}", status=429, code=QUOTA, retry_after=seconds
        )
    if status == 429:
        limit = sentence(reply.header("x-ratelimit-exceeded"))
        which = f" ({limit})" if limit else ""
        return UpstreamRefused(
            f"Copilot limits this account{which}{told}", status=429, code=code, retry_after=seconds
        )
    if status == 466:
        return UpstreamRefused(f"Copilot does not take this client{told}", status=400, code=OLD_CLIENT)
    if status == 422:
        return UpstreamRefused(f"Copilot's filter refuses this{told}", status=400, code="content_filter")
    if status == 503:
        return Unavailable(f"Copilot answers 503{told}", code=code, retry_after=seconds)
    if status >= 499:
        return UpstreamFailed(f"Copilot answers {status}{told}", code=code, retry_after=seconds)
    return UpstreamRefused(f"Copilot answers {status}{told}", status=status, code=code, retry_after=seconds)


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


def _error_in(body: bytes) -> dict[str, Any] | None:
    error = _object(body).get("error")
    return error if isinstance(error, dict) else None


def _retry_after(told: str, now: float) -> int | None:
    """Read seconds, or a date; None for what is neither."""
    if told.isascii() and told.isdigit() and len(told) < 9:
        return min(int(told), _LONGEST_WAIT_SECS)
    try:
        seconds = email.utils.parsedate_to_datetime(told).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return round(min(max(seconds, 0), _LONGEST_WAIT_SECS))
