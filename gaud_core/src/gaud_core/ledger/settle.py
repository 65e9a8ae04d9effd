"""How calls end: their rows, their users' money, their keys' tokens; each once."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from msgspec import Struct

from gaud_core.ledger.prices import MAX_NANOS
from gaud_core.ledger.standing import Standing
from gaud_core.ledger.statements import SELDOM
from gaud_core.ledger.values import Settled, Settlement, Ticket

__all__ = ["Closing", "OpenCall", "close", "settle"]

MAX_TOKENS = 2**40

_WRITTEN = Settled.WRITTEN
_seldom = itemgetter(*[f"new_{name}" for name in SELDOM])
_NOTHING = (None,) * len(SELDOM)


class Closing(Struct, frozen=True, gc=False):
    """A settlement on its way, with the ticket of the call that it is for."""

    ticket: Ticket
    settlement: Settlement


class OpenCall(Struct, frozen=True, gc=False):
    """A call as it stands in the books before it ends."""

    id: str
    state: str
    user_id: str | None
    key_id: str | None
    reserved_nanos: int | None
    reserved_tokens: int
    cost_nanos: int | None
    admitted_at: int


def settle(closings: Sequence[Closing], standing: Standing) -> list[Settled]:
    """Write each settlement whose call is not settled yet; a lost call's estimate gives way to the truth."""
    return [_settle(closing, standing) for closing in closings]


def _settle(closing: Closing, standing: Standing) -> Settled:
    """Take the call for open, as nearly all are, and look at it only if it is not."""
    ticket, ending = closing.ticket, closing.settlement
    worst = ticket.worst
    call: OpenCall | None = OpenCall(
        ticket.id, "open", ticket.user_id, ticket.key_id, worst.nanos, worst.tokens, None, ticket.admitted_at
    )
    while call is not None and call.state != "settled":
        if close(call, "settled", ending, standing):
            return _WRITTEN
        call = _find(ticket.id, standing)
    return Settled.UNKNOWN if call is None else Settled.ALREADY


def _find(call_id: str, standing: Standing) -> OpenCall | None:
    row = standing.statements.call.one(standing.connection, {"call": call_id}).fetchone()
    return None if row is None else OpenCall(*row)


def close(call: OpenCall, state: str, ending: Settlement, standing: Standing) -> bool:
    """Turn a call's reservation into its cost; False, and nothing is changed, if it is not in that state."""
    row = _ended(call, state, ending, standing.now)
    is_plain = call.state == "open" and _seldom(row) == _NOTHING
    end = standing.statements.end_plainly if is_plain else standing.statements.end_call
    if not end.one(standing.connection, row).rowcount:
        return False
    tokens_in, tokens_out = row["new_input_tokens"], row["new_output_tokens"]
    if call.user_id is not None:
        spent = (row["new_cost_nanos"] or 0) - (call.cost_nanos or 0)
        held = -(call.reserved_nanos or 0) if call.state == "open" else 0
        standing.add_spend(call.user_id, call.admitted_at, spent, held)
    if call.key_id is not None and tokens_in is not None:
        # without a count the reservation goes on counting against the key's tokens in a minute
        used = tokens_in + (tokens_out or 0)
        standing.add_window(call.key_id, call.admitted_at, 0, used - call.reserved_tokens)
    return True


def _ended(call: OpenCall, state: str, ending: Settlement, now: int) -> dict[str, Any]:
    return {
        "call": call.id,
        "was": call.state,
        "new_state": state,
        "new_status": ending.status,
        "new_input_tokens": _clamped(ending.input_tokens, MAX_TOKENS),
        "new_output_tokens": _clamped(ending.output_tokens, MAX_TOKENS),
        "new_cached_tokens": _clamped(ending.cached_tokens, MAX_TOKENS),
        "new_reasoning_tokens": _clamped(ending.reasoning_tokens, MAX_TOKENS),
        "new_cost_nanos": _clamped(ending.cost_nanos, MAX_NANOS),
        "new_cost_source": ending.cost_source,
        "new_settled_at": now,
        "new_first_byte_ms": ending.first_byte_ms,
        "new_total_ms": ending.total_ms,
        "new_error": ending.error,
        "new_milliunits": _clamped(ending.milliunits, MAX_TOKENS),
        "new_quantity": _clamped(ending.quantity, MAX_TOKENS),
        "new_unit": ending.unit,
        "new_sent_ms": ending.sent_ms,
    }


def _clamped(value: int | None, most: int) -> int | None:
    if value is None or 0 <= value <= most:
        return value
    return 0 if value < 0 else most
