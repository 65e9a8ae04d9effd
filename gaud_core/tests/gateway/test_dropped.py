"""What a provider cannot say to its upstream is named on the answer, or refused if the caller wants that."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from gaud_core import Call, ChatProvider, Event, Model

from .support import GuestSettings, Starter


class Taciturn(ChatProvider[GuestSettings]):
    """Has no word for anything but messages; the model's name says what is wrong with it."""

    name = "guest"

    def known_models(self) -> Sequence[Model]:
        """A good one, and two that are not."""
        return [Model(name) for name in ("good", "crashing", "odd")]

    def dropped(self, call: Call) -> Sequence[str]:
        """Name all that is not a message."""
        if call.model == "crashing":
            raise KeyError("mine")
        names: list[Any] = sorted(call.body.json().keys() - {"messages", "model", "stream"})
        odd: Any = 7
        return [*names, odd] if call.model == "odd" else names

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Say a word."""
        yield "Hi"


def test_what_is_dropped_is_named(serve: Starter) -> None:
    """In a header that cannot be broken by a name; without one nothing is said."""
    gaud = serve(Taciturn)
    odd: dict[str, Any] = {"a\r\nb": 1}
    answer = gaud.chat("guest:good", seed=7, **odd)
    assert (answer.status, answer.header("x-gaud-dropped")) == (200, "a__b, seed")
    assert gaud.chat("guest:good").header("x-gaud-dropped") is None


def test_whoever_wants_nothing_to_be_dropped(serve: Starter) -> None:
    """The call is refused, and named is what would be."""
    answer = serve(Taciturn).chat("guest:good", headers=[("x-gaud-strict", "1")], seed=7)
    error = json.loads(answer.body)["error"]
    assert (answer.status, error["code"]) == (400, "fields_would_be_dropped")
    assert "The upstream of `guest` has no place for these fields: seed." in error["message"]


def test_a_mistake_in_it_is_the_plugins(serve: Starter) -> None:
    """Nothing is sent: nobody knows what would have been dropped."""
    gaud = serve(Taciturn)
    for model in ("crashing", "odd"):
        answer = gaud.chat(f"guest:{model}")
        assert (answer.status, json.loads(answer.body)["error"]["code"]) == (502, "provider_crashed")
