"""`ChatProvider`: for upstreams that speak something else; the author writes one generator."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, TypeVar

from gaud_core.call import Call, Reply, Usage
from gaud_core.provider.base import Provider, UpstreamRequest
from gaud_core.provider.events import ChunkWriter, CompletionWriter, Event, as_json
from gaud_core.provider.foreign import messages_of, objects_of, refusal_of

__all__ = ["ChatProvider"]

S = TypeVar("S")

_JSON = (("content-type", "application/json"),)
_EVENTS = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))


class ChatProvider(Provider[S]):
    """Answers chat calls with the events of `chat`, whole or streamed as the client asked."""

    def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Yield the answer: pieces of text (a plain `str` will do), tool calls, a Finish, a Usage.

        Read the request with `call.body.json()`. An error raised before the first event keeps its
        status; one raised later becomes an error event and the stream does not end cleanly.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define chat()")

    def messages(self, call: Call) -> list[tuple[str, str]]:
        """Give the role and the text of each message; whatever is no such message is refused with 400.

        A content in parts is the text of its parts; images and the like are refused. A provider that takes
        them reads `call.body.json()` itself.
        """
        return messages_of(call)

    async def ask(self, request: UpstreamRequest) -> AsyncGenerator[dict[str, Any], None]:
        """Send a request, and give the JSON objects of the answer as they come: one a line, or one an event.

        A refusal is raised before the first, with the upstream's status, words and retry-after. What is no
        JSON object is an UpstreamFailed. The upstream's answer is closed when the caller ends.
        """
        reply = await self.ctx.send(request)
        try:
            if reply.status != 200:
                raise await refusal_of(reply)
            async for told in objects_of(reply):
                yield told
        finally:
            await reply.aclose()

    async def send(self, call: Call) -> Reply:
        """Wait for the first event, then answer 200."""
        events = self.chat(call)
        try:
            answer = _with_first(await anext(events, None), events)
            if not call.stream:
                return Reply(200, _JSON, await _whole(call, answer))
        except BaseException:
            await events.aclose()
            raise
        return Reply(200, _EVENTS, _stream(call, answer), aclose=events.aclose)


async def _with_first(first: Event | None, rest: AsyncIterator[Event]) -> AsyncIterator[Event]:
    if first is not None:
        yield first
    async for event in rest:
        yield event


async def _whole(call: Call, events: AsyncIterator[Event]) -> bytes:
    writer = CompletionWriter(call)
    async for event in events:
        writer.write(event)
    return as_json(writer.completion())


async def _stream(call: Call, events: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    writer = ChunkWriter(call)
    usage: Usage | None = None
    async for event in events:
        if isinstance(event, Usage):
            usage = event  # OpenAI's order: usage comes last, after the finish reason
        else:
            yield _sse(as_json(writer.write(event)))
    if closing := writer.finish():
        yield _sse(as_json(closing))
    if usage is not None:
        yield _sse(as_json(writer.write(usage)))
    yield _sse(b"[DONE]")


def _sse(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"
