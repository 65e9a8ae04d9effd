"""The path of a call, from the client's bytes to the upstream's and back."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import attrs

from gaud_core.access import Identity
from gaud_core.call import Body, Call
from gaud_core.errors import ApiError, BooksClosed, BudgetSpent, LimitReached
from gaud_core.gateway.booking import CLIENT_LEFT, Booking
from gaud_core.gateway.breaker import Permit
from gaud_core.gateway.delivery import Delivery, Send
from gaud_core.gateway.dialects import DIALECTS, Dialect, Passthrough
from gaud_core.gateway.exchange import Exchange
from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.headers import client_headers
from gaud_core.gateway.instance import Instance
from gaud_core.gateway.intake import read_body
from gaud_core.gateway.limits import limit_headers
from gaud_core.gateway.outcome import Outcome
from gaud_core.gateway.presence import ClientLeft, Presence, Receive
from gaud_core.gateway.registry import Route
from gaud_core.gateway.relay import relay
from gaud_core.ledger import Admission, prompt_tokens, worst_of

__all__ = ["CallRoute"]

_SHOWN_MODEL = 200

Scope = MutableMapping[str, Any]


@attrs.frozen
class CallRoute:
    """An ASGI endpoint that serves one endpoint of the OpenAI API: parse, route, book, send, relay."""

    gateway: Gateway
    endpoint: str
    dialect: Dialect = attrs.field(
        default=attrs.Factory(lambda self: _dialect(self.endpoint), takes_self=True)
    )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call; an ApiError is answered by whoever stands around."""
        exchange: Exchange = scope["gaud.exchange"]
        identity = await self.gateway.door.identify(scope)
        try:
            raw = await read_body(scope["headers"], receive, self.gateway.config.server.max_body_bytes)
            body = Body.parse(raw)
            await self.gateway.registry.known(body.model)
            route = self.gateway.registry.route(body.model, identity.may_use)
            exchange.fields |= {
                "provider": route.instance.name,
                "model": body.model[:_SHOWN_MODEL],
                "stream": body.stream,
            }
            headers = client_headers(scope["headers"], stream=body.stream)
            outgoing = self.dialect.prepare(body.with_model(route.model))
            call = Call(exchange.id, self.endpoint, route.model, outgoing, headers, identity.user_id)
            leaving_ends = self.gateway.config.ledger.on_disconnect == "cancel"
            async with route.instance.lease(), Presence(receive, cancels=leaving_ends) as presence:
                booking = await self._book(call, route, identity, presence, exchange)
                await self._forward(call, route.instance, _Client(body, send, booking))
        except ClientLeft:
            exchange.status = CLIENT_LEFT

    async def _book(
        self, call: Call, route: Route, identity: Identity, presence: Presence, exchange: Exchange
    ) -> Booking:
        """Write the call into the books before it goes out; the reason against it is an ApiError."""
        config, instance = self.gateway.config, route.instance
        model = instance.by_id.get(route.model)
        price = model.price if model else None
        longest = model.max_output_tokens if model else None
        admission = Admission(
            call.id,
            instance.name,
            instance.provider.name,
            route.model,
            self.endpoint,
            call.stream,
            identity.key.id if identity.key else None,
            identity.digest,
            worst_of(prompt_tokens(call.body.raw), call.body.lengths, price, max_output_tokens=longest),
            config.ledger.on_disconnect,
        )
        threshold = config.budget.warning_threshold_percent
        try:
            ticket = await self.gateway.ledger.admit(admission)
        except (LimitReached, BudgetSpent) as refusal:
            exchange.headers += limit_headers(refusal.remaining, threshold)
            raise
        exchange.headers += limit_headers(ticket.remaining, threshold)
        outcome = Outcome(instance.guard.explain)
        return Booking(self.gateway.ledger, ticket, price, outcome, presence, exchange)

    async def _forward(self, call: Call, instance: Instance, client: _Client) -> None:
        """Send the call on and relay the answer; breaker and books hear of the outcome whatever happens."""
        booking, outcome = client.booking, client.booking.outcome
        permit: Permit | None = None
        finished = False
        try:
            permit = instance.admit()
            await self._relay(call, instance, client)
            finished = True
        except BooksClosed:
            raise  # the call went well, only that it cannot be written
        except ApiError as error:
            outcome.fail(error)
            finished = True
            raise
        finally:
            fields = booking.exchange.fields
            if permit is not None:
                latency = fields.get("first_byte_ms", booking.exchange.elapsed_ms())
                instance.settle(permit, outcome, latency, finished=finished)
            fields |= _described(outcome)
            await _closed(booking)

    async def _relay(self, call: Call, instance: Instance, client: _Client) -> None:
        booking = client.booking
        reply = await instance.guard.send(call)
        booking.exchange.fields["first_byte_ms"] = booking.exchange.elapsed_ms()
        delivery = Delivery(client.send, booking.close)
        try:
            await relay(reply, self.dialect, self.dialect.watch(client.body), delivery, booking.outcome)
        finally:
            booking.presence.answered()
            await reply.aclose()


@attrs.frozen
class _Client:
    """The client's side of a call: what he asked, how to answer him, his call in the books."""

    body: Body
    send: Send
    booking: Booking


def _dialect(endpoint: str) -> Dialect:
    return DIALECTS.get(endpoint) or Passthrough()


async def _closed(booking: Booking) -> None:
    """Settle what is not settled yet; what cannot be written now, the ledger tries again."""
    try:
        await booking.close()
    except BooksClosed as error:
        booking.exchange.fields.setdefault("error", error.message)


def _described(outcome: Outcome) -> dict[str, Any]:
    """Give what is known at the end for the log line."""
    fields: dict[str, Any] = {}
    if outcome.usage is not None:
        fields |= {"in": outcome.usage.input_tokens, "out": outcome.usage.output_tokens}
    if outcome.error is not None:
        fields |= {"error": outcome.error.message, "hint": outcome.hint}
    return fields
