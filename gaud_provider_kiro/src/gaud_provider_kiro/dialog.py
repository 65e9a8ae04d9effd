"""One call and its answer: translated, sent, and translated back event by event."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator

import attrs

from gaud_core import Call, Event, ProviderError, Reply, Timeouts, Token, UpstreamFailed, UpstreamRequest
from gaud_provider_kiro.calls import CallReader
from gaud_provider_kiro.catalog import Catalog
from gaud_provider_kiro.events import Failure, event_of
from gaud_provider_kiro.frames import BadFrame, FrameReader
from gaud_provider_kiro.from_kiro import AnswerReader
from gaud_provider_kiro.hosts import Hosts
from gaud_provider_kiro.logins.login import Login
from gaud_provider_kiro.objections import objections_to
from gaud_provider_kiro.refusals import error_for, read_refusal, refusal_within
from gaud_provider_kiro.settings import KiroSettings
from gaud_provider_kiro.stops import StopReader
from gaud_provider_kiro.thinking import ThinkingReader
from gaud_provider_kiro.to_kiro import Asked, Manner, ask_kiro
from gaud_provider_kiro.tokens import Meter

__all__ = ["Dialog"]

_LONGEST_ANSWER = 64 * 1024 * 1024


@attrs.define(eq=False)
class Dialog:
    """Asks once, or once more with another token, and then reads the answer.

    `wait_secs` is the time until the quota is whole again, for the case that it is used up.
    """

    settings: KiroSettings
    hosts: Hosts
    send: Callable[[UpstreamRequest], Awaitable[Reply]]
    timeouts: Timeouts
    catalog: Catalog
    wait_secs: int | None = None
    is_key: bool = attrs.field(default=False, kw_only=True)
    """Whether the token is a key."""
    _asked: Asked | None = None
    _meter: Meter | None = None

    @property
    def credits(self) -> float:
        """What the call has taken from the subscription, as far as the answer has told it."""
        return self._meter.credits if self._meter else 0.0

    async def ask(self, call: Call, token: Token) -> Reply:
        """Send the call; a refusal is raised as what it means."""
        login = Login.of(token)
        self._asked = asked = self._translated(call, login)
        headers = self.hosts.call_headers(token.access_token.reveal(), is_key=self.is_key)
        url = self.hosts.call_url(login)
        reply = await self.send(
            UpstreamRequest(url, headers, asked.body, call.stream, timeouts=self.timeouts)
        )
        if reply.status == 200:
            return reply
        try:
            refusal = await read_refusal(reply)
        finally:
            await reply.aclose()
        objections = objections_to(asked.request, len(asked.body)) if refusal.status == 400 else ()
        raise error_for(refusal, objections, self.wait_secs)

    async def answer(self, reply: Reply) -> AsyncGenerator[Event, None]:
        """Give the answer's events, and close it."""
        reader, frames = self._reader(), FrameReader()
        try:
            async for piece in _pieces(reply):
                for event in _read(frames, piece, reader):
                    yield event
                if reader.is_over:
                    break
            if frames.is_torn and not reader.is_over:
                raise UpstreamFailed("Kiro broke off in the middle of an event.", code="upstream_broke_off")
            for event in reader.end():
                yield event
        finally:
            await reply.aclose()

    def _translated(self, call: Call, login: Login) -> Asked:
        manner = Manner(
            model=self.catalog.model_for(call.model),
            origin=self.hosts.origin,
            profile_arn=self.hosts.profile(login),
            thinking=self.settings.thinking,
            removed_from_schemas=frozenset(self.settings.removed_from_schemas),
        )
        return ask_kiro(call.body.json(), manner, (str(uuid.uuid4()), str(uuid.uuid4())))

    def _reader(self) -> AnswerReader:
        asked = self._asked
        if asked is None:
            raise RuntimeError("an answer is read after the question only")
        self._meter = Meter(asked.guessed_tokens, self.catalog.window(asked.model))
        return AnswerReader(
            meter=self._meter,
            calls=CallReader(asked.toolbox.own_name),
            failed=self._failed,
            stops=StopReader(asked.chat.stop),
            thoughts=ThinkingReader() if asked.emulates_thinking else None,
            max_tokens=asked.chat.max_tokens,
            needs_tail=self.settings.require_tail,
        )

    def _failed(self, failure: Failure) -> ProviderError:
        refusal = refusal_within(failure.type, failure.message, failure.reason)
        return error_for(refusal, (), self.wait_secs)


def _read(frames: FrameReader, piece: bytes, reader: AnswerReader) -> Iterator[Event]:
    """Give what a piece of the answer says."""
    try:
        for frame in frames.feed(piece):
            if (told := event_of(frame)) is not None:
                yield from reader.read(told)
            if reader.is_over:
                return
    except BadFrame as wrong:
        raise UpstreamFailed(f"Kiro's answer is no event stream: {wrong}.") from None


async def _pieces(reply: Reply) -> AsyncIterator[bytes]:
    if isinstance(reply.content, bytes):
        yield reply.content
        return
    size = 0
    async for piece in reply.content:
        size += len(piece)
        if size > _LONGEST_ANSWER:
            raise UpstreamFailed(f"Kiro's answer is longer than {_LONGEST_ANSWER >> 20} MB.")
        yield piece
