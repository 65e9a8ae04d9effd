"""One call, timed: to the gateway, or to any upstream that speaks chat completions."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import attrs

from gaud_core.call import Reply
from gaud_core.cli.measure.plan import Plan
from gaud_core.cli.measure.tally import Failure, Sample
from gaud_core.cli.measure.timing import server_timing
from gaud_core.cli.reach import message_of
from gaud_core.errors import ProviderError, UpstreamTimeout, one_line
from gaud_core.provider import Timeouts, UpstreamRequest
from gaud_core.settings import Secret
from gaud_core.settings.words import hidden
from gaud_core.sse import EventCutter, data_of, events_in

__all__ = ["Target"]

_LONGEST = 4 * 1024 * 1024
_PATIENCE = Timeouts(first_byte=600, idle=600, total=600)
"""Longer than Gaud's own limits usually are: its words for what took too long say more."""
_OTHER_LIMIT = "max_completion_tokens"
_DONE = b"[DONE]"


@attrs.define(eq=False)
class Target:
    """Where the calls go; `url` is the base address, to which `/chat/completions` is added.

    `send` is the client of the gateway itself: it costs little, so little of what is measured is its own.
    """

    name: str
    url: str
    model: str
    key: Secret | None
    plan: Plan
    send: Callable[[UpstreamRequest], Awaitable[Reply]]
    secrets: tuple[Secret, ...] = ()
    """What no message may show: some upstreams repeat what they refuse."""
    clock: Callable[[], float] = time.perf_counter
    _limit: str = "max_tokens"

    async def warm_up(self) -> Sample:
        """Make the first call, which does not count: it opens a connection, and shows whether all is well.

        OpenAI's reasoning models refuse `max_tokens`, and others do not know their word for it.
        """
        sample = await self.call(0)
        if sample.failure and sample.failure.kind == "400" and _OTHER_LIMIT in sample.failure.message:
            self._limit = _OTHER_LIMIT
            sample = await self.call(0)
        return sample

    async def call(self, number: int) -> Sample:
        """Make a call and read its answer to the end; what goes wrong is in the sample."""
        body = self.plan.body(number, self.model, self._limit)
        url = f"{self.url}/chat/completions"
        request = UpstreamRequest(url, self._headers(), body, stream=self.plan.stream, timeouts=_PATIENCE)
        reading = _Reading(self.clock, stream=self.plan.stream)
        try:
            await reading.read(self.send, request)
        except ProviderError as error:
            reading.fail(_kind(error), error.message)
        return reading.sample(lambda text: hidden(text, self.secrets))

    def _headers(self) -> dict[str, str]:
        key = {"authorization": f"Bearer {self.key.reveal()}"} if self.key else {}
        return {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "gaud"} | key


def _kind(error: ProviderError) -> str:
    if isinstance(error, UpstreamTimeout):
        return "timeout"
    return "broken off" if error.error_code == "upstream_broke_off" else "no answer"


@attrs.define(eq=False)
class _Reading:
    """An answer while it is read. Of a stream nothing is kept but when its chunks came."""

    clock: Callable[[], float]
    stream: bool
    failure: Failure | None = None
    parts: dict[str, float] = attrs.field(factory=dict)
    chunks: int = 0
    done: bool = False
    gap: float = 0.0
    _begun: float = 0.0
    _head: float = 0.0
    _first: float = 0.0
    _last: float = 0.0
    _ended: float = 0.0

    async def read(
        self, send: Callable[[UpstreamRequest], Awaitable[Reply]], request: UpstreamRequest
    ) -> None:
        """Send the request and read the answer."""
        self._begun = self._head = self._ended = self.clock()
        reply = await send(request)
        try:
            self._head = self._ended = self.clock()
            timing = [value for name, value in reply.headers if name == "server-timing"]
            self.parts = server_timing(", ".join(timing))
            if isinstance(reply.content, bytes):
                self._judge(reply.status, reply.content)
            elif reply.status == 200 and self.stream and _is_stream(reply):
                await self._read_stream(reply.content)
            else:
                await self._read_whole(reply.status, reply.content)
        finally:
            await reply.aclose()

    def fail(self, kind: str, message: str) -> None:
        """Note what was wrong; only the first counts."""
        self._ended = self.clock()
        self.failure = self.failure or Failure(kind, message)

    def sample(self, masked: Callable[[str], str]) -> Sample:
        """Give what is kept of it."""
        failure = self.failure
        if failure is not None:
            failure = Failure(failure.kind, masked(one_line(failure.message))[:300])
        paced = self.chunks > 1
        return Sample(
            total_ms=self._millis(self._ended),
            head_ms=self._millis(self._head),
            failure=failure,
            parts=self.parts,
            first_ms=self._millis(self._first) if self.chunks else None,
            pace_ms=1000 * (self._last - self._first) / (self.chunks - 1) if paced else None,
            gap_ms=1000 * self.gap if paced else None,
        )

    def _millis(self, moment: float) -> float:
        return 1000 * (moment - self._begun)

    async def _read_whole(self, status: int, content: AsyncIterator[bytes]) -> None:
        body = b""
        async for piece in content:
            body += piece
            if len(body) > _LONGEST:
                self.fail("too long", f"An answer of more than {_LONGEST} bytes.")
                return
        self._ended = self.clock()
        self._judge(status, body)

    def _judge(self, status: int, body: bytes) -> None:
        """Look at a whole answer, after the clock has been stopped."""
        found = _json(body)
        if status != 200:
            self.fail(str(status), message_of(found))
        elif self.stream:
            self.fail("no stream", "A stream was asked for, and the answer is none.")
        elif not isinstance(found, dict):
            self.fail("no JSON", "The answer is 200, but no JSON object.")
        elif found.get("error"):
            self.fail("200 with an error", message_of(found))

    async def _read_stream(self, content: AsyncIterator[bytes]) -> None:
        cutter = EventCutter(_LONGEST)
        async for piece in content:
            now = self._ended = self.clock()
            for event in events_in(cutter.feed(piece)):
                self._event(data_of(event), now)
            if cutter.torn:
                self.fail("too long", f"An event of more than {_LONGEST} bytes.")
                return
        self._ended = self.clock()
        if not self.done:
            self.fail("broken stream", "It ended without [DONE].")

    def _event(self, data: bytes, now: float) -> None:
        """Take an event in; comments have no data."""
        if data == _DONE:
            self.done = True
            return
        if not data:
            return
        if b'"error"' in data and isinstance(found := _json(data), dict) and found.get("error"):
            self.fail("broken stream", message_of(found))
        if self.chunks:
            self.gap = max(self.gap, now - self._last)
        else:
            self._first = now
        self.chunks, self._last = self.chunks + 1, now


def _is_stream(reply: Reply) -> bool:
    return reply.header("content-type").lower().startswith("text/event-stream")


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
