"""Bugs of providers that translate."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from good import GoodChat, pieces

from gaud_core import (
    Call,
    Event,
    Finish,
    ProviderError,
    Reply,
    ToolCall,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamRequest,
    Usage,
    replace,
)


class SendsThePrefix(GoodChat):
    """The upstream knows no `good:`."""

    def request(self, call: Call) -> UpstreamRequest:
        """Name the model as the client did."""
        return super().request(replace(call, model=f"{self.ctx.name}:{call.model}"))


class PutsTheKeyIntoTheURL(GoodChat):
    """Proxies log URLs."""

    def request(self, call: Call) -> UpstreamRequest:
        """A query."""
        request = super().request(call)
        key = self.settings.api_key.reveal()
        headers = {name: value for name, value in request.headers.items() if name != "x-key"}
        return replace(request, url=f"{request.url}?key={key}", headers=headers)


class SharesItsPrompt(GoodChat):
    """What one call keeps on `self`, the next one overwrites."""

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Keep the call, wait, and send whatever is kept."""
        self.kept = call
        await asyncio.sleep(0.01)
        async for event in super().chat(replace(call, body=self.kept.body)):
            yield event


class LosesTheStatus(GoodChat):
    """Everything is a 502."""

    async def refusal(self, reply: Reply) -> ProviderError:
        """Keep the words, lose the status."""
        error = await super().refusal(reply)
        return UpstreamFailed(error.message, retry_after=error.retry_after)


class BlamesTheClient(GoodChat):
    """A 500 of the upstream is said to be the client's mistake."""

    async def refusal(self, reply: Reply) -> ProviderError:
        """Call every failure a refusal."""
        error = await super().refusal(reply)
        return UpstreamRefused(error.message) if reply.status >= 500 else error


class LosesTheWords(GoodChat):
    """Why the upstream refused stays unknown."""

    async def refusal(self, reply: Reply) -> ProviderError:
        """Say nothing."""
        error = await super().refusal(reply)
        error.message = "The upstream refused."
        return error


class LosesRetryAfter(GoodChat):
    """When to come again stays unknown."""

    async def refusal(self, reply: Reply) -> ProviderError:
        """Drop the seconds."""
        error = await super().refusal(reply)
        error.retry_after = None
        return error


class SwallowsLateErrors(GoodChat):
    """A stream that broke looks whole."""

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """End quietly."""
        try:
            async for event in super().chat(call):
                yield event
        except UpstreamFailed as error:
            if not call.stream or error.error_code != "upstream_broke_off":
                raise


class GivesHalfAnAnswer(GoodChat):
    """A whole answer that broke looks whole."""

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """End quietly."""
        try:
            async for event in super().chat(call):
                yield event
        except UpstreamFailed as error:
            if call.stream or error.error_code != "upstream_broke_off":
                raise


class NeedsNoEnd(GoodChat):
    """A stream that was cut looks whole."""

    async def lines(self, reply: Reply) -> AsyncIterator[bytes]:
        """Add the end that is missing."""
        async for line in super().lines(reply):
            yield line
        yield b'{"end":[5,7]}'


class CrashesOnGarbage(GoodChat):
    """What is no JSON is an exception of its own."""

    def decode(self, line: bytes) -> dict[str, Any]:
        """Trust."""
        told: dict[str, Any] = json.loads(line)
        return told


class CrashesOnADeadUpstream(GoodChat):
    """An exception of its own instead of the gateway's."""

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Translate the error once too often."""
        try:
            async for event in super().chat(call):
                yield event
        except UpstreamFailed as error:
            if "refused" in error.message:
                raise RuntimeError("Is it running?") from error
            raise


class CrashesOnAReset(GoodChat):
    """An exception of its own instead of the gateway's."""

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Translate the error once too often."""
        try:
            async for event in super().chat(call):
                yield event
        except UpstreamFailed as error:
            if "without an answer" in error.message:
                raise RuntimeError("What was that?") from error
            raise


class ReadsOnForNobody(GoodChat):
    """The upstream's answer is read by a task that the client's leaving does not end."""

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Read in a task of its own."""
        queue: asyncio.Queue[Event | BaseException | None] = asyncio.Queue()

        async def read() -> None:
            try:
                async for event in super(ReadsOnForNobody, self).chat(call):
                    queue.put_nowait(event)
                queue.put_nowait(None)
            except Exception as error:
                queue.put_nowait(error)

        self.task = asyncio.create_task(read())
        while (event := await queue.get()) is not None:
            if isinstance(event, BaseException):
                raise event
            yield event


class DecodesEachPiece(GoodChat):
    """A character that two pieces share is lost."""

    async def lines(self, reply: Reply) -> AsyncIterator[bytes]:
        """Decode before the line is whole."""

        async def decoded() -> AsyncIterator[bytes]:
            async for piece in pieces(reply):
                yield piece.decode("utf-8", "ignore").encode()

        async for line in super().lines(replace(reply, content=decoded())):
            yield line


class AddsABlank(GoodChat):
    """Whole answers have one blank more than streams."""

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Add it."""
        async for event in super().chat(call):
            yield event + " " if isinstance(event, str) and not call.stream else event


class FinishesTwice(GoodChat):
    """A stream has two finish reasons."""

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Finish, and finish."""
        async for event in super().chat(call):
            if isinstance(event, Usage) and call.stream:
                yield Finish("stop")
                yield Finish("stop")
            yield event


class FinishesInItsOwnWords(GoodChat):
    """Whole answers have a reason that OpenAI's clients do not know."""

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """The upstream's own word."""
        tools = False
        async for event in super().chat(call):
            tools = tools or isinstance(event, ToolCall)
            if isinstance(event, Usage) and not call.stream and not tools:
                yield Finish("END_TURN")
            yield event


class ForgetsUsage(GoodChat):
    """Whole answers have no usage."""

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Leave it out."""
        async for event in super().chat(call):
            if call.stream or not isinstance(event, Usage):
                yield event


class MiscountsStreams(GoodChat):
    """Streams tell the tokens in twice."""

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Count wrongly."""
        async for event in super().chat(call):
            wrong = isinstance(event, Usage) and call.stream
            yield Usage(event.input_tokens, event.input_tokens) if wrong else event  # type: ignore[union-attr]


class NumbersToolsAnew(GoodChat):
    """Each piece of a streamed tool call becomes a tool call of its own."""

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Count pieces instead of calls."""
        count = 0
        async for event in super().chat(call):
            if isinstance(event, ToolCall) and call.stream:
                yield replace(event, index=count)
                count += 1
            else:
                yield event


class LosesArguments(GoodChat):
    """Only the last piece of the arguments of a whole answer arrives."""

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Keep one piece."""
        last: ToolCall | None = None
        async for event in super().chat(call):
            if isinstance(event, ToolCall) and not call.stream and not event.name:
                last = event
                continue
            if isinstance(event, Usage) and last:
                yield last
            yield event


class ExpectsText(GoodChat):
    """`content` may be anything."""

    def prompt(self, call: Call) -> str:
        """Trust."""
        messages = call.body.json()["messages"]
        return super().prompt(call) if messages else str(messages[-1])


class KnowsNoParts(GoodChat):
    """A list of parts is refused."""

    def prompt(self, call: Call) -> str:
        """Take only text."""
        text = super().prompt(call)
        if isinstance(call.body.json()["messages"][-1]["content"], list):
            raise UpstreamRefused("Send a text.", status=400)
        return text
