"""What answers hold, made from the values of the register and of the books.

Without slots, because msgspec writes the fields of a class with slots in the order of the alphabet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import attrs
from msgspec import Meta

from gaud_core.access import Key, User
from gaud_core.access.audit import Change
from gaud_core.admin.money import Usd, usd
from gaud_core.admin.times import iso
from gaud_core.ledger.accounts import Account, Purse
from gaud_core.ledger.usage import Row, Sums

__all__ = [
    "AuditEntry",
    "AuditList",
    "BudgetAnswer",
    "CallAnswer",
    "CallList",
    "KeyAnswer",
    "KeyList",
    "ShownKey",
    "SumsAnswer",
    "SumsList",
    "UserAnswer",
    "UserList",
]

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


@attrs.frozen(kw_only=True, slots=False)
class UserAnswer:
    """A user."""

    id: str
    name: str
    role: str
    created_at: Time

    @classmethod
    def of(cls, user: User) -> UserAnswer:
        """Show a user."""
        return cls(id=user.id, name=user.name, role=user.role, created_at=iso(user.created_at))


@attrs.frozen(kw_only=True, slots=False)
class KeyAnswer:
    """A key without its text; `prefix` is how the text begins."""

    id: str
    user_id: str
    prefix: str
    label: str
    models: tuple[str, ...]
    rpm: int | None
    tpm: int | None
    concurrency: int | None
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None
    last_used_at: Time | None

    @classmethod
    def of(cls, key: Key) -> KeyAnswer:
        """Show a key."""
        return cls(**_key_fields(key))


@attrs.frozen(kw_only=True, slots=False)
class ShownKey(KeyAnswer):
    """A key with its text, which is shown this once and kept nowhere."""

    key: str

    @classmethod
    def with_text(cls, key: Key, text: str) -> ShownKey:
        """Show a key that was made just now."""
        return cls(**_key_fields(key), key=text)


@attrs.frozen(kw_only=True, slots=False)
class PeriodAnswer:
    """One day or month in UTC, in US dollars; `reserved` is what running calls may still take."""

    period: str
    spent: Usd
    reserved: Usd
    left: Usd | None
    resets_at: Time


@attrs.frozen(kw_only=True, slots=False)
class BudgetAnswer:
    """The budgets of a user in US dollars, null for none, and what is used of them."""

    user_id: str
    monthly_limit: Usd | None
    daily_limit: Usd | None
    today: PeriodAnswer
    this_month: PeriodAnswer

    @classmethod
    def of(cls, account: Account) -> BudgetAnswer:
        """Show where a user stands."""
        return cls(
            user_id=account.user_id,
            monthly_limit=usd(account.month.limit),
            daily_limit=usd(account.day.limit),
            today=_period(account.day),
            this_month=_period(account.month),
        )


@attrs.frozen(kw_only=True, slots=False)
class CallAnswer:
    """One call in the books; null is unknown, never 0. `cost_source` says who told the cost.

    `units` is what the call has taken of its account's allowance, such as premium requests of a subscription.
    `quantity` is what was counted in something else than tokens, and `unit` says what that is: images,
    seconds, characters or searches. `chosen_by` says why the call went to that instance: prefix, listed,
    pattern, maker or only.
    """

    id: str
    admitted_at: Time
    settled_at: Time | None
    user_id: str | None
    user_name: str | None
    key_id: str | None
    instance: str
    provider: str
    model: str
    endpoint: str
    stream: bool
    state: str
    status: int | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: Usd | None
    cost_source: str | None
    reserved_usd: Usd | None
    first_byte_ms: int | None
    total_ms: int | None
    error: str | None
    units: float | None
    quantity: int | None
    unit: str | None
    chosen_by: str | None
    sent_ms: int | None

    @classmethod
    def of(cls, row: Row) -> CallAnswer:
        """Show a call."""
        fields = attrs.asdict(row)
        fields |= {f"{name}_usd": usd(fields.pop(f"{name}_nanos")) for name in ("cost", "reserved")}
        fields |= {name: _iso(fields[name]) for name in ("admitted_at", "settled_at")}
        return cls(units=_units(fields.pop("milliunits")), **fields)


@attrs.frozen(kw_only=True, slots=False)
class SumsAnswer:
    """Calls added up; null means that not one of them has told the number.

    `group` is the day or the id, null for calls without one; `label` the user's name or the key's label.
    `unknown_cost` calls have ended without a known cost, `estimated` ones are in `cost_usd` as estimates.
    """

    group: str | None
    label: str | None
    calls: int
    errors: int
    open: int
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: Usd | None
    unknown_cost: int
    estimated: int
    units: float | None

    @classmethod
    def of(cls, sums: Sums) -> SumsAnswer:
        """Show one group."""
        fields = attrs.asdict(sums)
        units = _units(fields.pop("milliunits"))
        return cls(cost_usd=usd(fields.pop("cost_nanos")), units=units, **fields)


@attrs.frozen(kw_only=True, slots=False)
class AuditEntry:
    """One change; `detail` depends on the action and holds no secret."""

    id: str
    at: Time
    actor: str
    action: str
    target: str
    detail: dict[str, Any]

    @classmethod
    def of(cls, change: Change) -> AuditEntry:
        """Show a change."""
        fields = attrs.asdict(change, recurse=False)
        return cls(**{**fields, "at": iso(change.at), "detail": dict(change.detail)})


@attrs.frozen(kw_only=True, slots=False)
class UserList:
    """One page of users, the oldest first."""

    data: Sequence[UserAnswer]
    page: int
    per_page: int
    total: int


@attrs.frozen(kw_only=True, slots=False)
class KeyList:
    """One page of keys, the oldest first."""

    data: Sequence[KeyAnswer]
    page: int
    per_page: int
    total: int


@attrs.frozen(kw_only=True, slots=False)
class CallList:
    """One page of calls, the newest first."""

    data: Sequence[CallAnswer]
    page: int
    per_page: int
    total: int


@attrs.frozen(kw_only=True, slots=False)
class SumsList:
    """One page of sums: the newest day first, or else what has cost most."""

    data: Sequence[SumsAnswer]
    page: int
    per_page: int
    total: int


@attrs.frozen(kw_only=True, slots=False)
class AuditList:
    """One page of changes, the newest first."""

    data: Sequence[AuditEntry]
    page: int
    per_page: int
    total: int


def _key_fields(key: Key) -> dict[str, Any]:
    times = ("created_at", "expires_at", "revoked_at", "last_used_at")
    same = {name: getattr(key, name) for name in ("id", "user_id", "prefix", "label")}
    return same | attrs.asdict(key.limits) | {name: _iso(getattr(key, name)) for name in times}


def _period(purse: Purse) -> PeriodAnswer:
    return PeriodAnswer(
        period=purse.period,
        spent=Usd(purse.spent),
        reserved=Usd(purse.reserved),
        left=usd(purse.left),
        resets_at=iso(purse.until),
    )


def _units(milliunits: int | None) -> float | None:
    return None if milliunits is None else milliunits / 1000


def _iso(millis: int | None) -> str | None:
    return None if millis is None else iso(millis)
