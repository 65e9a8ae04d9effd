"""What one turn of the event loop writes to a client goes out in one system call."""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["Cork"]

_PASSED_AT_ONCE = 64 * 1024


class Cork:
    """A transport for uvicorn's protocol: joins small pieces, such as an answer's head and its body.

    They wait for the end of the current turn of the event loop and no longer. Large ones pass at once, so
    that the transport can tell that its client is slow.
    """

    __slots__ = ("_held", "_loop", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Whether it is closed or about to be; asked for each answer."""
        return self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Write now or in a moment."""
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)
        self._size += len(data)
        if self._size > _PASSED_AT_ONCE:
            self._flush()

    def write_at_once(self, data: bytes) -> None:
        """Write what nothing will follow."""
        self._flush()
        self._transport.write(data)

    def close(self) -> None:
        """Close after what was written."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        held = self._held
        if held:
            self._held, self._size = [], 0
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))
