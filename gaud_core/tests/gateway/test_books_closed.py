"""Books that cannot be written: nothing goes out unbooked, nothing looks booked that is not."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import attrs
import pytest

from gaud_core.config import Breaker
from gaud_core.gateway.delivery import BrokenAnswer
from gaud_core.testing import (
    DONE,
    USAGE,
    Answer,
    ScriptedUpstream,
    Signal,
    Step,
    chat_chunk,
    chat_completion,
    chat_stream,
    sse,
)

from .books import (
    ADMIN,
    COST,
    Spoiler,
    bearer,
    member,
    only,
    priced,
    rows,
    settled,
    worst,
)
from .support import Served, Starter
from .wire import Answered, chat, post

HELLO = sse(chat_chunk({"content": "Hello"}))
FINISH = sse(chat_chunk({}, "stop"))
TOLD = sse(chat_chunk(None, usage=USAGE))
LONG = json.dumps({"x": "x" * 2_000_000}).encode()


@pytest.fixture
def books(serve: Starter, upstream: ScriptedUpstream) -> Served:
    """A gateway with keys and prices, whose ledger tries again soon."""
    gaud = priced(serve, upstream.url)
    gaud.gateway.ledger.writer.retry_secs = 0.01
    return gaud


@pytest.fixture
def spoiler(books: Served) -> Spoiler:
    """The way to break its database."""
    return Spoiler(books)


def _locked(spoiler: Spoiler) -> Callable[[], None]:
    """Somebody else holds the write lock."""
    held = ExitStack()
    held.enter_context(spoiler.store.writing())
    return held.close


def _begin(spoiler: Spoiler, trouble: str, cure: str) -> Callable[[], None]:
    spoiler.statement = trouble

    def mend() -> None:
        spoiler.statement = cure

    return mend


def _read_only(spoiler: Spoiler) -> Callable[[], None]:
    """The file may not be written."""
    return _begin(spoiler, "PRAGMA query_only=ON", "PRAGMA query_only=OFF")


TROUBLES = [_locked, _read_only]


def _refused(answered: Answered) -> None:
    assert (answered.status, answered.error["code"]) == (503, "books_unavailable")
    assert answered.header("retry-after") == "5"


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("stream", [False, True])
def test_no_call_goes_out_unbooked(
    books: Served, spoiler: Spoiler, upstream: ScriptedUpstream, trouble: Any, stream: bool
) -> None:
    """It is 503 before the upstream hears of it; afterwards calls go through again without anybody's hand."""
    upstream.default = chat_stream() if stream else chat_completion()
    books.chat(headers=bearer(ADMIN), stream=stream)
    mend = trouble(spoiler)
    _refused(books.chat(headers=bearer(ADMIN), stream=stream))
    assert len(upstream.calls) == 1
    mend()
    assert books.chat(headers=bearer(ADMIN), stream=stream).status == 200
    assert [row.cost_nanos for row in settled(books, 2)] == [COST, COST]


def test_the_log_says_it_once(
    books: Served, spoiler: Spoiler, upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    """One line when it breaks and one when it is mended, without a traceback."""
    upstream.default = chat_completion()
    mend = _read_only(spoiler)
    with caplog.at_level(logging.WARNING, "gaud.ledger"):
        for _ in range(3):
            _refused(books.chat(headers=bearer(ADMIN)))
        mend()
        books.chat(headers=bearer(ADMIN))
    said = [record.getMessage() for record in caplog.records if record.name == "gaud.ledger"]
    assert said == [
        "the ledger cannot write, so calls are refused: attempt to write a readonly database",
        "the ledger can write again",
    ]
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_whole_answer_that_cannot_be_booked(
    books: Served, spoiler: Spoiler, upstream: ScriptedUpstream, trouble: Any
) -> None:
    """It is 503 and nothing of the answer; the row is written as soon as that is possible, and once."""
    gate = Signal()
    upstream.add(attrs.evolve(chat_completion("a precious answer"), before=[gate]))
    with books.wire() as wire:
        wire.send(post(chat(), bearer(ADMIN)))
        upstream.wait_call()
        mend = trouble(spoiler)
        gate.set()
        answered = wire.answer()
    _refused(answered)
    assert b"precious" not in answered.body
    assert [row.state for row in rows(books)] == ["open"]
    mend()
    row = only(books)
    assert (row.status, row.output_tokens, row.cost_nanos, row.cost_source) == (200, 7, COST, "priced")


def test_closed_books_are_no_fault_of_the_upstreams(serve: Starter, upstream: ScriptedUpstream) -> None:
    """The breaker stays closed, and no provider is shown with an error."""
    gaud = priced(serve, upstream.url, breaker=Breaker(failure_threshold=1))
    spoiler = Spoiler(gaud)
    gate = Signal()
    upstream.add(attrs.evolve(chat_completion(), before=[gate]))
    with gaud.wire() as wire:
        wire.send(post(chat(), bearer(ADMIN)))
        upstream.wait_call()
        mend = _read_only(spoiler)
        gate.set()
        _refused(wire.answer())
    mend()
    instance = gaud.gateway.registry.instances["acme"]
    assert (instance.breaker.state, instance.last_error) == ("closed", None)


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize(
    "ending", [[FINISH, TOLD, DONE], [FINISH, TOLD], [FINISH + TOLD + DONE, HELLO]], ids=str
)
def test_a_stream_that_cannot_be_booked(
    books: Served, spoiler: Spoiler, upstream: ScriptedUpstream, trouble: Any, ending: list[bytes]
) -> None:
    """It ends in an error event and not in `[DONE]`; the row is written later with the true cost."""
    gate = Signal()
    upstream.add(Answer.stream([HELLO, gate, *ending]))
    with books.wire() as wire:
        wire.send(post(chat(stream=True), bearer(ADMIN)))
        pieces = wire.pieces(wire.head())
        assert next(pieces) == HELLO
        mend = trouble(spoiler)
        gate.set()
        rest = b"".join(pieces)
    assert b"[DONE]" not in rest
    error = json.loads(rest.split(b"\n\n")[-2].removeprefix(b"data: "))["error"]
    assert error["code"] == "books_unavailable"
    mend()
    row = only(books)
    assert (row.status, row.output_tokens, row.cost_nanos, row.cost_source) == (200, 7, COST, "priced")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_long_answer_that_cannot_be_booked(
    books: Served,
    spoiler: Spoiler,
    upstream: ScriptedUpstream,
    caplog: pytest.LogCaptureFixture,
    chunked: bool,
) -> None:
    """Its beginning is out already, so it has no clean end, in a way that the log knows."""
    gate = Signal()
    steps: list[Step] = [LONG[:1_500_000], gate, LONG[1_500_000:]]
    whole = Answer.stream(steps, content_type="application/json")
    upstream.add(whole if chunked else attrs.evolve(Answer.json(LONG), steps=steps))
    with books.wire() as wire:
        wire.send(post(chat(), bearer(ADMIN)))
        upstream.wait_call()
        mend = _read_only(spoiler)
        gate.set()
        answered = wire.answer()
    assert (answered.status, answered.complete) == (200, False)
    mend()
    row = only(books)
    assert (row.status, row.cost_nanos, row.cost_source) == (200, worst(upstream)[1], "estimated")
    failures = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert failures == [BrokenAnswer]  # which logs.py does not show with a traceback


def test_a_client_who_leaves_while_the_books_are_closed(
    books: Served, spoiler: Spoiler, upstream: ScriptedUpstream
) -> None:
    """His call is settled later and once."""
    gate = Signal()
    upstream.add(Answer.stream([HELLO, gate, FINISH, TOLD, DONE]))
    with books.wire() as wire:
        wire.send(post(chat(stream=True), bearer(ADMIN)))
        next(wire.pieces(wire.head()))
        mend = _read_only(spoiler)
        wire.reset()
    assert upstream.wait_call().disconnected.wait_blocking()
    mend()
    row = only(books)
    assert (row.status, row.error, row.cost_nanos) == (499, "client_left", worst(upstream)[1])


def test_a_full_disk(books: Served, spoiler: Spoiler, upstream: ScriptedUpstream) -> None:
    """Calls go through as long as there is room, then they are refused; each that went out has its row."""
    upstream.default = chat_completion()
    mend = _begin(spoiler, "PRAGMA max_page_count=1", "PRAGMA max_page_count=1000000")
    answers = [books.chat("acme:" + "x" * 400, bearer(ADMIN)) for _ in range(60)]
    good = [answered for answered in answers if answered.status == 200]
    for answered in answers:
        if answered.status != 200:
            _refused(answered)
    assert 0 < len(good) < 60
    mend()
    found = settled(books, len(upstream.calls))
    assert {answered.header("x-request-id") for answered in good} <= {row.id for row in found}


def test_a_store_that_cannot_be_read(books: Served, spoiler: Spoiler) -> None:
    """It is 503 for good keys and wrong ones alike, and keeps nobody from the health."""
    key = member(books)
    mend = _begin(spoiler, "no statement at all", "SELECT 1")
    answers = [books.chat(headers=bearer(text)) for text in (key, ADMIN, "sk-prx-test-wrong")]
    answers += [books.get(f"/v1/models{name}", bearer(key)) for name in ("", "/acme:m")]
    assert books.get("/health", bearer(key)).status == 200
    mend()
    for answered in answers:
        _refused(answered)
    assert books.get("/v1/models", bearer(key)).status == 200
