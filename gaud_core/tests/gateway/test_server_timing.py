"""Every answer to a call says in `Server-Timing` where the time went."""

from __future__ import annotations

import re
import time

import pytest

from gaud_core.config import Server
from gaud_core.testing import DONE, Answer, ScriptedUpstream, Signal, chat_chunk, chat_completion, sse

from .support import AcmeSettings, Served, Starter
from .wire import Answered, chat, post

PARTS = ["queue", "auth", "route", "admit", "upstream", "settle", "total"]
_PART = re.compile(r"([a-z]+);dur=(\d+\.\d\d)")


def _times(answered: Answered) -> dict[str, float]:
    value = answered.header("server-timing")
    assert value is not None
    found = [_PART.fullmatch(part) for part in value.split(", ")]
    assert all(found)
    return {part[1]: float(part[2]) for part in found if part}


def test_a_whole_answer_tells_every_part(gaud: Served, upstream: ScriptedUpstream) -> None:
    """Together the parts are the whole, which is no longer than the client has waited."""
    upstream.add(chat_completion())
    times = _times(gaud.chat())
    assert list(times) == PARTS
    assert sum(times[part] for part in PARTS[:-1]) == pytest.approx(times["total"], abs=0.5)


def test_the_upstreams_time_is_the_upstreams(gaud: Served, upstream: ScriptedUpstream) -> None:
    """As long as it holds back a stream's first event, the time is its own; how it is settled comes later."""
    gate = Signal()
    upstream.add(Answer.stream([gate, sse(chat_chunk({"content": "Hi"}, "stop")), DONE]))
    with gaud.wire() as wire:
        wire.send(post(chat(stream=True)))
        upstream.wait_call()
        begun = time.perf_counter()
        assert gaud.get("/health").status == 200
        held = time.perf_counter() - begun
        gate.set()
        times = _times(wire.answer())
    assert list(times) == [part for part in PARTS if part != "settle"]
    assert times["upstream"] >= held * 1000 - 0.01


def test_a_refusal_tells_how_far_it_came(gaud: Served) -> None:
    """A model that is not there has been looked for, and that is all."""
    assert list(_times(gaud.chat("nobody:x"))) == ["queue", "auth", "total"]


def test_nobody_learns_how_long_his_key_was_looked_for(serve: Starter, upstream: ScriptedUpstream) -> None:
    """Who does not come in gets no times, nor does who asks for a page: they would tell wrong keys apart."""
    gaud = serve(acme=AcmeSettings(url=upstream.url), key="sk-prx-test")
    refused = gaud.chat(headers=[("authorization", "Bearer sk-prx-test-wrong")])
    assert refused.status == 401
    assert refused.header("server-timing") is None
    assert gaud.get("/health").header("server-timing") is None


def test_the_long_way_tells_the_same(serve: Starter, upstream: ScriptedUpstream) -> None:
    """With middleware for browsers, calls take another way to their endpoint."""
    upstream.add(chat_completion())
    server = Server(cors_origins=("https://page.example",))
    gaud = serve(acme=AcmeSettings(url=upstream.url), server=server, key="sk-prx-test")
    assert list(_times(gaud.chat(headers=[("authorization", "Bearer sk-prx-test")]))) == PARTS
