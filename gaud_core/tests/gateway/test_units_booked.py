"""What a call takes of a subscription's allowance is on its row: the price's word, or the reply's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from gaud_core import Call, Model, Price, Provider, Reply, UpstreamRefused, UpstreamTimeout

from .books import only
from .guests import JSON
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
