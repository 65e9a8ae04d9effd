"""What one turn of the event loop writes to a client goes out in one system call."""

from __future__ import annotations

import asyncio

__all__ = ["Cork"]

_PASSED_AT_ONCE = 64 * 1024
_AS_THEY_ARE = (
    *("abort", "get_extra_info", "get_protocol", "get_write_buffer_limits", "get_write_buffer_size"),
    *("is_closing", "is_reading", "pause_reading", "resume_reading", "set_protocol"),
    "set_write_buffer_limits",
)
"""The transport's own methods: with `__getattr__` every look at a Cork would take a detour."""


class Cork:
    """A transport for uvicorn's protocol: joins small pieces, such as an answer's head and its body.

    They wait for the end of the current turn of the event loop and no longer. Large ones pass at once, so
    that the transport can tell that its client is slow.
    """

    __slots__ = ("_held", "_loop", "_size", "_transport", *_AS_THEY_ARE)

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0
        for name in _AS_THEY_ARE:
            setattr(self, name, getattr(transport, name))

    def write(self, data: bytes) -> None:
        """Write now or in a moment."""
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)
        self._size += len(data)
        if self._size > _PASSED_AT_ONCE:
            self._flush()

    def write_at_once(self, data: bytes) -> None:
        """Write what nothing will follow in this turn, with what was held back."""
        if self._held:
            self._held.append(data)
            self._flush()
        else:
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
