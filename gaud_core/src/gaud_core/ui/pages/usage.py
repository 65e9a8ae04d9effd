"""The books: filters, pages, CSV, sums by user, model and provider, and one call opened in full."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import attrs
from starlette.responses import Response

from gaud_core.access import User
from gaud_core.admin.csv_answer import csv_answer
from gaud_core.admin.times import read_day_end, read_moment
from gaud_core.errors import BadRequest
from gaud_core.ledger.usage import (
    STATUSES,
    Row,
    Sums,
    UsageFilter,
    list_usage,
    read_call,
    summarise,
    usage_batches,
)
from gaud_core.ui.story import story_of
from gaud_core.ui.visit import Visit

__all__ = ["csv", "one", "show"]

_PER_PAGE = 50
_TOP = 8
_FIELDS = ("user", "key", "provider", "model", "status", "from", "to")
_MOST_USERS = 500


@attrs.frozen
class _Read:
    """What the books say to a question."""

    rows: Sequence[Row]
    total: int
    sums: Mapping[str, Sequence[Sums]]
    users: Sequence[User]


async def show(visit: Visit) -> Response:
    """Show the calls that the filters leave."""
    given = {name: visit.asked(name) for name in _FIELDS}
    error, wanted = None, UsageFilter(user_id=visit.own)
    try:
        wanted = _filter(visit, given)
    except BadRequest as refused:
        error = refused
    page = visit.page_number()
    read = await visit.off(_read, visit, wanted, page)
    query = urlencode({name: value for name, value in given.items() if value})
    template = "parts/usage_results.html" if visit.is_htmx else "usage.html"
    return await visit.page(
        template,
        error=error,
        given=given,
        read=read,
        page_now=page,
        per_page=_PER_PAGE,
        query=query,
        statuses=STATUSES,
        providers=sorted(visit.site.gateway.registry.instances) if visit.is_admin else [],
    )


async def csv(visit: Visit) -> Response:
    """Give every call that the filters leave, as the admin API does."""
    wanted = _filter(visit, {name: visit.asked(name) for name in _FIELDS})
    batches = usage_batches(visit.site.store, wanted)
    return await visit.off(csv_answer, batches, empty=visit.request.method == "HEAD")


async def one(visit: Visit) -> Response:
    """Open one call."""
    row = await visit.off(read_call, visit.site.store, visit.id, visit.own)
    return await visit.page("call.html", row=row, story=story_of(row, visit.site.gateway))


def _filter(visit: Visit, given: Mapping[str, str]) -> UsageFilter:
    """Read the filters; a member's are about his own calls whatever he asks."""
    return UsageFilter(
        user_id=visit.own or given["user"] or None,
        key_id=given["key"] or None,
        provider=given["provider"] or None,
        model=given["model"] or None,
        status=given["status"] or None,
        since=_time("from", given["from"], read_moment),
        until=_time("to", given["to"], read_day_end),
    )


def _time(name: str, text: str, read: Callable[[str], int]) -> int | None:
    if not text:
        return None
    try:
        return read(text)
    except ValueError as error:
        raise BadRequest(f"`{name}` {error}.", param=name) from None


def _read(visit: Visit, wanted: UsageFilter, page: int) -> _Read:
    store = visit.site.store
    found = list_usage(store, wanted, page, _PER_PAGE)
    groups: Sequence[str] = ("model", "provider", "user") if visit.is_admin else ("model", "key")
    sums: dict[str, Any] = {by: summarise(store, wanted, by, 1, _TOP).rows for by in groups}
    users = visit.site.people.users()[:_MOST_USERS] if visit.is_admin else []
    return _Read(found.rows, found.total, sums, users)
