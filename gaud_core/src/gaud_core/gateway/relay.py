"""An upstream's answer on its way to the client: bytes through, usage read in passing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import attrs

from gaud_core.call import Reply, Usage
from gaud_core.errors import ApiError, BooksClosed, ProviderError, Unavailable, UpstreamFailed
from gaud_core.gateway.delivery import BrokenAnswer, Delivery
from gaud_core.gateway.dialects import Dialect, Watch
from gaud_core.gateway.headers import upstream_headers
from gaud_core.gateway.outcome import Outcome
from gaud_core.gateway.tail import tail_of
from gaud_core.gateway.upstream import Pieces
from gaud_core.gateway.whole import WHOLE_BYTES, send_checked, too_long
from gaud_core.sse import EventCutter

__all__ = ["relay"]

_LAST_WORDS_SECS = 1.0


async def relay(reply: Reply, dialect: Dialect, watch: Watch, delivery: Delivery, outcome: Outcome) -> None:
    """Send a reply to the client; raise ProviderError only as long as nothing has been sent."""
    outcome.status, outcome.cost_usd, outcome.milliunits = reply.status, reply.cost_usd, reply.milliunits
    if isinstance(reply.content, bytes):
        await send_checked(reply, reply.content, dialect, delivery, outcome)
    elif reply.status < 300 and reply.header("content-type").lower().startswith("text/event-stream"):
        await _relay_events(reply, reply.content, watch, delivery, outcome)
    elif dialect.binary and reply.status < 300:
        first = await anext(reply.content, b"")
        await _relay_unread(reply, first, reply.content, dialect, delivery, outcome)
    else:
        await _relay_whole(reply, reply.content, dialect, delivery, outcome)


async def _relay_whole(
    reply: Reply, content: AsyncIterator[bytes], dialect: Dialect, delivery: Delivery, outcome: Outcome
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
            await _relay_unread(reply, b"".join(held), content, dialect, delivery, outcome)
            return
    await send_checked(reply, b"".join(held), dialect, delivery, outcome)


async def _relay_events(
    reply: Reply,
    content: AsyncIterator[bytes],
    watch: Watch,
    delivery: Delivery,
    outcome: Outcome,
) -> None:
    """Relay a stream; its first bytes are awaited before the status goes out."""
    first = await anext(content, b"")
    if not first:
        raise UpstreamFailed("The upstream answered with an empty stream.")
    if reply.header("content-encoding", "identity").lower() != "identity":
        await _relay_unread(reply, first, content, None, delivery, outcome)
        return
    await delivery.start(reply.status, upstream_headers(reply.headers), events=True)
    passing = _Passing(watch, delivery, outcome)
    cutter = passing.cutter
    try:
        if not passing.take(first):
            await passing.catch_up()
        if isinstance(content, Pieces):
            content.offer(passing.take)
        async for piece in content:
            if not passing.take(piece):
                await passing.catch_up()
        await _pass_rest(cutter.rest(), watch, delivery, outcome)
        await delivery.end()
    except (ProviderError, BooksClosed) as error:
        outcome.usage = _counted(watch)
        if isinstance(error, ProviderError):
            outcome.fail(error)
        await _end_broken(error, cutter, watch, delivery)
    except asyncio.CancelledError:  # Gaud is being stopped, or the client has left and hears nothing of this
        outcome.usage = _counted(watch)
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_SECS):
                await _end_broken(_stopped(), cutter, watch, delivery)
        raise


@attrs.define(eq=False)
class _Passing:
    """Whole events of a stream on their way: past the watch, and out at once where nobody need wait."""

    watch: Watch
    delivery: Delivery
    outcome: Outcome
    cutter: EventCutter = attrs.field(factory=EventCutter)
    _at_once: Callable[[bytes], bool] = attrs.field(
        default=attrs.Factory(lambda own: own.delivery.at_once, takes_self=True)
    )
    _late: bytes = b""
    """What is for the client, but not before the books or the client himself are ready."""

    def take(self, piece: bytes) -> bool:
        """Take a piece; False if the next must not come before what is late has gone."""
        watch = self.watch
        shown = watch.see(self.cutter.feed(piece)) if piece else b""
        if watch.made:
            self.outcome.has_made(watch.made)
        if watch.last:
            _conclude(watch, self.outcome)
        if shown and (watch.last or not self._at_once(shown)):
            self._late += shown
        return not self._late

    async def catch_up(self) -> None:
        """Send what is late."""
        late, self._late = self._late, b""
        await self.delivery.more(late, last=self.watch.last)


async def _pass_rest(rest: bytes, watch: Watch, delivery: Delivery, outcome: Outcome) -> None:
    """Send what the upstream left without an empty line behind it, if the stream is complete."""
    shown = watch.see(rest)
    outcome.has_made(watch.made)
    _conclude(watch, outcome)
    if watch.error is None and not watch.complete():
        outcome.answered = False
        raise UpstreamFailed(
            "The upstream ended the stream before it was complete.", code="upstream_broke_off"
        )
    if shown:
        await delivery.more(shown, last=True)


def _counted(watch: Watch) -> Usage | None:
    """Give the usage of a stream that broke: what was told before the end is less than the call has used."""
    return watch.usage if watch.complete() else None


def _conclude(watch: Watch, outcome: Outcome) -> None:
    outcome.usage, outcome.answered = watch.usage, True
    if watch.error is not None and outcome.error is None:
        outcome.fail(watch.error)


async def _end_broken(error: ApiError, cutter: EventCutter, watch: Watch, delivery: Delivery) -> None:
    """Say what happened in an event of its own; what was held back of an unfinished one is dropped."""
    known = error.last_words if isinstance(error, ProviderError) else None
    ending = known if known is not None else watch.error_event(error)
    await delivery.end_broken(b"\n\n" + ending if cutter.torn else ending)


def _stopped() -> ApiError:
    return Unavailable("Gaud was stopped in the middle of this answer. Ask again.", code="gateway_stopped")


async def _relay_unread(
    reply: Reply,
    begun: bytes,
    content: AsyncIterator[bytes],
    dialect: Dialect | None,
    delivery: Delivery,
    outcome: Outcome,
) -> None:
    """Relay what is too long to hold, a file, or compressed unasked: not checked, nor mended when it breaks.

    Of JSON in a known dialect the usage is read at its end. One piece is held back until the call is booked,
    so that the end of the answer is not out before.
    """
    tail = tail_of(reply) if dialect else None
    headers = upstream_headers(reply.headers)
    length = reply.header("content-length")
    if length:
        headers.append(("content-length", length))
    await delivery.start(reply.status, headers)
    held = begun
    try:
        async for piece in content:
            await delivery.more(held)
            if tail:
                tail.see(held)
            held = piece
    except ProviderError as error:
        await delivery.more(held)
        outcome.fail(error)
        raise BrokenAnswer from error
    outcome.answered = True
    if tail and dialect:
        tail.see(held)
        outcome.usage = dialect.usage(tail.usage())
    try:
        await delivery.end(held)
    except BooksClosed as error:  # too late for a 503
        raise BrokenAnswer from error
