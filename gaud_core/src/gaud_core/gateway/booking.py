"""One call in the books: admitted before it goes out, settled once with what it has cost."""

from __future__ import annotations

import asyncio

from msgspec import Struct

from gaud_core.call import Usage
from gaud_core.errors import BooksClosed, ProviderError, one_line
from gaud_core.gateway.exchange import Exchange
from gaud_core.gateway.outcome import Outcome
from gaud_core.gateway.presence import Presence
from gaud_core.ledger import Ledger, Settled, Settlement, Ticket, cost_of, nanos_of_usd
from gaud_core.provider import Price

__all__ = ["CLIENT_LEFT", "Booking"]

CLIENT_LEFT = 499
"""The status of a call whose client left; nginx's convention."""

_STOPPED = 503
_LONGEST_CODE = 100
_NOTHING = Usage()
_DEFERRED = Settled.DEFERRED
_NOT_WRITTEN = "The answer is there, but Gaud cannot write to its books at the moment. Ask again later."


class Booking(Struct, eq=False):
    """A call's ticket, and how it is settled."""

    ledger: Ledger
    ticket: Ticket
    price: Price | None
    outcome: Outcome
    presence: Presence
    exchange: Exchange
    free: bool = False
    """Whether the endpoint costs nothing, whatever the answer says."""
    sent_ms: float | None = None
    """When the call went out, since the request came; None as long as it has not."""
    _settled: asyncio.Future[Settled] | None = None

    @property
    def is_closed(self) -> bool:
        """Whether how it ended is on disk."""
        settled = self._settled
        if settled is None or not settled.done() or settled.cancelled():
            return False
        return settled.exception() is None and settled.result() is not _DEFERRED

    async def close(self) -> None:
        """Settle the call with what is known now, once; BooksClosed as long as that is not on disk."""
        settled = self._settled
        if settled is None or settled.cancelled():  # a twin of one that is on its way changes nothing
            settled = self._settled = self.ledger.settling(self.ticket, self._settlement())
        if (settled.result() if settled.done() else await settled) is _DEFERRED:
            raise BooksClosed(_NOT_WRITTEN, retry_after=5)

    def _settlement(self) -> Settlement:
        status, error = self._ending()
        counted = self._counted()
        cost, source = self._cost(counted)
        self.exchange.cost_nanos = cost
        usage = counted or (_NOTHING if self.free or self.outcome.was_free else None)
        first_byte = self.exchange.fields.get("first_byte_ms")
        return Settlement(
            status,
            cost,
            source,
            *_tokens(usage),
            None if first_byte is None else round(first_byte),
            round(self.exchange.elapsed_ms()),
            error,
            self._milliunits(),
            usage.quantity if usage and usage.unit else None,
            (usage.unit or None) if usage else None,
            None if self.sent_ms is None else round(self.sent_ms),
        )

    def _ending(self) -> tuple[int | None, str | None]:
        """Give the status and a code for what went wrong; the words are in the log, which masks secrets."""
        outcome = self.outcome
        if self.presence.left:
            return CLIENT_LEFT, "client_left"
        if outcome.error is not None:
            return outcome.error.http_status, _code(outcome.error)
        return (outcome.status, None) if outcome.answered else (_STOPPED, "gateway_stopped")

    def _counted(self) -> Usage | None:
        """Give what the upstream has counted, else what the request says of a good answer.

        0 of everything is no count, and some say just that.
        """
        if self.free:
            return None
        outcome = self.outcome
        usage = outcome.usage
        if usage and (usage.input_tokens or usage.output_tokens or usage.quantity):
            return usage
        good = outcome.answered and outcome.error is None
        return outcome.measured if good and outcome.measured and outcome.measured.quantity else None

    def _cost(self, counted: Usage | None) -> tuple[int | None, str]:
        """Give the cost and its source: what was said, else the price of what was counted, else the worst."""
        if self.free:
            return 0, "none"
        usage = self.outcome.usage
        said = usage.cost_usd if usage and usage.cost_usd is not None else self.outcome.cost_usd
        # a plugin may say it in another type: a call that cannot be settled stays open for ever
        if said is not None and (nanos := nanos_of_usd(str(said))) is not None:
            return nanos, "provider"
        if counted is not None:
            return cost_of(counted, self.price)
        if self.outcome.was_free:
            return 0, "none"
        if self.price is not None and self.price.subscription:
            return 0, "subscription"
        worst = self.ticket.worst.nanos
        return worst, "none" if worst is None else "estimated"

    def _milliunits(self) -> int | None:
        """Give what was taken of the account's allowance; a refusal takes nothing, and None is unknown."""
        usage = self.outcome.usage
        told = self.outcome.milliunits if usage is None or usage.milliunits is None else usage.milliunits
        if told is None and self.price is not None:
            told = self.price.milliunits
        return 0 if told and self.outcome.was_free else told


def _code(error: ProviderError) -> str:
    """Give the code in a shape that every database takes; upstreams make up their own."""
    return one_line(error.error_code or "").strip()[:_LONGEST_CODE] or "upstream_error"


def _tokens(usage: Usage | None) -> tuple[int | None, int | None, int | None, int | None]:
    if usage is None:
        return None, None, None, None
    return usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens
