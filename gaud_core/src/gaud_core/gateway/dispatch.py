"""A call that is ready to go: booked, sent, relayed, settled, whatever happens to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any

from msgspec import Struct

from gaud_core.access import Identity
from gaud_core.call import Body, Call, Reply
from gaud_core.errors import ApiError, BooksClosed, BudgetSpent, LimitReached
from gaud_core.gateway.booking import Booking
from gaud_core.gateway.delivery import WIRE, Delivery, Send, Wire
from gaud_core.gateway.dialects import Dialect
from gaud_core.gateway.exchange import Exchange
from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.instances.breaker import Permit
from gaud_core.gateway.instances.instance import Instance
from gaud_core.gateway.limits import limit_headers
from gaud_core.gateway.outcome import Outcome
from gaud_core.gateway.presence import LEAVING, Leaving, Presence, Receive
from gaud_core.gateway.relay import relay
from gaud_core.ledger import Admission, Made, Worst
from gaud_core.provider import Model

__all__ = ["Client", "Scope", "Trip", "client_of", "dispatch"]

Scope = MutableMapping[str, Any]

_LONGEST_ID = 1000


class Trip(Struct, frozen=True):
    """A call, where it goes, who asks, and the most that it can take.

    `asked` is the client's own body, `dialect` that of the client's endpoint; the call is in another one when
    it crosses a bridge, and `change` brings its answer back.
    """

    call: Call
    asked: Body
    instance: Instance
    model: Model | None
    identity: Identity
    dialect: Dialect
    worst: Worst
    free: bool = False
    """Whether it uses nothing up, such as a question for an answer that is paid for already."""
    remembers: bool = True
    """Whether ids in the answer become those of who asks."""
    change: Callable[[Reply], Awaitable[Reply]] | None = None
    """Makes of the upstream's reply the one that the client gets."""
    endpoint: str = ""
    """The endpoint that the client asked, under which the call is booked; the call's own when empty."""
    chosen_by: str | None = None
    """Why it goes to that instance, see `Route`; `only` where a header or nothing else decided."""


class Client(Struct, frozen=True):
    """The way to the client: what he says, what he is told, when he leaves.

    With a `wire` he can be told things past the middleware, and with `joins` a whole answer in one message.

    Without `leaving`, which only our own protocol knows, a task waits for what he says after his request.
    """

    receive: Receive
    send: Send
    wire: Wire | None = None
    joins: bool = False
    leaving: Leaving | None = None


def client_of(scope: Scope, receive: Receive, send: Send) -> Client:
    """Give the client of a request whose body has been read to its end."""
    wire: Wire | None = scope.get(WIRE) if scope["method"] != "HEAD" else None
    return Client(receive, send, wire, wire is not None, scope.get(LEAVING))


async def dispatch(gateway: Gateway, trip: Trip, exchange: Exchange, client: Client) -> None:
    """Make the call and answer it; what goes wrong before the answer begins is an ApiError, or ClientLeft."""
    leaving_ends = gateway.current.config.ledger.on_disconnect == "cancel"
    presence = Presence(client.receive, cancels=leaving_ends, leaving=client.leaving)
    with trip.instance.lease(), presence:
        booking = await _book(gateway, trip, presence, exchange)
        await _forward(trip, booking, client)
    if presence.left:
        await presence.over()


async def _book(gateway: Gateway, trip: Trip, presence: Presence, exchange: Exchange) -> Booking:
    """Write the call into the books before it goes out; the reason against it is an ApiError."""
    config, instance, identity, call = gateway.current.config, trip.instance, trip.identity, trip.call
    exchange.model = call.model if trip.model else "other"
    admission = Admission(
        call.id,
        instance.name,
        instance.provider.name,
        call.model,
        trip.endpoint or call.endpoint,
        call.body.stream,
        identity.key.id if identity.key else None,
        identity.digest,
        trip.worst,
        config.ledger.on_disconnect,
        trip.chosen_by,
    )
    threshold = config.budget.warning_threshold_percent
    try:
        ticket = await gateway.ledger.admit(admission)
    except (LimitReached, BudgetSpent) as refusal:
        exchange.headers.extend(limit_headers(refusal.remaining, threshold))
        raise
    exchange.headers.extend(limit_headers(ticket.remaining, threshold))
    remember = partial(_remember, gateway, trip) if trip.remembers else _forget
    outcome = Outcome(instance.guard.explain, remember, trip.dialect.measured(trip.asked))
    price = trip.model.price if trip.model else None
    return Booking(
        gateway.ledger, ticket, price, outcome, presence, exchange, free=trip.free or trip.dialect.free
    )


async def _forward(trip: Trip, booking: Booking, client: Client) -> None:
    """Send the call on and relay the answer; breaker and books hear of the outcome whatever happens."""
    outcome, instance = booking.outcome, trip.instance
    permit: Permit | None = None
    finished = False
    try:
        permit = instance.admit()
        await _relay(trip, booking, client)
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
            latency = fields.get("first_byte_ms") or booking.exchange.elapsed_ms()
            instance.settle(permit, outcome, latency, finished=finished)
        fields |= _described(outcome)
        if not booking.is_closed:
            await _closed(booking)


async def _relay(trip: Trip, booking: Booking, client: Client) -> None:
    exchange = booking.exchange
    booking.sent_ms = exchange.lap("admit")
    reply = await trip.instance.guard.send(trip.call)
    exchange.fields["first_byte_ms"] = round(exchange.lap("upstream"), 1)
    delivery = Delivery(client.send, booking.close, client.wire, client.joins, exchange.lap)
    try:
        if trip.change is not None:
            reply = await trip.change(reply)
        await relay(reply, trip.dialect, trip.dialect.watch(trip.asked), delivery, booking.outcome)
    finally:
        booking.presence.answered()
        await reply.aclose()


def _remember(gateway: Gateway, trip: Trip, made: str) -> None:
    key, user = trip.identity.key, trip.identity.user_id
    if len(made) <= _LONGEST_ID:
        gateway.ledger.remember(Made(made, trip.instance.name, user, key.id if key else None))


def _forget(made: str) -> None:
    """Remember nothing."""


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
        fields |= {"estimated": True} if outcome.usage.estimated else {}
    if outcome.error is not None:
        fields |= {"error": outcome.error.message, "hint": outcome.hint}
    return fields
