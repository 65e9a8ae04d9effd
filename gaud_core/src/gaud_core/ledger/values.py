"""What goes into the ledger and what comes out; money in nano-dollars, times in milliseconds."""

from __future__ import annotations

import enum

import attrs
from msgspec import Struct

__all__ = ["Admission", "Policy", "Remaining", "Room", "Settled", "Settlement", "Ticket", "Worst"]


class Worst(Struct, frozen=True, gc=False):
    """The most that a call can take; `nanos` is None when the model has no price."""

    tokens: int = 0
    nanos: int | None = None


class Admission(Struct, frozen=True, gc=False):
    """A call that wants to go out; `id` is ours and unique, never one that a client chose.

    Without `key_id` there is nobody to hold to a limit: keys are switched off. `digest` is that of the key
    as the client presented it, so that a rotated key ends when its grace does.
    """

    id: str
    instance: str
    provider: str
    model: str
    endpoint: str
    stream: bool = False
    key_id: str | None = None
    digest: bytes | None = None
    worst: Worst = Worst()
    on_disconnect: str = "cancel"
    chosen_by: str | None = None

    def __repr__(self) -> str:
        return f"Admission({self.id!r}, {self.model!r}, {self.key_id!r})"


class Room(Struct, frozen=True, gc=False):
    """What is left of one limit after this call, and in how many seconds it is whole again."""

    limit: int
    left: int
    reset_secs: int


class Remaining(Struct, frozen=True, gc=False):
    """What is left of each limit that the caller has."""

    rpm: Room | None = None
    tpm: Room | None = None
    concurrency: Room | None = None
    daily: Room | None = None
    monthly: Room | None = None


class Ticket(Struct, frozen=True, gc=False):
    """A call that is in the books and may go out; it must be settled, whatever happens to it."""

    id: str
    user_id: str | None
    admitted_at: int
    worst: Worst
    remaining: Remaining = Remaining()
    key_id: str | None = None


class Settlement(Struct, frozen=True, gc=False):
    """How a call ended. A cost of None is unknown, never free; tokens of None were never told.

    `milliunits` are thousandths of the unit of an account's allowance, None where there is none. `quantity`
    is how many of `unit` were counted, where that is not tokens.
    """

    status: int | None
    cost_nanos: int | None = None
    cost_source: str = "none"
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    first_byte_ms: int | None = None
    total_ms: int | None = None
    error: str | None = None
    milliunits: int | None = None
    quantity: int | None = None
    unit: str | None = None
    sent_ms: int | None = None
    """When the call went out to the provider, counted from its arrival as the other times are."""


class Settled(enum.Enum):
    """What became of a settlement."""

    WRITTEN = "written"
    """It is committed."""
    ALREADY = "already"
    """The call was settled before; nothing was changed."""
    UNKNOWN = "unknown"
    """No call of this id is in the books; nothing was changed."""
    DEFERRED = "deferred"
    """The store cannot write now: the reservation stands, and the ledger goes on trying while it runs."""


@attrs.frozen
class Policy:
    """What the configuration says about the books."""

    refuse_unpriced: bool = False
    retention_days: int | None = None
