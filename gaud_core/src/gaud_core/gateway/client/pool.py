"""The connections of one provider instance: kept while they are surely good, and never longer."""

from __future__ import annotations

import asyncio
import socket
import ssl

import attrs

from gaud_core.gateway.client.answer import Answer
from gaud_core.gateway.client.connection import Connection
from gaud_core.gateway.client.request import Address, address_of, head_of
from gaud_core.provider import UpstreamRequest

__all__ = ["Pool", "Unreachable"]

# Servers such as uvicorn close idle connections after 5 s. A call must not be sent into a connection
# that is about to close, because a POST cannot be repeated safely (RFC 9110 §9.2.2).
_KEEP_IDLE_SECS = 4.0
_ADDRESSES_KEPT = 256
_NEXT_ADDRESS_SECS = 0.25  # RFC 8305 §5

Origin = tuple[bool, str, int]


class Unreachable(Exception):
    """No connection could be made, so nothing has been sent; the cause says why."""


@attrs.define(eq=False)
class Pool:
    """Connections by origin; as many at once as there are requests at once."""

    _idle: dict[Origin, list[Connection]] = attrs.field(factory=dict)
    _all: set[Connection] = attrs.field(factory=set)
    _addresses: dict[str, Address] = attrs.field(factory=dict)
    _sweeping: asyncio.TimerHandle | None = None
    _tls: ssl.SSLContext | None = None

    def address(self, url: str) -> Address:
        """Read a URL, most often one that has been read before; raises Unreachable."""
        known = self._addresses.get(url)
        if known is None:
            try:
                known = address_of(url)
            except ValueError as error:
                raise Unreachable from error
            if len(self._addresses) >= _ADDRESSES_KEPT:
                self._addresses.clear()
            self._addresses[url] = known
        return known

    def idle(self, address: Address) -> Connection | None:
        """Give a connection that stands already."""
        waiting = self._idle.get(address.origin)
        while waiting:
            connection = waiting.pop()
            is_young = connection.loop.time() - connection.idle_since < _KEEP_IDLE_SECS
            if is_young and not connection.was_left():
                return connection
            connection.abort()
        return None

    async def connect(self, address: Address) -> Connection:
        """Make a connection; raises Unreachable. Time limits are the caller's."""
        loop = asyncio.get_running_loop()
        origin = address.origin

        def free(connection: Connection) -> None:
            self._put(origin, connection)

        try:
            tls = await self._context() if address.secure else None
            reached = await _reach(loop, address)
            connection = Connection(loop, free, self._all.discard)
            connection.look_at(reached)
            await loop.create_connection(
                lambda: connection,
                sock=reached,
                ssl=tls,
                server_hostname=address.host if tls else None,
            )
        except (OSError, ValueError) as error:
            raise Unreachable from error
        self._all.add(connection)
        return connection

    def send(self, connection: Connection, address: Address, request: UpstreamRequest) -> Answer:
        """Send a request over a connection; ValueError when a header cannot be sent."""
        method, body = request.method, request.body
        length = len(body) if isinstance(body, bytes) else request.length
        head = head_of(method, address, request.headers, length)
        patience = request.timeouts.first_byte
        return connection.send(head, body, chunked=length is None, bare=method == "HEAD", patience=patience)

    def close(self) -> None:
        """Close every connection, also those in use."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        for connection in list(self._all):
            connection.abort()
        self._idle.clear()

    def _put(self, origin: Origin, connection: Connection) -> None:
        connection.idle_since = connection.loop.time()
        self._idle.setdefault(origin, []).append(connection)
        if self._sweeping is None:
            self._sweeping = connection.loop.call_later(_KEEP_IDLE_SECS, self._sweep, connection.loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close what has been idle for long enough."""
        self._sweeping = None
        oldest = loop.time() - _KEEP_IDLE_SECS
        for origin, waiting in list(self._idle.items()):
            old = [c for c in waiting if c.closed or c.idle_since <= oldest]
            for connection in old:
                waiting.remove(connection)
                connection.abort()
            if not waiting:
                del self._idle[origin]
        if self._idle:
            self._sweeping = loop.call_later(_KEEP_IDLE_SECS / 2, self._sweep, loop)

    async def _context(self) -> ssl.SSLContext:
        """Make the TLS context once; in a thread, because reading all authorities takes 20 ms and more."""
        if self._tls is None:
            tls = await asyncio.to_thread(ssl.create_default_context)
            tls.set_alpn_protocols(["http/1.1"])
            self._tls = tls
        return self._tls


async def _reach(loop: asyncio.AbstractEventLoop, address: Address) -> socket.socket:
    """Connect to the first of the host's addresses that answers (RFC 8305)."""
    import aiohappyeyeballs  # here, because only new connections need it

    found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    reached = await aiohappyeyeballs.start_connection(
        found, happy_eyeballs_delay=_NEXT_ADDRESS_SECS, interleave=1, loop=loop
    )
    reached.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return reached
