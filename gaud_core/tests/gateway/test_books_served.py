"""Each call is in the books before it leaves, and settled with the right cost before its answer ends."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import pytest

from gaud_core import Model
from gaud_core.testing import (
    DONE,
    USAGE,
    Answer,
    Cut,
    ScriptedUpstream,
    Signal,
    Step,
    chat_chunk,
    chat_completion,
    chat_error_stream,
    chat_stream,
    sse,
)

from .books import ADMIN, COST, Priced, bearer, before_silence, only, priced, rows, settled, store_of, worst
from .support import AcmeSettings, Served, Starter
from .wire import chat, post

HELLO = sse(chat_chunk({"content": "Hello"}))
FINISH = sse(chat_chunk({}, "stop"))
TOLD = sse(chat_chunk(None, usage=USAGE))
ERROR = sse({"error": {"message": "boom", "type": "server_error", "param": None, "code": "500"}})
CHEAP = {**USAGE, "cost": 0.0123}
CACHED = {**USAGE, "prompt_tokens_details": {"cached_tokens": 2}}
NOTHING = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
PACKED = {"content-encoding": "gzip"}
WORST = "worst"


@pytest.fixture
def books(serve: Starter, upstream: ScriptedUpstream) -> Served:
    """A gateway with keys and prices."""
    return priced(serve, upstream.url)


def _call(gaud: Served, model: str = "acme:m", **fields: Any) -> Any:
    return gaud.chat(model, bearer(ADMIN), **fields)


def _ended(row: Any) -> tuple[Any, ...]:
    return row.status, row.error, row.input_tokens, row.output_tokens, row.cost_nanos, row.cost_source


@pytest.mark.parametrize("stream", [False, True])
def test_admitted_before_the_upstream_sees_it(
    books: Served, upstream: ScriptedUpstream, stream: bool
) -> None:
    """While the upstream looks at the request, its row is there, open, with the worst case reserved."""
    found: list[Any] = []

    def look(seen: Any) -> Answer:
        found.extend(rows(books))
        return chat_stream() if stream else chat_completion()

    upstream.add(look)
    answered = _call(books, stream=stream)
    (row,) = found
    tokens, nanos = worst(upstream)
    assert (row.id, row.state, row.stream) == (answered.header("x-request-id"), "open", stream)
    assert (row.reserved_tokens, row.reserved_nanos, row.cost_nanos) == (tokens, nanos, None)
    assert (row.instance, row.provider, row.model, row.endpoint) == ("acme", "acme", "m", "chat/completions")
    assert (row.user_id, row.key_id) == ("user_bootstrap", "key_bootstrap")


def test_no_byte_of_a_whole_answer_before_its_settlement(books: Served, upstream: ScriptedUpstream) -> None:
    """As long as the books cannot be written, the client has nothing; then he has all, and the row stands."""
    gate = Signal()
    upstream.add(attrs.evolve(chat_completion(), before=[gate]))
    with books.wire() as wire:
        wire.send(post(chat(), bearer(ADMIN)))
        upstream.wait_call()
        with store_of(books).writing():
            gate.set()
            assert before_silence(wire) == b""
        assert wire.answer().status == 200
        assert [row.state for row in rows(books)] == ["settled"]


@pytest.mark.parametrize(
    "ending", [[FINISH, TOLD, DONE], [FINISH + TOLD + DONE], [FINISH + DONE[:-1], b"\n"]]
)
def test_no_done_before_the_settlement(
    books: Served, upstream: ScriptedUpstream, ending: list[bytes]
) -> None:
    """The stream flows, and its `[DONE]` waits for the books, however the upstream has cut it."""
    gate = Signal()
    upstream.add(Answer.stream([HELLO, gate, *ending]))
    with books.wire() as wire:
        wire.send(post(chat(stream=True), bearer(ADMIN)))
        pieces = wire.pieces(wire.head())
        assert next(pieces) == HELLO
        with store_of(books).writing():
            gate.set()
            assert b"[DO" not in before_silence(wire)
        while DONE[:-1] not in wire._held:
            wire._more()
        assert [row.state for row in rows(books)] == ["settled"]


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream"])
def test_no_end_of_what_is_not_read_before_the_settlement(
    books: Served, upstream: ScriptedUpstream, content_type: str
) -> None:
    """What is too long to be held, or compressed unasked, waits for the books with its last bytes."""
    gate = Signal()
    headers = {"content-encoding": "gzip"} if "event" in content_type else {}
    upstream.add(Answer.stream([b" " * 2_000_000, gate, b"the end"], 200, headers, content_type))
    with books.wire() as wire:
        wire.send(post(chat(), bearer(ADMIN)))
        upstream.wait_call()
        with store_of(books).writing():
            gate.set()
            before_silence(wire)
            assert b"the end" not in wire._held
        assert b"the end" in wire.answer().body
        assert [row.state for row in rows(books)] == ["settled"]


@pytest.mark.parametrize("ending", [[Cut.CLOSE], [ERROR, DONE], []], ids=["break", "event", "end"])
def test_no_end_of_a_broken_stream_before_the_settlement(
    books: Served, upstream: ScriptedUpstream, ending: list[Step]
) -> None:
    """The answer's end waits for the books when it is a bad one, too."""
    gate = Signal()
    upstream.add(Answer.stream([HELLO, gate, *ending]))
    with books.wire() as wire:
        wire.send(post(chat(stream=True), bearer(ADMIN)))
        pieces = wire.pieces(wire.head())
        assert next(pieces) == HELLO
        with store_of(books).writing():
            gate.set()
            before_silence(wire)
            assert b"0\r\n\r\n" not in wire._held
        rest = b"".join(pieces)
        assert [row.state for row in rows(books)] == ["settled"]
    assert b'"error"' in rest
    assert b"[DONE]" not in rest


LONG = json.dumps({"x": "x" * 2_000_000, "usage": USAGE}).encode()
PACKED_STREAM = gzip.compress(HELLO + FINISH + TOLD + DONE)
STRANGE_CODE = b'{"error":{"message":"odd","code":"\\ud800"}}'

ENDINGS: dict[str, tuple[Any, bool, tuple[Any, ...]]] = {
    "told": (chat_completion(), False, (200, None, 5, 7, COST, "priced")),
    "told in a stream": (chat_stream(), True, (200, None, 5, 7, COST, "priced")),
    "cached": (chat_completion(usage=CACHED), False, (200, None, 5, 7, COST - 1000, "priced")),
    "cost in usage": (chat_completion(usage=CHEAP), False, (200, None, 5, 7, 12_300_000, "provider")),
    "cost in a stream": (chat_stream(usage=CHEAP), True, (200, None, 5, 7, 12_300_000, "provider")),
    "free of charge": (chat_completion(usage={**USAGE, "cost": 0}), False, (200, None, 5, 7, 0, "provider")),
    "absurd cost": (chat_completion(usage={**USAGE, "cost": -1}), False, (200, None, 5, 7, COST, "priced")),
    "cost header": (
        chat_completion(headers={"x-acme-cost": "0.5"}),
        False,
        (200, None, 5, 7, 500_000_000, "provider"),
    ),
    "absurd cost header": (
        chat_completion(headers={"x-acme-cost": "n/a"}),
        False,
        (200, None, 5, 7, COST, "priced"),
    ),
    "never told": (chat_completion(usage=None), False, (200, None, None, None, WORST, "estimated")),
    "stream never told": (chat_stream(usage=None), True, (200, None, None, None, WORST, "estimated")),
    "told nothing": (chat_completion(usage=NOTHING), False, (200, None, None, None, WORST, "estimated")),
    "stream told nothing": (chat_stream(usage=NOTHING), True, (200, None, None, None, WORST, "estimated")),
    "rubbish": (
        chat_completion(usage={"prompt_tokens": "many"}),
        False,
        (200, None, None, None, WORST, "estimated"),
    ),
    "refused": (Answer.error(400, code="bad"), False, (400, "bad", 0, 0, 0, "none")),
    "refused stream": (Answer.error(429, code="slow"), True, (429, "slow", 0, 0, 0, "none")),
    "refused strangely": (Answer.json(STRANGE_CODE, 400), False, (400, "upstream_error", 0, 0, 0, "none")),
    "failed": (Answer.error(500), False, (500, "scripted_error", 0, 0, 0, "none")),
    "proxy's page": (Answer.html(), False, (502, "upstream_error", 0, 0, 0, "none")),
    "redirect": (Answer.whole(b"", 302), False, (502, "upstream_failed", 0, 0, 0, "none")),
    "no JSON": (Answer.whole(b"nope"), False, (502, "upstream_failed", None, None, WORST, "estimated")),
    "reset": (Answer.reset(), False, (502, "upstream_failed", None, None, WORST, "estimated")),
    "cut": (
        Answer.short(b'{"a":', 900),
        False,
        (502, "upstream_broke_off", None, None, WORST, "estimated"),
    ),
    "empty stream": (Answer.stream([]), True, (502, "upstream_failed", None, None, WORST, "estimated")),
    "error event": (
        chat_error_stream(),
        True,
        (500, "error_in_stream", None, None, WORST, "estimated"),
    ),
    "broken stream": (
        Answer.unterminated([HELLO]),
        True,
        (502, "upstream_broke_off", None, None, WORST, "estimated"),
    ),
    "broken after usage": (
        Answer.unterminated([HELLO, FINISH, TOLD], Cut.RESET),
        True,
        (502, "upstream_broke_off", 5, 7, COST, "priced"),
    ),
    "no [DONE]": (Answer.stream([HELLO, FINISH, TOLD]), True, (200, None, 5, 7, COST, "priced")),
    "long": (Answer.json(LONG), False, (200, None, 5, 7, COST, "priced")),
    "long and cut": (
        Answer.short(LONG[:-9], len(LONG)),
        False,
        (502, "upstream_broke_off", None, None, WORST, "estimated"),
    ),
    "long with a cost": (
        Answer.json(LONG, headers={"x-acme-cost": "0.5"}),
        False,
        (200, None, 5, 7, 500_000_000, "provider"),
    ),
    "compressed": (
        Answer.json(gzip.compress(json.dumps({"usage": USAGE}).encode()), headers=PACKED),
        False,
        (200, None, 5, 7, COST, "priced"),
    ),
    "compressed stream": (
        Answer.stream([PACKED_STREAM], headers=PACKED),
        True,
        (200, None, None, None, WORST, "estimated"),
    ),
    "whole instead of a stream": (chat_completion(), True, (200, None, 5, 7, COST, "priced")),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_how_a_call_is_booked(books: Served, upstream: ScriptedUpstream, name: str) -> None:
    """Status, reason, tokens, cost and where it came from; what nobody knows is never booked as nothing."""
    answer, stream, expected = ENDINGS[name]
    upstream.add(answer)
    _call(books, stream=stream)
    estimate = worst(upstream)[1]
    assert _ended(only(books)) == tuple(estimate if value == WORST else value for value in expected)


@pytest.mark.parametrize("answer", [chat_completion(), chat_completion(usage=None)])
def test_a_model_without_a_price(books: Served, upstream: ScriptedUpstream, answer: Answer) -> None:
    """Its cost is unknown, which is NULL and not 0."""
    upstream.add(answer)
    _call(books, "acme:free")
    row = only(books)
    assert (row.status, row.cost_nanos, row.cost_source, row.reserved_nanos) == (200, None, "none", None)


def test_usage_is_booked_and_hidden(books: Served, upstream: ScriptedUpstream) -> None:
    """A client who did not ask for the usage does not see it, and the books have it all the same."""
    upstream.add(chat_stream())
    assert b'"usage"' not in _call(books, stream=True).body
    assert only(books).output_tokens == 7


def test_calls_that_never_begin_have_no_row(books: Served, upstream: ScriptedUpstream) -> None:
    """A wrong key, a bad body and an unknown model cost nothing and are in no book."""
    books.chat(headers=bearer("sk-prx-test-wrong"))
    books.post(b"{}", bearer(ADMIN))
    _call(books, "nobody:m")
    assert rows(books) == []
    assert upstream.calls == []


def test_two_hundred_calls_at_once(books: Served, upstream: ScriptedUpstream) -> None:
    """Each has one row and its own cost, and the money adds up."""
    upstream.default = chat_completion()
    wires = [books.wire(20) for _ in range(200)]
    try:
        for number, wire in enumerate(wires):
            wire.send(post(chat(stream=bool(number % 2)), bearer(ADMIN)))
        ids = {wire.answer().header("x-request-id") for wire in wires}
    finally:
        for wire in wires:
            wire.leave()
    found = settled(books, 200)
    assert {row.id for row in found} == ids
    assert {row.cost_nanos for row in found} == {COST}
    assert len(upstream.calls) == 200


def test_a_call_right_after_the_start_has_its_price(serve: Starter, upstream: ScriptedUpstream) -> None:
    """It waits for the first list of models: without a price no budget would hold it."""
    upstream.default = chat_completion()
    discovered = Signal()

    class Late(Priced):
        def known_models(self) -> Sequence[Model]:
            return ()

        async def models(self) -> Sequence[Model]:
            await discovered.wait()
            return super().known_models()

    gaud = serve(acme=AcmeSettings(url=upstream.url), kind=Late, key=ADMIN)
    with ThreadPoolExecutor() as pool:
        call = pool.submit(gaud.chat, "acme:m", bearer(ADMIN))
        listing = pool.submit(gaud.get, "/v1/models", bearer(ADMIN))
        with pytest.raises(TimeoutError):
            call.result(0.3)
        assert not upstream.calls
        discovered.set()
        assert call.result(5).status == 200
        assert len(listing.result(5).json["data"]) == 3
    assert (only(gaud).cost_nanos, only(gaud).cost_source) == (COST, "priced")


def test_without_keys_calls_are_booked_too(serve: Starter, upstream: ScriptedUpstream) -> None:
    """They belong to nobody."""
    upstream.add(chat_completion())
    gaud = serve(acme=AcmeSettings(url=upstream.url), kind=Priced)
    assert gaud.chat().status == 200
    row = only(gaud)
    assert (row.user_id, row.key_id, row.cost_nanos) == (None, None, COST)
