"""HTTP/1.1 on a bare transport: reads requests as they are, writes whatever it is told to (RFC 9112)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from http import HTTPStatus
from typing import cast

import attrs

__all__ = ["NotHTTP", "PeerGone", "Request", "Wire", "head", "read_request"]

MAX_HEAD = 1 << 20
RawHeaders = tuple[tuple[bytes, bytes], ...]


class NotHTTP(Exception):
    """The peer sent something that is no HTTP/1.1 request."""


class PeerGone(Exception):
    """The peer closed or reset the connection."""


@attrs.frozen
class Request:
    """One request: its head exactly as received, its body with the chunked framing taken off."""

    method: str
    target: str
    headers: RawHeaders
    head: bytes
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first value of a header, whatever the case of its name."""
        values = self.headers_named(name)
        return values[0] if values else None

    def headers_named(self, name: str) -> list[str]:
        """Return all values of a header, in order."""
        wanted = name.lower().encode("latin-1")
        return [value.decode("latin-1") for key, value in self.headers if key.lower() == wanted]


class Wire(asyncio.Protocol):
    """One accepted connection: buffers what comes in, and knows at once when the peer has gone."""

    def __init__(self, serve: Callable[[Wire], Coroutine[None, None, None]]) -> None:
        self.task: asyncio.Task[None] | None = None
        self._serve = serve
        self._buffer = bytearray()
        self._changed = asyncio.Event()
        self._gone = asyncio.Event()
        self._lost = asyncio.Event()
        self._writable = asyncio.Event()

    @property
    def gone(self) -> bool:
        """Tell whether the peer has closed its side, or the connection is lost."""
        return self._gone.is_set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to serve; a high-water mark of zero makes `write` wait until the kernel has it all."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it
        self._transport.set_write_buffer_limits(high=0)
        self._writable.set()
        self.task = asyncio.get_running_loop().create_task(self._serve(self))

    def data_received(self, data: bytes) -> None:
        """Keep what came until somebody reads it."""
        self._buffer += data
        self._changed.set()

    def eof_received(self) -> None:
        """Take the peer's FIN for its leaving."""
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take a lost connection for the peer's leaving."""
        self._lost.set()
        self._leave()

    def pause_writing(self) -> None:
        """Make `write` wait: the kernel's buffer is full."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let `write` go on."""
        self._writable.set()

    async def read_until(self, end: bytes, limit: int = MAX_HEAD) -> bytes:
        """Return all up to and including `end`."""
        while (found := self._buffer.find(end)) < 0:
            if len(self._buffer) > limit:
                raise NotHTTP(f"no {end!r} within {limit} bytes")
            await self._more()
        return self._take(found + len(end))

    async def read_exactly(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        while len(self._buffer) < count:
            await self._more()
        return self._take(count)

    async def write(self, data: bytes) -> None:
        """Hand bytes to the kernel; raise PeerGone when nobody is there to take them."""
        if self.gone:
            raise PeerGone
        self._transport.write(data)
        await asyncio.sleep(
            0
        )  # an endless body must not starve the loop that has to notice the peer's leaving
        await self._writable.wait()

    async def unless_gone(self, work: Awaitable[object]) -> None:
        """Wait for `work`, but raise PeerGone as soon as the peer leaves."""
        task = asyncio.ensure_future(work)
        gone = asyncio.ensure_future(self._gone.wait())
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise PeerGone
            task.result()
        finally:
            task.cancel()
            gone.cancel()

    def close(self) -> None:
        """Close in order: what was written arrives, then a FIN."""
        self._transport.close()

    async def closed(self) -> None:
        """Close, and wait until the kernel has been told: the peer cannot be faster then."""
        self.close()
        await self._lost.wait()

    def reset(self) -> None:
        """Close with a RST: SO_LINGER of zero seconds."""
        raw: socket.socket | None = self._transport.get_extra_info("socket")
        if raw is not None:
            with contextlib.suppress(OSError):  # closed already: the peer was faster
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _leave(self) -> None:
        self._gone.set()
        self._changed.set()
        self._writable.set()

    async def _more(self) -> None:
        if self.gone:
            raise PeerGone
        self._changed.clear()
        await self._changed.wait()

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken


async def read_request(wire: Wire) -> Request:
    """Read one request; raises NotHTTP or PeerGone."""
    raw = await wire.read_until(b"\r\n\r\n")
    start, *lines = raw[:-4].split(b"\r\n")
    parts = start.split(b" ")
    if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
        raise NotHTTP(f"no request line: {start[:80]!r}")
    request = Request(
        method=parts[0].decode("latin-1"),
        target=parts[1].decode("latin-1"),
        headers=tuple(_field(line) for line in lines),
        head=raw,
        body=b"",
    )
    return attrs.evolve(request, body=await _read_body(wire, request))


def head(status: int, headers: Iterable[tuple[str, str]], reason: str | None = None) -> bytes:
    """Write a status line and headers, in the order given and without checking anything."""
    lines = [f"HTTP/1.1 {status} {_reason(status) if reason is None else reason}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon:
        raise NotHTTP(f"no header field: {line[:80]!r}")
    return name, value.strip(b" \t")


async def _read_body(wire: Wire, request: Request) -> bytes:
    if (request.header("expect") or "").lower() == "100-continue":
        await wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if (request.header("transfer-encoding") or "").lower().endswith("chunked"):
        return await _read_chunked(wire)
    length = request.header("content-length") or "0"
    if not length.isdecimal():
        raise NotHTTP(f"content-length is {length!r}")
    return await wire.read_exactly(int(length))


async def _read_chunked(wire: Wire) -> bytes:
    body = bytearray()
    while size := _chunk_size(await wire.read_until(b"\r\n")):
        body += await wire.read_exactly(size)
        if await wire.read_exactly(2) != b"\r\n":
            raise NotHTTP("a chunk does not end where its size says")
    while await wire.read_until(b"\r\n") != b"\r\n":
        pass  # trailer fields: RFC 9112 lets a recipient drop them
    return bytes(body)


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.split(b";")[0], 16)
    except ValueError:
        raise NotHTTP(f"no chunk size: {line[:80]!r}") from None
