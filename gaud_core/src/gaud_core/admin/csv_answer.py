"""Calls as CSV (RFC 4180), a batch at a time, and nothing in it that a spreadsheet would execute."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator, Iterator, Sequence

import attrs
from starlette.responses import Response, StreamingResponse

from gaud_core.admin.answers import CallAnswer
from gaud_core.admin.money import Usd
from gaud_core.ledger.usage import Row

__all__ = ["CSV", "csv_answer"]

CSV = "text/csv"

_COLUMNS = tuple(field.name for field in attrs.fields(CallAnswer))
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII)
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")
_HEADERS = {
    "cache-control": "no-store",
    "content-disposition": 'attachment; filename="usage.csv"',
}


def csv_answer(batches: Iterator[Sequence[Row]], *, empty: bool) -> Response:
    """Answer with all batches, or without a body for HEAD; blocks until the first one is read.

    What fails before that is a proper error; what fails later breaks the connection, so that nobody takes
    a part for the whole.
    """
    if empty:
        return Response(headers=_HEADERS, media_type=CSV)
    first = next(batches, ())
    return StreamingResponse(_lines(first, batches), headers=_HEADERS, media_type=CSV)


async def _lines(first: Sequence[Row], batches: Iterator[Sequence[Row]]) -> AsyncIterator[str]:
    yield _written([_COLUMNS])
    batch: Sequence[Row] | None = first
    while batch:
        yield await asyncio.to_thread(_calls, batch)
        batch = await asyncio.to_thread(next, batches, None)


def _calls(batch: Sequence[Row]) -> str:
    return _written([[_cell(getattr(call, name)) for name in _COLUMNS] for call in map(CallAnswer.of, batch)])


def _written(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Usd):
        return value.text()
    return _harmless(str(value))


def _harmless(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{text}" if text.startswith(_DANGEROUS) and not _NUMBER.fullmatch(text) else text
