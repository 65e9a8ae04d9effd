"""What a call takes of a subscription's allowance is on its row: the price's word, or the reply's."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

from gaud_core import (
    Call,
    ChatProvider,
    Event,
    Model,
    Price,
    Provider,
    Reply,
    UpstreamRefused,
    UpstreamTimeout,
    Usage,
)

from .books import only
from .guests.providers import JSON
from .support import GuestSettings, Starter

ANSWER = b'{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7}}'


class Subscribed(Provider[GuestSettings]):
    """A model that takes a quarter of a unit a call; the model's name says how the call goes."""

    name = "guest"

    def known_models(self) -> Sequence[Model]:
        """The same model under several names."""
        price = Price(subscription=True, milliunits=250)
        return [Model(name, price=price) for name in ("plain", "told", "refused", "denied", "late")]

    async def send(self, call: Call) -> Reply:
        """Do what the name says."""
        if call.model == "refused":
            raise UpstreamRefused("No.", status=403)
        if call.model == "late":
            raise UpstreamTimeout("Too slow.")
        if call.model == "denied":
            return Reply(429, JSON, b'{"error":{"message":"No."}}', milliunits=1000)
        return Reply(200, JSON, ANSWER, milliunits=0 if call.model == "told" else None)


@pytest.mark.parametrize(
    ("model", "units"),
    [("plain", 250), ("told", 0), ("refused", 0), ("denied", 0), ("late", 250), ("unlisted", None)],
)
def test_units(serve: Starter, model: str, units: int | None) -> None:
    """What was refused takes nothing; what nobody knows of counts as the price has it; else unknown."""
    gaud = serve(Subscribed)
    gaud.chat(f"guest:{model}")
    row: Any = only(gaud)
    assert row.milliunits == units
    assert row.cost_nanos == (None if model == "unlisted" else 0)


class Metered(ChatProvider[GuestSettings]):
    """Knows at the end only what a call has taken, and counts no tokens."""

    name = "guest"

    def known_models(self) -> Sequence[Model]:
        """One that a subscription pays, and one that has a price."""
        return [
            Model("paid", price=Price(subscription=True, milliunits=250)),
            Model("priced", price=Price(1000, 1000)),
        ]

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Say a word."""
        yield "Hi"
        yield Usage(1_000_000, 2_000_000, estimated=True, milliunits=19, extra={"window": 0.5})


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model", "cost", "source"), [("paid", 0, "subscription"), ("priced", 3000, "estimated")]
)
def test_what_is_known_at_the_end(serve: Starter, model: str, cost: int, source: str, stream: bool) -> None:
    """A Usage's units go before those of the price, and a cost of guessed tokens is an estimate."""
    gaud = serve(Metered)
    answer = gaud.chat(
        f"guest:{model}", stream=stream, stream_options={"include_usage": True} if stream else None
    )
    row: Any = only(gaud)
    assert (row.milliunits, row.cost_nanos, row.cost_source) == (19, cost, source)
    assert all(told in answer.body for told in (b'"estimated":true', b'"units":0.019', b'"window":0.5'))
