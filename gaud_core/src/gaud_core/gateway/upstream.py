"""The gateway's client: one pool of connections for each provider instance.

aiohttp, because httpx's own transport scans every connection of its pool for every request (design §9).
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import attrs
from yarl import URL

from gaud_core.call import Reply
from gaud_core.errors import ProviderError, UpstreamFailed, UpstreamTimeout
from gaud_core.gateway.visits import away
from gaud_core.provider import Timeouts, UpstreamRequest

__all__ = ["Upstream"]

# Servers such as uvicorn close idle connections after 5 s. A call must not be sent into a connection
# that is about to close, because a POST cannot be repeated safely (RFC 9110 §9.2.2).
_KEEP_IDLE_SECS = 4.0
_MAX_HEADER_BYTES = 64 * 1024
_UNWANTED = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
_MISHAPS = (aiohttp.ClientError, OSError, ValueError, asyncio.IncompleteReadError)


@attrs.define
class Upstream:
    """Sends requests for one provider instance; every failure is a ProviderError in words."""

    name: str
    _session: aiohttp.ClientSession | None = None

    async def send(self, request: UpstreamRequest) -> Reply:
        """Send a request and give the answer as soon as its headers are there."""
        limits = request.timeouts
        deadline = None if request.stream else asyncio.get_running_loop().time() + limits.total
        wait = limits.first_byte if request.stream else min(limits.first_byte, limits.total)
        try:
            async with asyncio.timeout(wait):
                with away():
                    answer = await self._request(request)
        except TimeoutError as error:
            raise self._late(error, limits.connect, wait) from None
        except _MISHAPS as error:
            failure = UpstreamFailed(_sentence(self.name, error))
            failure.unsent = isinstance(error, aiohttp.ClientConnectorError)
            raise failure from error
        headers = tuple((name.lower(), value) for name, value in answer.headers.items())
        pieces = self._pieces(answer, limits, deadline)
        return Reply(answer.status, headers, pieces, aclose=_closer(answer))

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _request(self, request: UpstreamRequest) -> aiohttp.ClientResponse:
        limits = request.timeouts
        return await self._open().request(
            request.method,
            URL(request.url, encoded=True),
            data=request.body,
            headers=request.headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect, sock_read=None),
            allow_redirects=False,
        )

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_IDLE_SECS),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_UNWANTED,
                auto_decompress=False,
                max_line_size=_MAX_HEADER_BYTES,
                max_field_size=_MAX_HEADER_BYTES,
            )
        return self._session

    async def _pieces(
        self, answer: aiohttp.ClientResponse, limits: Timeouts, deadline: float | None
    ) -> AsyncIterator[bytes]:
        """Give the answer's bytes as they come; nothing is decoded."""
        clock = asyncio.get_running_loop().time
        content = answer.content
        try:
            while True:
                until = clock() + limits.idle if deadline is None else deadline
                async with asyncio.timeout_at(until):
                    piece = await content.readany()
                if not piece:
                    return
                yield piece
        except TimeoutError:
            raise self._stalled(limits, whole=deadline is not None) from None
        except _MISHAPS as error:
            raise UpstreamFailed(
                f"`{self.name}` broke the connection in the middle of its answer.", code="upstream_broke_off"
            ) from error

    def _late(self, error: TimeoutError, connect: float, wait: float) -> UpstreamTimeout:
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            failure = UpstreamTimeout(f"`{self.name}` could not be reached within {connect:g} s.")
            failure.unsent = True
            return failure
        return UpstreamTimeout(f"`{self.name}` did not begin to answer within {wait:g} s.")

    def _stalled(self, limits: Timeouts, *, whole: bool) -> ProviderError:
        if whole:
            return UpstreamTimeout(f"`{self.name}` did not finish its answer within {limits.total:g} s.")
        return UpstreamTimeout(f"`{self.name}` sent nothing more for {limits.idle:g} s.")


def _closer(answer: aiohttp.ClientResponse) -> Callable[[], Awaitable[None]]:
    async def close() -> None:
        answer.close()  # a connection whose answer was read to its end is back in the pool already

    return close


def _sentence(name: str, error: BaseException) -> str:
    """Say what happened in words; addresses stay out of it, because clients read this."""
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):  # also an untrusted certificate
        return f"`{name}` offers no TLS connection that Gaud can trust."
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"`{name}` cannot be reached: its host name does not resolve."
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        reason = os.strerror(number).lower() if number and number > 0 else "no connection"
        return f"`{name}` cannot be reached: {reason}."
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionError | aiohttp.ClientOSError):
        return f"`{name}` closed the connection without an answer."
    return f"`{name}` answered with something that is not HTTP."
