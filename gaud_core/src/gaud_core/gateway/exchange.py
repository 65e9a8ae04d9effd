"""One HTTP request, from its first byte to its last."""

from __future__ import annotations

import secrets
import time
from typing import Any

import attrs

__all__ = ["Exchange"]


def _new_id() -> str:
    """Make an id: 48 random bits after the time, which lets the ledger's index grow at its end only."""
    return f"req_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(6)}"


@attrs.define
class Exchange:
    """What is known of one request; `fields` are its own part of the log line.

    The id is always ours: one that a client could choose could be forged (design, field notes).
    """

    id: str = attrs.field(factory=_new_id)
    begun: float = attrs.field(factory=time.perf_counter)
    status: int = 0
    fields: dict[str, Any] = attrs.field(factory=dict)
    model: str = ""
    """The model as the metrics name it: one that is listed, or `other`."""
    cost_nanos: int | None = None
    headers: list[tuple[bytes, bytes]] = attrs.field(factory=list)
    """What the answer is to carry of the caller's limits, whatever the answer becomes."""

    def elapsed_ms(self) -> float:
        """Milliseconds since the request came."""
        return round((time.perf_counter() - self.begun) * 1000, 1)
