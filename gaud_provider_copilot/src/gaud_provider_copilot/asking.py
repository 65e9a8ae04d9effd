"""Asking GitHub over HTTP: bounded in time and size, and every failure a ProviderError in words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from gaud_core import ProviderError, UpstreamFailed, UpstreamTimeout

if TYPE_CHECKING:
    import httpx

__all__ = ["Answer", "Rest", "get"]

_LONGEST = 8 * 1024 * 1024
_ASK_SECS = 20.0
_REST_SECS, _LONGEST_REST_SECS = 60.0, 3600.0


@attrs.frozen
class Answer:
    """A whole answer; its members may be secrets, so it shows none."""

    status: int
    members: Mapping[str, Any] = attrs.field(repr=False)
    """The JSON object that it is; empty if it is none."""
    text: str = attrs.field(default="", repr=False)
    """What it says instead of an object."""
    retry_after: str = ""


@attrs.define
class Rest:
    """Lets a question that was refused rest: nobody should ask GitHub the same again every few seconds."""

    error: ProviderError | None = None
    until: float = 0.0

    def check(self, now: float) -> None:
        """Raise the last refusal as long as it stands."""
        if self.error is not None and now < self.until <= now + _LONGEST_REST_SECS:
            raise self.error.with_traceback(None)

    def note(self, error: ProviderError, now: float) -> None:
        """Let a refusal stand for a minute, or as long as it wants; a failure of the network does not."""
        if error.http_status < 500:
            self.error = error
            self.until = now + min(max(_REST_SECS, error.retry_after or 0.0), _LONGEST_REST_SECS)


async def get(client: httpx.AsyncClient, url: str, headers: Mapping[str, str]) -> Answer:
    """Read one answer; UpstreamTimeout or UpstreamFailed if none comes, or one that is too long."""
    import httpx  # here, because importing a provider must stay cheap

    host = url.split("/", 3)[2]
    try:
        async with asyncio.timeout(_ASK_SECS), client.stream("GET", url, headers=headers) as answer:
            body = await _body(answer, host)
            return _read(answer.status_code, body, answer.headers.get("retry-after", ""))
    except (TimeoutError, httpx.TimeoutException):
        raise UpstreamTimeout(f"{host} did not answer within {_ASK_SECS:g} s.") from None
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
        raise UpstreamFailed(f"{host} cannot be asked ({type(error).__name__}).") from error


async def _body(answer: httpx.Response, host: str) -> bytes:
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > _LONGEST:
            raise UpstreamFailed(f"The answer of {host} is longer than {_LONGEST >> 20} MB.")
    return bytes(body)


def _read(status: int, body: bytes, retry_after: str) -> Answer:
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        members = None
    if isinstance(members, dict):
        return Answer(status, members, retry_after=retry_after)
    return Answer(status, {}, body[:1000].decode("utf-8", "replace"), retry_after)
