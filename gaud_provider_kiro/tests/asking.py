"""A call without sockets: what Kiro answers comes in pieces of the test's choice."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import attrs

from gaud_core import Body, Call, Context, ProviderError, Reply, Secret, UpstreamRequest
from gaud_core.testing.reading import Streamed
from gaud_provider_kiro import Kiro, KiroSettings

__all__ = ["Heard", "ask", "cut_at"]


@attrs.frozen
class Heard:
    """What a client gets: the same of a whole answer and of a stream."""

    text: str = ""
    reasoning: str = ""
    tools: tuple[tuple[str, str, str], ...] = ()
    """Id, name and arguments of each call."""
    finish: str = ""
    usage: Any = attrs.field(default=None, eq=False)
    blocks: tuple[str, ...] = ()
    """The signatures of the reasoning."""
    error: ProviderError | None = attrs.field(default=None, eq=str)


def cut_at(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """Cut bytes into pieces."""
    ends = [*sorted(at % (len(data) + 1) for at in cuts), len(data)]
    return [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def ask(pieces: Sequence[bytes], *, stream: bool, settings: KiroSettings | None = None, **more: Any) -> Heard:
    """Make a call that is answered with these pieces; an error of the provider is what is heard then."""
    body = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}], "stream": stream, **more}
    return asyncio.run(
        _asked(pieces, json.dumps(body).encode(), settings or KiroSettings(api_key=Secret("ksk_test")))
    )


async def _asked(pieces: Sequence[bytes], raw: bytes, settings: KiroSettings) -> Heard:
    async def send(request: UpstreamRequest) -> Reply:
        return Reply(200, (), _given(pieces))

    kiro = Kiro(settings, Context("kiro", send, _no_http, Path("/nowhere"), logging.getLogger("test")))
    call = Call("call-test", "chat/completions", "auto", Body.parse(raw))
    heard = b""
    try:
        reply = await kiro.send(call)
        if isinstance(reply.content, bytes):
            return _whole(json.loads(reply.content))
        try:
            async for piece in reply.content:
                heard += piece
        finally:
            await reply.aclose()
    except ProviderError as error:
        return attrs.evolve(_streamed(Streamed.read(heard)), error=error)
    return _streamed(Streamed.read(heard))


async def _given(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def _no_http() -> NoReturn:
    raise AssertionError("a call with a key asks nobody else")


def _whole(completion: Any) -> Heard:
    (choice,) = completion["choices"]
    message = choice["message"]
    calls = message.get("tool_calls") or []
    return Heard(
        message["content"] or "",
        message.get("reasoning_content", ""),
        tuple((call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls),
        choice["finish_reason"],
        completion.get("usage"),
        tuple(block["signature"] for block in message.get("thinking_blocks", [])),
    )


def _streamed(streamed: Streamed) -> Heard:
    deltas = [choice["delta"] for chunk in streamed.chunks for choice in chunk["choices"]]
    tools: dict[int, list[str]] = {}
    for piece in (piece for delta in deltas for piece in delta.get("tool_calls", [])):
        joined = tools.setdefault(piece["index"], ["", "", ""])
        function = piece["function"]
        told = (piece.get("id", ""), function.get("name", ""), function.get("arguments", ""))
        joined[:] = [old + new for old, new in zip(joined, told, strict=True)]
    blocks = [block for delta in deltas for block in delta.get("thinking_blocks", [])]
    return Heard(
        streamed.text,
        "".join(delta.get("reasoning_content", "") for delta in deltas),
        tuple((call[0], call[1], call[2]) for call in tools.values()),
        "".join(streamed.finish),
        streamed.usage[-1] if streamed.usage else None,
        tuple(block["signature"] for block in blocks),
    )
