"""The path of a call, from the client's bytes to the upstream's and back."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import attrs

from gaud_core.access import Caller
from gaud_core.call import Body, Call
from gaud_core.errors import ProviderError
from gaud_core.gateway.dialects import DIALECTS, Dialect, Passthrough
from gaud_core.gateway.exchange import Exchange
from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.headers import client_headers
from gaud_core.gateway.instance import Instance
from gaud_core.gateway.intake import read_body
from gaud_core.gateway.outcome import Outcome, Send
from gaud_core.gateway.presence import ClientLeft, Presence, Receive
from gaud_core.gateway.relay import relay

__all__ = ["CallRoute"]

_SHOWN_MODEL = 200

CLIENT_LEFT = 499
"""The status in the log of a call whose client left; nginx's convention."""


@attrs.frozen
class CallRoute:
    """An ASGI endpoint that serves one endpoint of the OpenAI API: parse, route, send, relay."""

    gateway: Gateway
    endpoint: str
    dialect: Dialect = attrs.field(
        default=attrs.Factory(lambda self: _dialect(self.endpoint), takes_self=True)
    )

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one call; an ApiError is answered by whoever stands around."""
        exchange: Exchange = scope["gaud.exchange"]
        caller = self.gateway.keys.check(scope["headers"])
        try:
            raw = await read_body(scope["headers"], receive, self.gateway.config.server.max_body_bytes)
            body = Body.parse(raw)
            route = self.gateway.registry.route(body.model)
            exchange.fields |= {
                "provider": route.instance.name,
                "model": body.model[:_SHOWN_MODEL],
                "stream": body.stream,
            }
            call = self._call(exchange, scope, caller, body, route.model)
            async with Presence(receive) as presence:
                await self._forward(call, route.instance, _Client(body, send, presence, exchange))
        except ClientLeft:
            exchange.status = CLIENT_LEFT

    def _call(
        self, exchange: Exchange, scope: MutableMapping[str, Any], caller: Caller, body: Body, model: str
    ) -> Call:
        headers = client_headers(scope["headers"], stream=body.stream)
        outgoing = self.dialect.prepare(body.with_model(model))
        return Call(exchange.id, self.endpoint, model, outgoing, headers, caller.user)

    async def _forward(self, call: Call, instance: Instance, client: _Client) -> None:
        """Send the call on and relay the answer; the breaker hears of the outcome whatever happens."""
        permit = instance.admit()
        outcome = Outcome(instance.guard.explain)
        finished = False
        try:
            await self._relay(call, instance, client, outcome)
            finished = True
        except ProviderError as error:
            outcome.fail(error)
            finished = True
            raise
        finally:
            fields = client.exchange.fields
            latency = fields.get("first_byte_ms", client.exchange.elapsed_ms())
            instance.settle(permit, outcome, latency, finished=finished)
            fields |= _described(outcome)

    async def _relay(self, call: Call, instance: Instance, client: _Client, outcome: Outcome) -> None:
        reply = await instance.guard.send(call)
        client.exchange.fields["first_byte_ms"] = client.exchange.elapsed_ms()
        try:
            await relay(reply, self.dialect, self.dialect.watch(client.body), client.send, outcome)
        finally:
            client.presence.answered()
            await reply.aclose()


@attrs.frozen
class _Client:
    """The client's side of a call: what he asked, how to answer him, whether he is still there."""

    body: Body
    send: Send
    presence: Presence
    exchange: Exchange


def _dialect(endpoint: str) -> Dialect:
    return DIALECTS.get(endpoint) or Passthrough()


def _described(outcome: Outcome) -> dict[str, Any]:
    """Give what is known at the end for the log line."""
    fields: dict[str, Any] = {}
    if outcome.usage is not None:
        fields |= {"in": outcome.usage.input_tokens, "out": outcome.usage.output_tokens}
    if outcome.error is not None:
        fields |= {"error": outcome.error.message, "hint": outcome.hint}
    return fields
