"""What the books say about past calls: rows, newest first, and sums.

Everything here only reads, and blocks for as long as the query takes: call it in a thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Generic, TypeVar

import attrs
from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from gaud_core.errors import BadRequest, NotFound
from gaud_core.ledger.periods import DAY_MS, day_of
from gaud_core.store import Store
from gaud_core.store.schema import calls, keys, users

__all__ = [
    "FAILED",
    "GROUPS",
    "STATUSES",
    "Page",
    "Row",
    "Sums",
    "UsageFilter",
    "iterate_usage",
    "list_usage",
    "read_call",
    "summarise",
    "usage_batches",
]

STATUSES: Final = ("ok", "error", "open", "lost")
"""What a filter's `status` can be beside an HTTP status: an end that is well, one that is not, none yet, and
one that nobody saw because the process died."""

GROUPS: Final = ("day", "user", "model", "provider", "key")
"""By what sums can be told apart."""

_BATCH = 500
_T = TypeVar("_T")


def _check_status(_: object, __: object, status: str | None) -> None:
    if status is None or status in STATUSES:
        return
    if not (len(status) == 3 and status.isascii() and status.isdigit() and "100" <= status <= "599"):
        raise BadRequest(
            "`status` must be ok, error, open, lost, or an HTTP status such as 429.", param="status"
        )


@attrs.frozen
class UsageFilter:
    """Which calls are meant; None leaves no call out.

    `provider` is an instance's name or its provider's, `status` one of `STATUSES` or an HTTP status as text
    (BadRequest for another). Times are UTC milliseconds of the admission: from `since` on, before `until`.
    """

    user_id: str | None = None
    key_id: str | None = None
    provider: str | None = None
    model: str | None = None
    status: str | None = attrs.field(default=None, validator=_check_status)
    since: int | None = None
    until: int | None = None


@attrs.frozen
class Row:
    """One call. Tokens and costs of None are unknown, never 0; money is in nano-dollars."""

    id: str
    admitted_at: int
    settled_at: int | None
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
    cost_nanos: int | None
    cost_source: str | None
    reserved_nanos: int | None
    first_byte_ms: int | None
    total_ms: int | None
    error: str | None
    milliunits: int | None
    """Thousandths of the unit of the account's allowance, such as premium requests."""
    quantity: int | None
    """What was counted in something else than tokens: so many of `unit`."""
    unit: str | None
    chosen_by: str | None
    """Why it went to that instance: by the name's `prefix`, because it is `listed` there, by a `pattern`, as
    `maker` of what the request goes on from, or as the `only` one that was meant; None of older calls."""
    sent_ms: int | None
    """Until the call went out to the provider, from its arrival on as the other two times."""


@attrs.frozen
class Sums:
    """The calls of one day, user, model, provider (its instance) or key, added up.

    `group` is the day or the id, None for calls without one; `label` is the user's name or the key's label.
    A sum of None means that not one of the calls has told the number; else it is over those that have.
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
    cost_nanos: int | None
    unknown_cost: int
    """How many of the ended calls have no known cost, so are not in `cost_nanos`."""
    estimated: int
    """How many calls are in `cost_nanos` with an estimate."""
    milliunits: int | None


@attrs.frozen
class Page(Generic[_T]):
    """One page of a list, and how long the list is."""

    rows: Sequence[_T]
    total: int


_COLUMNS: Final = tuple(
    users.c.name.label(field.name) if field.name == "user_name" else calls.c[field.name]
    for field in attrs.fields(Row)
)
FAILED: Final = or_(
    calls.c.state == "lost",
    and_(
        calls.c.state == "settled",
        or_(calls.c.status.is_(None), calls.c.status >= 400, calls.c.error.is_not(None)),
    ),
)
"""Which calls have come to no good end."""

_GROUPED: Final[dict[str, ColumnElement[Any]]] = {
    "day": calls.c.admitted_at // DAY_MS,
    "user": calls.c.user_id,
    "model": calls.c.model,
    "provider": calls.c.instance,
    "key": calls.c.key_id,
}
_LABELS: Final = {"user": (users.c.id, users.c.name), "key": (keys.c.id, keys.c.label)}


def list_usage(store: Store, wanted: UsageFilter, page: int = 1, per_page: int = 50) -> Page[Row]:
    """Give one page of calls, the newest first, as the books are at this moment."""
    conditions = _conditions(wanted)
    with store.reading() as connection:
        total = connection.execute(select(func.count()).select_from(calls).where(*conditions)).scalar_one()
        query = _newest_first(conditions).limit(per_page).offset((page - 1) * per_page)
        return Page(_rows(connection, query), total)


def read_call(store: Store, call_id: str, user_id: str | None = None) -> Row:
    """Give one call; NotFound if there is none, or none of this user's."""
    conditions = [calls.c.id == call_id] + ([] if user_id is None else [calls.c.user_id == user_id])
    with store.reading() as connection:
        rows = _rows(connection, _newest_first(conditions))
    if not rows:
        raise NotFound("There is no such call in the books.", code="call_not_found")
    return rows[0]


def iterate_usage(store: Store, wanted: UsageFilter) -> Iterator[Row]:
    """Give every call, the newest first, in bounded memory; see `usage_batches`."""
    for batch in usage_batches(store, wanted):
        yield from batch


def usage_batches(store: Store, wanted: UsageFilter, size: int = _BATCH) -> Iterator[Sequence[Row]]:
    """Give every call in batches, each read in a transaction of its own, which is over before it is given.

    One transaction for all would keep the write-ahead log from being cut for as long as a slow reader takes.
    Each batch begins behind the last row of the one before, so calls that are admitted meanwhile move
    nothing: they are newer than what has been given and are left out.
    """
    conditions = _conditions(wanted)
    behind: list[ColumnElement[bool]] = []
    while True:
        with store.reading() as connection:
            batch = _rows(connection, _newest_first([*conditions, *behind]).limit(size))
        if batch:
            yield batch
        if len(batch) < size:
            return
        behind = _behind(batch[-1])


def summarise(
    store: Store, wanted: UsageFilter, by: str, page: int = 1, per_page: int = _BATCH
) -> Page[Sums]:
    """Add calls up by one of `GROUPS`: the newest day first, or else what has cost most.

    BadRequest for another `by`. In pages because clients choose the names of models, so there can be many.
    """
    if by not in GROUPS:
        raise BadRequest(f"`by` must be one of {', '.join(GROUPS)}.", param="by")
    grouped = _grouped(by, _conditions(wanted))
    with store.reading() as connection:
        total = connection.execute(select(func.count()).select_from(grouped.subquery())).scalar_one()
        query = grouped.order_by(*_order(by)).limit(per_page).offset((page - 1) * per_page)
        rows = connection.execute(query).fetchall()
        labels = _labels(connection, by, [row[0] for row in rows if row[0] is not None])
    return Page([_sums(by, row, labels) for row in rows], total)


def _conditions(wanted: UsageFilter) -> list[ColumnElement[bool]]:
    equal = {calls.c.user_id: wanted.user_id, calls.c.model: wanted.model}
    conditions = [column == value for column, value in equal.items() if value is not None]
    if wanted.key_id is not None:
        # a key is one user's for ever, and there is an index for users but none for keys
        owner = select(keys.c.user_id).where(keys.c.id == wanted.key_id).scalar_subquery()
        conditions += [calls.c.key_id == wanted.key_id, calls.c.user_id == owner]
    if wanted.provider is not None:
        conditions.append(or_(calls.c.instance == wanted.provider, calls.c.provider == wanted.provider))
    if wanted.status is not None:
        conditions.append(_has_status(wanted.status))
    if wanted.since is not None:
        conditions.append(calls.c.admitted_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(calls.c.admitted_at < wanted.until)
    return conditions


def _has_status(status: str) -> ColumnElement[bool]:
    if status == "error":
        return FAILED
    if status == "ok":
        return and_(calls.c.state == "settled", calls.c.status < 400, calls.c.error.is_(None))
    return calls.c.state == status if status in STATUSES else calls.c.status == int(status)


def _newest_first(conditions: Sequence[ColumnElement[bool]]) -> Any:
    return (
        select(*_COLUMNS)
        .select_from(calls.outerjoin(users, users.c.id == calls.c.user_id))
        .where(*conditions)
        .order_by(calls.c.admitted_at.desc(), calls.c.id.desc())
    )


def _behind(last: Row) -> list[ColumnElement[bool]]:
    """What comes after a row in the order; written so that the index on the time is used."""
    at = calls.c.admitted_at
    return [at <= last.admitted_at, or_(at < last.admitted_at, calls.c.id < last.id)]


def _rows(connection: Connection, query: Any) -> list[Row]:
    return [Row(*row) for row in connection.execute(query)]


def _grouped(by: str, conditions: Sequence[ColumnElement[bool]]) -> Any:
    ended_unknown = and_(calls.c.state != "open", calls.c.cost_nanos.is_(None))
    return (
        select(
            _GROUPED[by].label("grouped"),
            func.count().label("calls"),
            _count(FAILED),
            _count(calls.c.state == "open"),
            func.sum(calls.c.input_tokens),
            func.sum(calls.c.output_tokens),
            func.sum(calls.c.cached_tokens),
            func.sum(calls.c.reasoning_tokens),
            func.sum(calls.c.cost_nanos).label("cost"),
            _count(ended_unknown),
            _count(calls.c.cost_source == "estimated"),
            func.sum(calls.c.milliunits),
        )
        .where(*conditions)
        .group_by("grouped")
    )


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((condition, 1)))


def _order(by: str) -> Sequence[Any]:
    by_group = func.coalesce(_GROUPED[by], "")
    if by == "day":
        return [_GROUPED[by].desc()]
    return [func.coalesce(func.sum(calls.c.cost_nanos), -1).desc(), func.count().desc(), by_group]


def _labels(connection: Connection, by: str, ids: Sequence[str]) -> dict[str, str]:
    if by not in _LABELS:
        return {}
    column, label = _LABELS[by]
    return {row[0]: row[1] for row in connection.execute(select(column, label).where(column.in_(ids)))}


def _sums(by: str, row: Any, labels: dict[str, str]) -> Sums:
    group = day_of(row[0] * DAY_MS) if by == "day" else row[0]
    numbers: list[Any] = [None if number is None else int(number) for number in row[1:]]
    return Sums(group, labels.get(group), *numbers)
