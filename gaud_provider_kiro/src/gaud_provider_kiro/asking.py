"""Questions to Kiro that cost nothing: its models, the account's limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gaud_core import Reply, UpstreamFailed, UpstreamTimeout
from gaud_provider_kiro.refusals import error_for, read_refusal

if TYPE_CHECKING:
    import httpx

__all__ = ["get"]

_LONGEST = 8 * 1024 * 1024
_ASK_SECS = 20.0


async def get(
    client: httpx.AsyncClient, url: str, query: Mapping[str, str], headers: Mapping[str, str]
) -> dict[str, Any]:
    """Give the JSON object of an answer; a ProviderError says why there is none."""
    import httpx  # here, because importing a provider must stay cheap

    try:
        async with (
            asyncio.timeout(_ASK_SECS),
            client.stream("GET", url, params=dict(query), headers=dict(headers)) as answer,
        ):
            return await _read(answer.status_code, dict(answer.headers), await _body(answer))
    except (TimeoutError, httpx.TimeoutException):
        raise UpstreamTimeout(f"Kiro did not answer within {_ASK_SECS:g} s.") from None
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
        raise UpstreamFailed(f"Kiro cannot be asked ({type(error).__name__}).") from error


async def _body(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > _LONGEST:
            raise UpstreamFailed(f"Kiro's answer is longer than {_LONGEST >> 20} MB.")
    return bytes(body)


async def _read(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    if status != 200:
        raise error_for(await read_refusal(Reply(status, tuple(headers.items()), body)))
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise UpstreamFailed("Kiro answered with something that is no JSON object.")
    return told
