"""Past calls and their sums."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import UnsetType
from starlette.responses import Response

from gaud_core.admin.answers import CallAnswer, CallList, SumsAnswer, SumsList
from gaud_core.admin.csv_answer import CSV, csv_answer
from gaud_core.admin.desk import Ask
from gaud_core.admin.keys import time_of
from gaud_core.admin.requests import SummaryQuery, UsageQuery
from gaud_core.admin.times import read_day_end, read_moment
from gaud_core.errors import BadRequest
from gaud_core.ledger.usage import UsageFilter, list_usage, summarise, usage_batches

__all__ = ["show_usage", "show_usage_summary"]


def show_usage(ask: Ask) -> CallList | Response:
    """Give one page of calls, or every call as CSV."""
    query: UsageQuery = ask.query
    wanted = _filter(query)
    if _prefers_csv(ask.headers["accept"]):
        if paged := sorted(ask.given & {"page", "per_page"}):
            raise BadRequest(
                f"CSV holds every call that the filter leaves; leave `{paged[0]}` out.", param=paged[0]
            )
        return csv_answer(usage_batches(ask.desk.store, wanted), empty=ask.headers["method"] == "HEAD")
    found = list_usage(ask.desk.store, wanted, query.page, query.per_page)
    data = [CallAnswer.of(row) for row in found.rows]
    return CallList(data=data, page=query.page, per_page=query.per_page, total=found.total)


def show_usage_summary(ask: Ask) -> SumsList:
    """Add calls up."""
    query: SummaryQuery = ask.query
    found = summarise(ask.desk.store, _filter(query), query.by, query.page, query.per_page)
    data = [SumsAnswer.of(sums) for sums in found.rows]
    return SumsList(data=data, page=query.page, per_page=query.per_page, total=found.total)


def _filter(query: UsageQuery) -> UsageFilter:
    return UsageFilter(
        user_id=_given(query.user_id),
        key_id=_given(query.key_id),
        provider=_given(query.provider),
        model=_given(query.model),
        status=_given(query.status),
        since=_time("from", query.from_, read_moment),
        until=_time("to", query.to, read_day_end),
    )


def _given(text: str | UnsetType) -> str | None:
    return None if isinstance(text, UnsetType) else text


def _time(name: str, text: str | UnsetType, read: Callable[[str], int]) -> int | None:
    return None if isinstance(text, UnsetType) else time_of(name, text, read)


def _prefers_csv(accept: str) -> bool:
    """Whether CSV is named, and JSON is not wanted more (RFC 9110 §12.5.1)."""
    weights = {"application/json": 0.0, CSV: 0.0}
    for part in accept.lower().split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        if kind in weights:
            weights[kind] = max(weights[kind], _weight(parameters))
    return weights[CSV] > 0 and weights[CSV] >= weights["application/json"]


def _weight(parameters: list[str]) -> float:
    text = next((parameter[2:] for parameter in parameters if parameter.startswith("q=")), "1")
    try:
        return float(text)
    except ValueError:
        return 0.0
