"""An upstream's answer on its way to the client: bytes through, usage read in passing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from gaud_core.call import Reply
from gaud_core.errors import ApiError, ProviderError, Unavailable, UpstreamFailed
from gaud_core.gateway.dialects import Dialect, Watch
from gaud_core.gateway.headers import upstream_headers
from gaud_core.gateway.outcome import BrokenAnswer, Outcome, Send, send_end, send_more, send_start
from gaud_core.gateway.sse import EventCutter
from gaud_core.gateway.whole import WHOLE_BYTES, send_checked, too_long

__all__ = ["relay"]

_LAST_WORDS_SECS = 1.0


async def relay(reply: Reply, dialect: Dialect, watch: Watch, send: Send, outcome: Outcome) -> None:
    """Send a reply to the client; raise ProviderError only as long as nothing has been sent."""
    if isinstance(reply.content, bytes):
        await send_checked(reply, reply.content, dialect, send, outcome)
    elif reply.status < 300 and reply.header("content-type").lower().startswith("text/event-stream"):
        await _relay_events(reply, reply.content, dialect, watch, send, outcome)
    else:
        await _relay_whole(reply, reply.content, dialect, send, outcome)


async def _relay_whole(
    reply: Reply, content: AsyncIterator[bytes], dialect: Dialect, send: Send, outcome: Outcome
) -> None:
    """Hold the answer back until it is complete and checked, or too long for that."""
    held: list[bytes] = []
    size = 0
    async for piece in content:
        held.append(piece)
        size += len(piece)
        if size > WHOLE_BYTES and reply.status >= 300:
            raise too_long(reply)
        if size > WHOLE_BYTES:
            await _relay_unread(reply, b"".join(held), content, send, outcome)
            return
    await send_checked(reply, b"".join(held), dialect, send, outcome)


async def _relay_events(
    reply: Reply, content: AsyncIterator[bytes], dialect: Dialect, watch: Watch, send: Send, outcome: Outcome
) -> None:
    """Relay a stream; its first bytes are awaited before the status goes out."""
    first = await anext(content, b"")
    if not first:
        raise UpstreamFailed("The upstream answered with an empty stream.")
    if reply.header("content-encoding", "identity").lower() != "identity":
        await _relay_unread(reply, first, content, send, outcome)
        return
    await send_start(send, reply.status, upstream_headers(reply.headers))
    cutter = EventCutter()
    try:
        await _pass_events(first, content, cutter, watch, send)
        rest = watch.see(cutter.rest())
        _check_end(watch)
        if rest:
            await send_more(send, rest)
    except ProviderError as error:
        outcome.fail(error)
        await _end_broken(error, cutter, dialect, send)
    except asyncio.CancelledError:  # Gaud is being stopped, or the client has left and hears nothing of this
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_SECS):
                await _end_broken(_stopped(), cutter, dialect, send)
        raise
    else:
        if watch.error is not None:
            outcome.fail(watch.error)
        await send_end(send)
    finally:
        outcome.usage = watch.usage


async def _pass_events(
    first: bytes, content: AsyncIterator[bytes], cutter: EventCutter, watch: Watch, send: Send
) -> None:
    if events := watch.see(cutter.feed(first)):
        await send_more(send, events)
    async for piece in content:
        if events := watch.see(cutter.feed(piece)):
            await send_more(send, events)


async def _end_broken(error: ApiError, cutter: EventCutter, dialect: Dialect, send: Send) -> None:
    """Say what happened in an event of its own; what was held back of an unfinished one is dropped."""
    ending = dialect.error_event(error)
    await send_end(send, b"\n\n" + ending if cutter.torn else ending)


def _stopped() -> ApiError:
    return Unavailable("Gaud was stopped in the middle of this answer. Ask again.", code="gateway_stopped")


def _check_end(watch: Watch) -> None:
    if watch.error is None and not watch.complete():
        raise UpstreamFailed(
            "The upstream ended the stream before it was complete.", code="upstream_broke_off"
        )


async def _relay_unread(
    reply: Reply, begun: bytes, content: AsyncIterator[bytes], send: Send, outcome: Outcome
) -> None:
    """Relay what is too long to hold or compressed unasked: not checked, and not mended when it breaks."""
    headers = upstream_headers(reply.headers)
    if length := reply.header("content-length"):
        headers.append(("content-length", length))
    await send_start(send, reply.status, headers)
    await send_more(send, begun)
    try:
        async for piece in content:
            await send_more(send, piece)
    except ProviderError as error:
        outcome.fail(error)
        raise BrokenAnswer from error
    await send_end(send)
