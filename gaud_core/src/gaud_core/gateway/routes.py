"""The path of a call, from the client's bytes to the upstream's and back."""

from __future__ import annotations

import attrs

from gaud_core.call import Body, Call
from gaud_core.gateway.booking import CLIENT_LEFT
from gaud_core.gateway.bridging import across, asks_strictly, bridge_for
from gaud_core.gateway.delivery import Send
from gaud_core.gateway.dialects import DIALECTS, Dialect, Passthrough
from gaud_core.gateway.dispatch import Scope, Trip, dispatch
from gaud_core.gateway.exchange import Exchange
from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.headers import client_headers
from gaud_core.gateway.intake import read_body
from gaud_core.gateway.natives import not_served
from gaud_core.gateway.presence import ClientLeft, Receive

__all__ = ["CallRoute"]

_SHOWN_MODEL = 200


@attrs.frozen
class CallRoute:
    """An ASGI endpoint that serves one endpoint of the OpenAI API: parse, route, book, send, relay."""

    gateway: Gateway
    endpoint: str
    dialect: Dialect = attrs.field(
        default=attrs.Factory(lambda self: DIALECTS.get(self.endpoint) or Passthrough(), takes_self=True)
    )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call; an ApiError is answered by whoever stands around."""
        exchange: Exchange = scope["gaud.exchange"]
        try:
            trip = await self._prepare(scope, receive, exchange)
            await dispatch(self.gateway, trip, exchange, receive, send)
        except ClientLeft:
            exchange.status = CLIENT_LEFT

    async def _prepare(self, scope: Scope, receive: Receive, exchange: Exchange) -> Trip:
        """Read the request and find its upstream."""
        registry, endpoint = self.gateway.registry, self.endpoint
        identity = await self.gateway.door.identify(scope)
        raw = await read_body(scope["headers"], receive, self.gateway.config.server.max_body_bytes)
        body = Body.parse(raw)
        await registry.known(body.model)
        route = registry.route(body.model, identity.may_use, endpoint)
        exchange.fields |= {
            "provider": route.instance.name,
            "model": body.model[:_SHOWN_MODEL],
            "stream": body.stream,
        }
        model = route.instance.by_id.get(route.model)
        natives = route.instance.serves(route.model)
        bridge = bridge_for(endpoint, natives)
        if bridge is None and endpoint not in natives:
            raise not_served(endpoint, route, natives, registry)
        headers = client_headers(scope["headers"], stream=body.stream)
        outgoing, dialect, bridged = body.with_model(route.model), self.dialect, None
        if bridge is not None:
            strict = self.gateway.config.routing.strict or asks_strictly(scope["headers"])
            bridged = across(bridge, outgoing, exchange, strict=strict)
            outgoing, dialect, headers = bridged.body, DIALECTS[bridge.target], bridged.travelling(headers)
        outgoing = dialect.prepare(outgoing)
        call = Call(
            exchange.id,
            bridge.target if bridge else endpoint,
            route.model,
            outgoing,
            headers,
            identity.user_id,
            query=scope["query_string"].decode("latin-1"),
            open_ended=body.stream or self.dialect.binary,
        )
        worst = dialect.worst(outgoing, model)
        return Trip(call, body, route.instance, model, identity, self.dialect, worst, bridged)
