"""Asking LiteLLM over HTTP: bounded in time and size, and every failure a ProviderError in words."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from gaud_core import ProviderError, Unavailable, UpstreamFailed, UpstreamRefused, UpstreamTimeout

if TYPE_CHECKING:
    import httpx

__all__ = ["Answer", "Number", "get", "get_json"]

_LONGEST = 32 * 1024 * 1024  # /model/info takes 4 KB for each model
_ASK_SECS = 30.0
_PASSED_ON = frozenset({400, 401, 403, 404, 429})


class Number(str):
    """A JSON number as it was spelled: exact, and of any length."""

    __slots__ = ()


@attrs.frozen
class Answer:
    """A whole answer."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The decoded body, numbers as Number; None if it is no JSON."""
        try:
            return json.loads(self.body, parse_float=Number, parse_int=Number)
        except (ValueError, RecursionError):
            return None


async def get(
    client: httpx.AsyncClient, url: str, headers: Mapping[str, str], *, seconds: float = _ASK_SECS
) -> Answer:
    """Read one answer; UpstreamTimeout or UpstreamFailed if none comes, or one that is too long."""
    import httpx  # here, because importing a provider must stay cheap

    try:
        async with (
            asyncio.timeout(seconds),
            client.stream("GET", url, headers=headers, timeout=seconds) as answer,
        ):
            return Answer(answer.status_code, await _body(answer, url))
    except (TimeoutError, httpx.TimeoutException):
        raise UpstreamTimeout(f"LiteLLM did not answer at {url} within {seconds:g} s.") from None
    except httpx.ConnectError as error:
        raise UpstreamFailed(f"nothing answers at {_origin(url)} ({_reason(error)}).") from error
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
        raise UpstreamFailed(f"LiteLLM gave no whole answer at {url} ({type(error).__name__}).") from error


async def get_json(client: httpx.AsyncClient, url: str, headers: Mapping[str, str]) -> Any:
    """Read one answer and decode it; any status but 200, and anything but JSON, is a ProviderError."""
    answer = await get(client, url, headers)
    if answer.status != 200:
        raise _refusal(answer, url)
    decoded = answer.json()
    if decoded is None:
        raise UpstreamFailed(f"what {url} answers is not JSON: is a LiteLLM there?")
    return decoded


async def _body(answer: httpx.Response, url: str) -> bytes:
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > _LONGEST:
            raise UpstreamFailed(f"LiteLLM's answer at {url} is longer than {_LONGEST // 2**20} MB.")
    return bytes(body)


def _refusal(answer: Answer, url: str) -> ProviderError:
    decoded = answer.json()
    error = decoded.get("error") if isinstance(decoded, dict) else None
    error = error if isinstance(error, dict) else {}
    said = str(error.get("message") or "")[:200]
    message = f"LiteLLM answers {answer.status} at {url}" + (f": {said}" if said else ".")
    code = str(error.get("type") or "") or None  # its `code` only repeats the status
    if answer.status in _PASSED_ON:
        return UpstreamRefused(message, status=answer.status, code=code)
    if answer.status == 503:
        return Unavailable(message, code=code)
    return ProviderError(message, status=answer.status if answer.status >= 500 else 502, code=code)


def _origin(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])


def _reason(error: BaseException) -> str:
    """The cause that people know, which lies below several layers of clients."""
    for cause in _causes(error):
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
        if isinstance(cause, socket.gaierror):
            return "its host name is unknown"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "its TLS certificate cannot be trusted"
        if isinstance(cause, ssl.SSLError):
            return "it does not speak TLS"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
    return "no connection"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            yield from error.exceptions
        error = error.__cause__ or error.__context__
