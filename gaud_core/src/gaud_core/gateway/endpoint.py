"""What the endpoints of calls have in common: the way in, and the way out for a client who has left."""

from __future__ import annotations

from abc import ABC, abstractmethod

import attrs

from gaud_core.access import Identity
from gaud_core.gateway.booking import CLIENT_LEFT
from gaud_core.gateway.delivery import Send
from gaud_core.gateway.dispatch import Scope, Trip, client_of, dispatch
from gaud_core.gateway.exchange import Exchange
from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.intake import read_body
from gaud_core.gateway.presence import ClientLeft, Receive

__all__ = ["Endpoint"]


@attrs.frozen
class Endpoint(ABC):
    """An ASGI endpoint whose calls go out as `prepare` says."""

    gateway: Gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call; an ApiError is answered by whoever stands around."""
        exchange: Exchange = scope["gaud.exchange"]
        try:
            trip = await self.prepare(scope, receive, exchange)
            await dispatch(self.gateway, trip, exchange, client_of(scope, receive, send))
        except ClientLeft:
            exchange.status = CLIENT_LEFT

    @abstractmethod
    async def prepare(self, scope: Scope, receive: Receive, exchange: Exchange) -> Trip:
        """Read the request and find its upstream."""

    async def enter(self, scope: Scope, receive: Receive, exchange: Exchange) -> tuple[Identity, bytes]:
        """Find out who calls, and only then read what he sends."""
        gateway = self.gateway
        identity = await gateway.door.identify(scope)
        exchange.lap("auth")
        raw = await read_body(scope, receive, gateway.current.config.server.max_body_bytes)
        exchange.lap("queue")
        return identity, raw
