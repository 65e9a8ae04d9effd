"""Every exchange of the corpus crosses a served gateway: byte for byte, both ways, and is booked right."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gaud_core.gateway.dialects import ENDPOINTS
from gaud_core.testing import Answer, ScriptedUpstream

from .books import rows, settled
from .corpus import Exchange, exchanges, read
from .everything import Everything
from .support import AcmeSettings, Served, Starter
from .wire import Answered, head_of

COLUMNS = (
    "stream",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "quantity",
    "unit",
    "status",
)


@pytest.fixture(scope="module")
def gaud(
    lasting_upstream: ScriptedUpstream,
    tmp_path_factory: pytest.TempPathFactory,
    stopping: list[threading.Thread],
) -> Iterator[Served]:
    """One gateway for all of them."""
    with contextlib.ExitStack() as stack:
        start = Starter(tmp_path_factory.mktemp("corpus"), stack, stopping)
        yield start(acme=AcmeSettings(url=lasting_upstream.url), kind=Everything)


def _sent(gaud: Served, exchange: Exchange, prefix: str = "/v1") -> Answered:
    length = [("content-length", str(len(exchange.request)))]
    target = prefix + exchange.target.removeprefix("/v1")
    return gaud.send(head_of(exchange.method, target, [*exchange.headers, *length]) + exchange.request)


def _answer(exchange: Exchange, size: int = 0) -> Answer:
    whole = exchange.answer
    if exchange.is_stream or size:
        size = size or len(whole)
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        return Answer.stream(pieces, exchange.status, content_type=exchange.content_type)
    return Answer.whole(whole, exchange.status, content_type=exchange.content_type)


@pytest.mark.parametrize("name", exchanges())
def test_both_ways(gaud: Served, upstream: ScriptedUpstream, name: str) -> None:
    """Request and answer arrive as they were sent, but for the model's name."""
    exchange = read(name)
    upstream.add(_answer(exchange))
    answered = _sent(gaud, exchange)
    assert (answered.status, answered.body, answered.complete) == (exchange.status, exchange.answer, True)
    assert answered.header("content-type") == exchange.content_type
    seen = upstream.wait_call()
    assert (seen.method, seen.target, seen.body) == (exchange.method, exchange.target, exchange.to_upstream())
    for header, value in exchange.headers:
        assert seen.header(header) == value


@pytest.mark.parametrize("name", [name for name in exchanges() if read(name).is_stream])
@pytest.mark.parametrize("size", [1, 7])
def test_streams_cut_anywhere(gaud: Served, upstream: ScriptedUpstream, name: str, size: int) -> None:
    """However the upstream cuts its chunks, and without `/v1`, the same events arrive."""
    exchange = read(name)
    upstream.add(_answer(exchange, size))
    answered = _sent(gaud, exchange, prefix="")
    assert (answered.body, answered.complete) == (exchange.answer, True)


@pytest.mark.parametrize("name", exchanges())
def test_booked(gaud: Served, upstream: ScriptedUpstream, name: str) -> None:
    """The row says what the answer said of its use."""
    exchange = read(name)
    before = {row.id for row in rows(gaud)}
    upstream.add(_answer(exchange))
    _sent(gaud, exchange)
    settled(gaud, len(before) + 1)
    row: Any = next(row for row in rows(gaud) if row.id not in before)
    for column, expected in exchange.booked.items():
        if column in COLUMNS:
            assert str(getattr(row, column)) == expected, column
    if "cost" in exchange.booked:
        assert str(row.cost_nanos) == exchange.booked["cost"]
    assert row.endpoint == exchange.endpoint


def test_every_endpoint_is_in_it() -> None:
    """Nothing that Gaud serves is missing from the corpus."""
    assert {read(name).endpoint for name in exchanges()} >= set(ENDPOINTS)
