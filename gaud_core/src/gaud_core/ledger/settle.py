"""How calls end: their rows, their users' money, their keys' tokens; each once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from gaud_core.ledger.prices import MAX_NANOS
from gaud_core.ledger.standing import Standing
from gaud_core.ledger.values import Settled, Settlement

__all__ = ["Closing", "OpenCall", "close", "find", "settle"]

MAX_TOKENS = 2**40


class Closing(Struct, frozen=True, gc=False):
    """A settlement on its way, with the call that it is for."""

    call_id: str
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
    found = find(standing, [closing.call_id for closing in closings])
    answers, rows, ended = [], [], set[str]()
    for closing in closings:
        call = found.get(closing.call_id)
        if call is None:
            answers.append(Settled.UNKNOWN)
        elif call.state == "settled" or call.id in ended:
            answers.append(Settled.ALREADY)
        else:
            rows.append(close(call, "settled", closing.settlement, standing))
            ended.add(call.id)  # for a twin in the same batch
            answers.append(Settled.WRITTEN)
    standing.statements.end_call.many(standing.connection, rows)
    return answers


def find(standing: Standing, ids: Sequence[str]) -> dict[str, OpenCall]:
    """Read calls by id."""
    if not ids:
        return {}
    rows = standing.statements.calls.rows(standing.connection, ids, {})
    return {row[0]: OpenCall(*row) for row in rows}


def close(call: OpenCall, state: str, ending: Settlement, standing: Standing) -> Mapping[str, Any]:
    """Turn a call's reservation into its cost and give the row's new values."""
    cost = _clamped(ending.cost_nanos, MAX_NANOS)
    tokens_in, tokens_out = (
        _clamped(ending.input_tokens, MAX_TOKENS),
        _clamped(ending.output_tokens, MAX_TOKENS),
    )
    if call.user_id is not None:
        spent = (cost or 0) - (call.cost_nanos or 0)
        held = -(call.reserved_nanos or 0) if call.state == "open" else 0
        standing.add_spend(call.user_id, call.admitted_at, spent, held)
    if call.key_id is not None and tokens_in is not None:
        # without a count the reservation goes on counting against the key's tokens in a minute
        used = tokens_in + (tokens_out or 0)
        standing.add_window(call.key_id, call.admitted_at, 0, used - call.reserved_tokens)
    return {
        "call": call.id,
        "new_state": state,
        "new_status": ending.status,
        "new_input_tokens": tokens_in,
        "new_output_tokens": tokens_out,
        "new_cached_tokens": _clamped(ending.cached_tokens, MAX_TOKENS),
        "new_reasoning_tokens": _clamped(ending.reasoning_tokens, MAX_TOKENS),
        "new_cost_nanos": cost,
        "new_cost_source": ending.cost_source,
        "new_settled_at": standing.now,
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
