"""The two ends of a measurement, on bare transports: an upstream that costs little, clients that cost little.

`python -m benchmarks.wire` serves the upstream on a free port and prints the port.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import chain, repeat
from typing import cast

import attrs

__all__ = ["Clients", "Load", "Target", "drive", "drive_each", "drive_for"]

CHUNKS = 100
_PRICE = {"input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05}
_USAGE = {"prompt_tokens": 200, "completion_tokens": 100, "total_tokens": 300}
_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: {}\r\n"


def _answer(body: bytes, kind: str = "application/json") -> bytes:
    return f"{_HEAD.format(kind)}content-length: {len(body)}\r\n\r\n".encode() + body


def _whole() -> bytes:
    message = {"role": "assistant", "content": "x" * 700}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return _answer(json.dumps(body | {"usage": _USAGE}).encode())


def _chunk(**fields: object) -> bytes:
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    event = b"data: " + json.dumps(body | fields).encode() + b"\n\n"
    return f"{len(event):x}\r\n".encode() + event + b"\r\n"


def _stream() -> Sequence[bytes]:
    word = {"index": 0, "delta": {"content": " token"}, "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    last = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
    head = f"{_HEAD.format('text/event-stream')}transfer-encoding: chunked\r\n\r\n".encode()
    words = [_chunk(choices=[word])] * CHUNKS
    return [head, *words, _chunk(choices=[end]), _chunk(choices=[], usage=_USAGE) + last]


WHOLE, STREAM = _whole(), _stream()
ALIVE = _answer(b'"I\'m alive!"')
NAMES = json.loads(os.environ.get("GAUD_BENCH_MODELS", '["m"]'))
MODELS = _answer(
    json.dumps({"object": "list", "data": [{"id": name, "object": "model"} for name in NAMES]}).encode()
)
DETAILS = _answer(
    json.dumps({"data": [{"model_name": name, "model_info": _PRICE} for name in NAMES]}).encode()
)


class Upstream(asyncio.Protocol):
    """Answers each POST with a chat completion, and a GET as LiteLLM does; streams piece by piece."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport, self.buffer = cast("asyncio.Transport", transport), b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            _, _, after = head.partition(b"content-length: ")
            size = end + 4 + (int(after.split(b"\r\n", 1)[0]) if after else 0)
            if len(self.buffer) < size:
                return
            body, self.buffer = self.buffer[end + 4 : size], self.buffer[size:]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"get "):
            path = head.split(b" ", 2)[1]
            self.transport.write({b"/v1/models": MODELS, b"/model/info": DETAILS}.get(path, ALIVE))
        elif b'"stream":true' in body:
            self.stream = asyncio.get_running_loop().create_task(self._stream())
        else:
            self.transport.write(WHOLE)

    async def _stream(self) -> None:
        for piece in STREAM:
            self.transport.write(piece)
            await asyncio.sleep(0)


@attrs.frozen
class Target:
    """What is called, and by which request."""

    port: int
    request: bytes
    status: bytes = b"200"
    """What the answer's status should be."""

    @classmethod
    def chat(
        cls,
        port: int,
        key: str,
        model: str = "litellm:m",
        *,
        stream: bool,
        size: int = 1024,
        image: bool = False,
        headers: str = "",
    ) -> Target:
        """A chat call whose body has about this many bytes, most of them text or an image."""
        text: object = "x" * (size - 120)
        if image:
            text = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{text}"}}]
        fields = {"model": model, "messages": [{"role": "user", "content": text}]}
        extra = {"stream": True} if stream else {}
        body = json.dumps(fields | {"max_tokens": 100} | extra, separators=(",", ":")).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n"
            f"{headers}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return cls(port, head.encode() + body)


@attrs.define
class Load:
    """What clients have seen: milliseconds for each answer, and how many were not what they should be."""

    millis: list[float] = attrs.field(factory=list)
    first: list[float] = attrs.field(factory=list)
    """Until the first chunk of a stream."""
    bad: int = 0
    seconds: float = 0.0


class Clients:
    """Connections to one server that stay open; over each of them goes one call at a time."""

    def __init__(self) -> None:
        self._ends: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, port: int, connections: int) -> AsyncIterator[Clients]:
        """Open so many connections, and close them in the end."""
        clients = cls()
        try:
            for _ in range(connections):
                end = await asyncio.open_connection("127.0.0.1", port, limit=4 * 1024 * 1024)
                clients._ends.append(end)
            yield clients
        finally:
            for _, writer in clients._ends:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    async def drive(self, targets: Iterator[Target], until: float = float("inf")) -> Load:
        """Make a call to each target in turn, until none is left or the time is over."""
        load = Load()
        begun = time.perf_counter()
        await asyncio.gather(*(_calls(*end, targets, load, until) for end in self._ends))
        load.seconds = time.perf_counter() - begun
        return load

    async def drive_for(self, target: Target, seconds: float) -> Load:
        """Make calls for so long; each ends the call that it has begun."""
        return await self.drive(repeat(target), time.perf_counter() + seconds)


async def drive(target: Target, connections: int, calls: int) -> Load:
    """Make so many calls over so many connections, each waiting for its answer before the next."""
    return await drive_each(repeat(target, max(calls // connections, 1) * connections), connections)


async def drive_for(target: Target, connections: int, seconds: float) -> Load:
    """Make calls over so many connections for so long; each ends the call that it has begun."""
    async with Clients.connected(target.port, connections) as clients:
        return await clients.drive_for(target, seconds)


async def drive_each(targets: Iterator[Target], connections: int, until: float = float("inf")) -> Load:
    """Make a call to each target of one server in turn, so many at a time, until the end of either."""
    first = next(targets)
    async with Clients.connected(first.port, connections) as clients:
        return await clients.drive(chain([first], targets), until)


async def _calls(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    targets: Iterator[Target],
    load: Load,
    until: float,
) -> None:
    for target in targets:
        begun = time.perf_counter()
        if begun > until:
            break
        writer.write(target.request)
        head = await reader.readuntil(b"\r\n\r\n")
        complete = await _rest(reader, head.lower(), begun, load)
        load.millis.append((time.perf_counter() - begun) * 1000)
        load.bad += not (head.startswith(b"HTTP/1.1 " + target.status) and complete)


async def _rest(reader: asyncio.StreamReader, head: bytes, begun: float, load: Load) -> bool:
    if b"transfer-encoding: chunked" in head:
        body = await reader.readuntil(b"\r\n\r\n" if b"event-stream" not in head else b"\n\n")
        load.first.append((time.perf_counter() - begun) * 1000)
        if not body.endswith(b"\r\n0\r\n\r\n"):
            body += await reader.readuntil(b"\r\n0\r\n\r\n")
        return b"event-stream" not in head or b"[DONE]" in body
    _, _, after = head.partition(b"content-length: ")
    return bool(await reader.readexactly(int(after.split(b"\r\n", 1)[0])))


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(ImportError):
        import uvloop

        uvloop.install()
    asyncio.run(_serve())
