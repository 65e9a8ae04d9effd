"""A connection of the gateway's client over a transport to nowhere."""

from __future__ import annotations

import asyncio
from typing import Any

from gaud_core.gateway.client.answer import Answer
from gaud_core.gateway.client.connection import Connection

__all__ = ["Wire", "connected", "sent"]

_HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


class Wire(asyncio.Transport):
    """A transport to nowhere."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection, self.aborted = connection, False

    def write(self, data: Any) -> None:
        """Send nothing."""

    def get_write_buffer_size(self) -> int:
        """All of it is sent."""
        return 0

    def abort(self) -> None:
        """End."""
        self.aborted = True
        self.connection.loop.call_soon(self.connection.connection_lost, None)


def connected() -> tuple[Connection, Wire]:
    """A connection, and what it believes to be its transport."""
    connection = Connection(asyncio.get_running_loop(), lambda _: None, lambda _: None)
    wire = Wire(connection)
    connection.connection_made(wire)
    return connection, wire


def sent(connection: Connection) -> Answer:
    """Send a request; its answer is what the test lets come."""
    return connection.send(_HEAD, b"", chunked=False, bare=False, patience=60)
