"""The path of a call, from the client's bytes to the upstream's and back."""

from __future__ import annotations

import attrs
from msgspec.structs import replace

from gaud_core.access import Identity
from gaud_core.bridge import Bridge
from gaud_core.call import Body, Call
from gaud_core.gateway.bridging import across, asks_strictly, bridge_for, name_dropped
from gaud_core.gateway.dialects import DIALECTS, Dialect, Passthrough
from gaud_core.gateway.dispatch import Scope, Trip
from gaud_core.gateway.endpoint import Endpoint
from gaud_core.gateway.exchange import Exchange
from gaud_core.gateway.headers import client_headers, query_of
from gaud_core.gateway.instances.natives import not_served
from gaud_core.gateway.instances.registry import Route
from gaud_core.gateway.objects.whereabouts import Whereabouts
from gaud_core.gateway.presence import Receive

__all__ = ["SHOWN_MODEL", "CallRoute"]

SHOWN_MODEL = 200


@attrs.frozen
class CallRoute(Endpoint):
    """An ASGI endpoint that serves one endpoint of the OpenAI API: parse, route, book, send, relay."""

    endpoint: str
    dialect: Dialect = attrs.field(
        default=attrs.Factory(lambda self: DIALECTS.get(self.endpoint) or Passthrough(), takes_self=True)
    )

    async def prepare(self, scope: Scope, receive: Receive, exchange: Exchange) -> Trip:
        """Read the request and find its upstream."""
        identity, raw = await self.enter(scope, receive, exchange)
        body = Body.parse(raw)
        registry = self.gateway.current.registry
        if registry.is_looking(body.model):
            await registry.known(body.model)
        if earlier := self.dialect.continues(body):
            route = await self._going_on(earlier, body, identity)
        else:
            route = self.gateway.current.registry.route(body.model, identity.may_use, self.endpoint)
        # from here on nothing is awaited until the instance is leased: it could be replaced in between
        told = exchange.fields
        told["provider"], told["model"] = route.instance.name, body.model[:SHOWN_MODEL]
        told["stream"] = body.stream
        bridge = bridge_for(self.endpoint, route.instance.serves(route.model))
        if bridge is None:
            trip = self._native(scope, exchange, identity, body, route)
        else:
            trip = self._bridged(bridge, scope, exchange, identity, body, route)
        if dropped := trip.instance.guard.dropped(trip.call):
            where = f"The upstream of `{trip.instance.name}` has no place for these fields"
            name_dropped(dropped, where, exchange, strict=self._is_strict(scope))
        exchange.lap("route")
        return trip

    async def _going_on(self, earlier: str, body: Body, identity: Identity) -> Route:
        """Find the upstream by the model's name and by the earlier answer that the request goes on from."""
        gateway = self.gateway
        whereabouts = Whereabouts(gateway, identity)
        made = await whereabouts.remembered(earlier)
        route = gateway.registry.route(body.model, identity.may_use, self.endpoint)
        return route if made is None else whereabouts.continued(made, route, body.model)

    def _is_strict(self, scope: Scope) -> bool:
        return self.gateway.config.routing.strict or asks_strictly(scope["headers"])

    def _native(self, scope: Scope, exchange: Exchange, identity: Identity, body: Body, route: Route) -> Trip:
        """Send the call on as it is."""
        dialect, natives = self.dialect, route.instance.serves(route.model)
        if self.endpoint not in natives:
            raise not_served(self.endpoint, route, natives, self.gateway.registry)
        call = Call(
            exchange.id,
            self.endpoint,
            route.model,
            dialect.prepare(body.with_model(route.model)),
            client_headers(scope["headers"], stream=body.stream),
            identity.user_id,
            query=query_of(scope["query_string"]),
            open_ended=body.stream or dialect.binary,
        )
        model = route.instance.by_id.get(route.model)
        worst = dialect.worst(call.body, model)
        chosen = route.chosen_by
        return Trip(call, body, route.instance, model, identity, dialect, worst, chosen_by=chosen)

    def _bridged(
        self,
        bridge: Bridge,
        scope: Scope,
        exchange: Exchange,
        identity: Identity,
        body: Body,
        route: Route,
    ) -> Trip:
        """Send the call on in the dialect that its model is served on; its query belongs to the other one."""
        bridged = across(bridge, body.with_model(route.model), exchange, strict=self._is_strict(scope))
        dialect, headers = DIALECTS[bridge.target], client_headers(scope["headers"], stream=body.stream)
        call = Call(
            exchange.id,
            bridge.target,
            route.model,
            dialect.prepare(bridged.body),
            bridged.travelling(headers),
            identity.user_id,
            open_ended=body.stream,
        )
        model = route.instance.by_id.get(route.model)
        worst = dialect.worst(call.body, model)
        trip = Trip(call, body, route.instance, model, identity, self.dialect, worst)
        trip = replace(trip, remembers=False, change=bridged.back, endpoint=self.endpoint)
        return replace(trip, chosen_by=route.chosen_by)
