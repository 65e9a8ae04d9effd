"""Whether a call may go out: the key, its limits, its user's budgets; and what is left of them."""

from __future__ import annotations

import hmac
from typing import Any

from gaud_core.access.rules import model_allowed
from gaud_core.errors import ApiError, BudgetSpent, InvalidKey, LimitReached, NotAllowed, model_not_allowed
from gaud_core.ledger.standing import HORIZON_SECS, KeyState, Standing
from gaud_core.ledger.values import Admission, Policy, Remaining, Room, Ticket
from gaud_core.provider.base import dollars

__all__ = ["admit"]

_KEPT_MODEL = 500  # a client may send a name of megabytes


def admit(wants: Admission, standing: Standing, policy: Policy, worker: str) -> Ticket:
    """Book a call, or raise the reason against it and change nothing."""
    key = None
    if wants.key_id is not None:
        key = _valid_key(wants, wants.key_id, standing)
        _check_window(key, wants, standing)
        _check_concurrency(key, standing)
        _check_budgets(key, wants, standing, policy)
    standing.book(key, _intent(wants, key, standing.now, worker))
    user = key.user_id if key else None
    remaining = _remaining(key, standing) if key else Remaining()
    return Ticket(wants.id, user, standing.now, wants.worst, remaining, wants.key_id)


def _valid_key(wants: Admission, key_id: str, standing: Standing) -> KeyState:
    """The key as it is now: what the caller knows of it may be older than a revocation."""
    key = standing.keys.get(key_id)
    if key is None or not _is_valid(key, wants, standing.now):
        raise InvalidKey("This key is not valid.")
    if wants.model and not model_allowed(key.models, wants.instance, wants.model):
        raise model_not_allowed(wants.model)
    return key


def _is_valid(key: KeyState, wants: Admission, now: int) -> bool:
    if key.revoked_at is not None or key.user_deleted_at is not None:
        return False
    if key.expires_at is not None and now >= key.expires_at:
        return False
    if wants.digest is None or hmac.compare_digest(wants.digest, key.digest):
        return True
    in_grace = key.previous_until is not None and now < key.previous_until
    return in_grace and hmac.compare_digest(wants.digest, key.previous_digest or b"")


def _check_window(key: KeyState, wants: Admission, standing: Standing) -> None:
    requests, tokens = standing.requests.get(key.id, 0), standing.tokens.get(key.id, 0)
    if key.rpm is not None and requests + 1 > key.rpm:
        raise LimitReached(
            "rpm",
            f"This key may make {key.rpm} requests in a minute, and it has made them.",
            remaining=_remaining(key, standing),
            retry_after=_room_in(key, standing, 1, requests + 1 - key.rpm),
        )
    if key.tpm is not None and tokens + wants.worst.tokens > key.tpm:
        raise LimitReached(
            "tpm",
            f"This key may use {key.tpm} tokens in a minute; {max(0, key.tpm - tokens)} are left, "
            f"and this call may take {wants.worst.tokens}.",
            remaining=_remaining(key, standing),
            retry_after=_room_in(key, standing, 2, tokens + wants.worst.tokens - key.tpm),
        )


def _room_in(key: KeyState, standing: Standing, column: int, needed: int) -> int:
    """Seconds until the oldest seconds of the window have given back what is needed, or all of them have."""
    for row in standing.seconds(key.id):
        needed -= row[column]
        if needed <= 0:
            return max(1, int(row[0]) + HORIZON_SECS - standing.second)
    return HORIZON_SECS


def _check_concurrency(key: KeyState, standing: Standing) -> None:
    if key.concurrency is not None and standing.running.get(key.id, 0) >= key.concurrency:
        raise LimitReached(
            "concurrency",
            f"This key may make {key.concurrency} calls at a time, and they are running.",
            remaining=_remaining(key, standing),
            retry_after=1,
        )


def _check_budgets(key: KeyState, wants: Admission, standing: Standing, policy: Policy) -> None:
    if not key.has_budget:
        return
    if wants.worst.nanos is None and policy.refuse_unpriced:
        raise NotAllowed(
            f"The model {wants.model} has no known price, so it cannot be used under a budget.",
            code="model_unpriced",
            param="model",
        )
    day, month = standing.periods
    limits = (("daily", key.daily_nanos, day), ("monthly", key.monthly_nanos, month))
    for name, limit, period in limits:
        if limit is not None:
            left = limit - standing.used.get((key.user_id, period), 0)
            # a call of unknown cost may begin as long as anything is left
            if left < (1 if wants.worst.nanos is None else wants.worst.nanos):
                raise _spent(name, left, wants.worst.nanos, key, standing)


def _spent(name: str, left: int, worst: int | None, key: KeyState, standing: Standing) -> ApiError:
    told = f"Your {name} budget is used up."
    if left > 0 and worst is not None:
        told = (
            f"Your {name} budget has no room for this call: it may cost up to {dollars(worst)} USD, "
            f"and {dollars(left)} USD are left. A lower `max_tokens` makes it cost less."
        )
    return BudgetSpent(
        name,
        told,
        remaining=_remaining(key, standing),
        retry_after=standing.turns[name != "daily"],
    )


def _intent(wants: Admission, key: KeyState | None, now: int, worker: str) -> dict[str, Any]:
    return {
        "id": wants.id,
        "worker": worker,
        "user_id": key.user_id if key else None,
        "key_id": key.id if key else None,
        "instance": wants.instance,
        "provider": wants.provider,
        "model": wants.model[:_KEPT_MODEL],
        "endpoint": wants.endpoint,
        "stream": wants.stream,
        "on_disconnect": wants.on_disconnect,
        "chosen_by": wants.chosen_by,
        "reserved_nanos": wants.worst.nanos,
        "reserved_tokens": wants.worst.tokens,
        "admitted_at": now,
    }


def _remaining(key: KeyState, standing: Standing) -> Remaining:
    day, month = standing.periods
    until_day, until_month = standing.turns
    used, user = standing.used, key.user_id
    return Remaining(
        None if key.rpm is None else _room(key.rpm, standing.requests.get(key.id, 0), HORIZON_SECS),
        None if key.tpm is None else _room(key.tpm, standing.tokens.get(key.id, 0), HORIZON_SECS),
        None if key.concurrency is None else _room(key.concurrency, standing.running.get(key.id, 0), 0),
        None if key.daily_nanos is None else _room(key.daily_nanos, used.get((user, day), 0), until_day),
        None
        if key.monthly_nanos is None
        else _room(key.monthly_nanos, used.get((user, month), 0), until_month),
    )


def _room(limit: int, used: int, reset_secs: int) -> Room:
    return Room(limit, limit - used if used < limit else 0, reset_secs)
