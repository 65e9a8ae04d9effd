"""What is known of a call at its end, and the three messages that an ASGI answer is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import attrs

from gaud_core.call import Usage
from gaud_core.errors import ProviderError, one_line
from gaud_core.gateway.headers import encode

__all__ = ["BrokenAnswer", "Outcome", "Send", "send_end", "send_more", "send_start"]

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@attrs.define
class Outcome:
    """How a call went, for the breaker, the log and the books.

    `error` is the upstream's failure, and its own 4xx and 5xx answers are there too; its `hint` is the cure,
    as far as the provider's `explain` knows one.
    """

    explain: Callable[[ProviderError], str | None]
    usage: Usage | None = None
    error: ProviderError | None = None

    def fail(self, error: ProviderError) -> None:
        """Note a failure and its cure."""
        self.error = error
        hint = error.hint or self.explain(error)
        error.hint = one_line(hint) if hint else None

    @property
    def hint(self) -> str | None:
        """The cure of the failure, if there is one."""
        return self.error.hint if self.error else None

    @property
    def upstream_failed(self) -> bool:
        """Whether this counts against the upstream: a 5xx, a timeout, a broken answer; never a 4xx."""
        return self.error is not None and self.error.http_status >= 500


class BrokenAnswer(Exception):
    """An answer broke after its beginning was sent, so the connection must end without a clean end."""


async def send_start(send: Send, status: int, headers: list[tuple[str, str]]) -> None:
    """Send the status and the headers."""
    await send({"type": "http.response.start", "status": status, "headers": encode(headers)})


async def send_more(send: Send, piece: bytes) -> None:
    """Send a piece of the body; waits while the client is slow."""
    await send({"type": "http.response.body", "body": piece, "more_body": True})


async def send_end(send: Send, last: bytes = b"") -> None:
    """Send the last piece of the body."""
    await send({"type": "http.response.body", "body": last})
