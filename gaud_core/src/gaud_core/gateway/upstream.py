"""The gateway's client: one pool of connections for each provider instance, and its failures in words."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator

import attrs

from gaud_core.call import Reply
from gaud_core.errors import ProviderError, UpstreamFailed, UpstreamTimeout
from gaud_core.gateway.client import Answer, Broken, NoAnswer, NotHTTP, Pool, Sink, Unreachable
from gaud_core.gateway.client.connection import Connection
from gaud_core.gateway.client.request import Address
from gaud_core.gateway.guests.visits import away, ours
from gaud_core.provider import Timeouts, UpstreamRequest

__all__ = ["Pieces", "Upstream"]


@attrs.define
class Upstream:
    """Sends requests for one provider instance; every failure is a ProviderError in words."""

    name: str
    _pool: Pool = attrs.field(factory=Pool)

    async def send(self, request: UpstreamRequest) -> Reply:
        """Send a request and give the answer as soon as its headers are there.

        One that is complete by then has bytes for its content, unless it is a stream of events.
        """
        limits = request.timeouts
        begun = asyncio.get_running_loop().time()
        wait = limits.first_byte if request.stream else min(limits.first_byte, limits.total)
        try:
            answer = await self._begin(request, begun + wait)
        except TimeoutError:
            raise UpstreamTimeout(f"`{self.name}` did not begin to answer within {wait:g} s.") from None
        except (Broken, ValueError) as error:
            raise UpstreamFailed(_sentence(self.name, error)) from error
        headers = answer.pairs()
        if answer.complete and not _is_of_events(headers):
            return Reply(answer.status, headers, answer.taken())
        deadline = None if request.stream else begun + limits.total
        return Reply(
            answer.status, headers, Pieces(self.name, answer, limits, deadline), aclose=answer.aclose
        )

    async def aclose(self) -> None:
        """Close every connection."""
        self._pool.close()

    async def _begin(self, request: UpstreamRequest, deadline: float) -> Answer:
        pool = self._pool
        try:
            address = pool.address(request.url)
            connection = pool.idle(address)
            if connection is None:
                with away():
                    connection = await self._connect(address, request.timeouts.connect, deadline)
        except Unreachable as error:
            raise self._unreachable(error.__cause__) from error
        try:
            answer = pool.send(connection, address, request)
        except ValueError:
            connection.abort()
            raise
        await answer.begun(deadline)
        return answer

    async def _connect(self, address: Address, limit: float, deadline: float) -> Connection:
        """Make a connection within its own limit and that of the call, whichever is shorter."""
        now = asyncio.get_running_loop().time()
        own = now + limit < deadline
        try:
            async with asyncio.timeout_at(min(now + limit, deadline)):
                return await self._pool.connect(address)
        except TimeoutError:
            if not own:
                raise
            failure = UpstreamTimeout(f"`{self.name}` could not be reached within {limit:g} s.")
            failure.unsent = True
            raise failure from None

    def _unreachable(self, cause: BaseException | None) -> UpstreamFailed:
        failure = UpstreamFailed(_why_unreachable(self.name, cause))
        failure.unsent = True
        return failure


@ours
@attrs.define(eq=False)
class Pieces(AsyncIterator[bytes]):
    """An answer's bytes as they come; nothing is decoded.

    The whole of it has until `deadline`, or each piece the limit for silence.
    """

    name: str
    answer: Answer
    limits: Timeouts
    deadline: float | None

    def offer(self, sink: Sink) -> None:
        """Let pieces pass without their reader; where the sink asks for him, he gets an empty one."""
        self.answer.offer(sink, self.limits.idle if self.deadline is None else None)

    async def __anext__(self) -> bytes:
        try:
            piece = await self._next()
        except TimeoutError:
            raise self._stalled() from None
        except Broken as error:
            raise UpstreamFailed(
                f"`{self.name}` broke the connection in the middle of its answer.", code="upstream_broke_off"
            ) from error
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def _next(self) -> bytes | None:
        answer = self.answer
        while not answer.asked:
            if (piece := answer.ready()) is not None:
                return piece or None
            until = self.deadline
            if until is None:
                until = asyncio.get_running_loop().time() + self.limits.idle
            await answer.wait(until)
        answer.asked = False
        return b""

    def _stalled(self) -> ProviderError:
        if self.deadline is None:
            return UpstreamTimeout(f"`{self.name}` sent nothing more for {self.limits.idle:g} s.")
        return UpstreamTimeout(f"`{self.name}` did not finish its answer within {self.limits.total:g} s.")


def _is_of_events(headers: tuple[tuple[str, str], ...]) -> bool:
    """Whether it is to be relayed event by event even if it came in one piece."""
    for name, value in headers:
        if name == "content-type":
            return value.lower().startswith("text/event-stream")
    return False


def _sentence(name: str, error: Exception) -> str:
    """Say what happened in words."""
    if isinstance(error, NoAnswer):
        return f"`{name}` closed the connection without an answer."
    if isinstance(error, NotHTTP):
        return f"`{name}` answered with something that is not HTTP."
    if isinstance(error, Broken):
        return f"`{name}` broke the connection in the middle of its answer."
    return f"`{name}` was not called: a header of the request holds a line break."


def _why_unreachable(name: str, cause: BaseException | None) -> str:
    """Say it in words; addresses stay out of it, because clients read this."""
    if isinstance(cause, ssl.SSLError):  # also an untrusted certificate
        return f"`{name}` offers no TLS connection that Gaud can trust."
    if isinstance(cause, socket.gaierror | UnicodeError):
        return f"`{name}` cannot be reached: its host name does not resolve."
    if isinstance(cause, OSError):
        number = cause.errno
        reason = os.strerror(number).lower() if number and number > 0 else "no connection"
        return f"`{name}` cannot be reached: {reason}."
    return f"`{name}` cannot be reached: its address is not one."
