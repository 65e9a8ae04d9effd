"""What is going to be called, how often, and the most that it can cost; said before it begins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

from gaud_core.cli.books import counted, money
from gaud_core.provider import Price

__all__ = ["Plan", "Prompt", "price_of"]

_QUESTION = "Write a short poem about a gateway."
_FILLER = "All work and no play makes a gateway dull. "
_PRICES = ("input", "output", "cache_read", "cache_write", "reasoning")


@attrs.frozen
class Prompt:
    """What is asked: a text as it is, or one of Gaud's own that differs from call to call.

    No cache on the way can answer what it has not seen before, so it does not flatter anybody.
    """

    text: str | None = None
    size: int = 0
    """How many characters Gaud's own text is to have; 0 is its short question."""
    nonce: str = ""

    def of(self, number: int) -> str:
        """The text of the call of that number."""
        if self.text is not None:
            return self.text
        mark = f"[{self.nonce}-{number}] "
        if not self.size:
            return mark + _QUESTION
        return (mark + _FILLER * (self.size // len(_FILLER) + 1))[: self.size]


@attrs.frozen
class Plan:
    """A run: it ends after `calls` to each target, or with the calls that run after `seconds`."""

    model: str
    prompt: Prompt
    max_tokens: int
    calls: int | None = None
    seconds: float | None = None
    connections: int = 1
    stream: bool = False
    price: Price | None = None
    longest_answer: int | None = None
    """The most tokens that the model answers with, if it is known."""
    listed: bool = True
    """Whether the gateway lists the model; what it does not list may be passed on all the same."""

    def body(self, number: int, model: str, limit: str = "max_tokens") -> bytes:
        """The JSON of a call; `limit` is the name that its upstream has for the most tokens of an answer."""
        messages = [{"role": "user", "content": self.prompt.of(number)}]
        fields: dict[str, Any] = {"model": model, "messages": messages, limit: self.max_tokens}
        return json.dumps(fields | ({"stream": True} if self.stream else {}), separators=(",", ":")).encode()

    @property
    def most_nanos(self) -> int | None:
        """The most that one call can cost, as the gateway reserves it; None if the price is not known."""
        from gaud_core.ledger.prices import worst_of
        from gaud_core.ledger.prompt import prompt_tokens

        prompt = prompt_tokens(self.body(_longest_number(self.calls), self.model))
        request = {"max_tokens": self.max_tokens}
        return worst_of(prompt, request, self.price, max_output_tokens=self.longest_answer).nanos

    def cost(self, targets: int) -> str:
        """Say what a run to so many targets can cost; each gets one call more than is counted."""
        most = self.most_nanos
        if self.price is not None and self.price.subscription:
            return "A subscription pays for this model; calls may take from its allowance."
        if most is None:
            why = "has no price for" if self.listed else "does not list"
            return f"What they cost is not known: Gaud {why} this model."
        if self.calls is None:
            return f"Each may cost up to ${money(most)}; --calls sets a limit to how many there are."
        whole = most * (self.calls + 1) * targets
        return f"They may cost up to ${money(whole)} in all, ${money(most)} each, by Gaud's prices."

    def amount(self) -> str:
        """Say how many calls are made, how many at a time, and for how long."""
        parts = ["as many calls as there is time for" if self.calls is None else counted(self.calls, "call")]
        if self.connections > 1:
            parts.append(f"{self.connections:,} at a time")
        if self.seconds:
            parts.append(f"{'for' if self.calls is None else 'for at most'} {self.seconds:g} s")
        told = ", ".join(parts) + ("," if len(parts) > 1 else "")
        return told[0].upper() + told[1:]


def price_of(model: Mapping[str, Any]) -> Price | None:
    """The price in an object of `/v1/models`; None if there is none."""
    from gaud_core.ledger.prices import nanos_of_usd

    told = model.get("usd_per_million_tokens")
    subscription = model.get("subscription") is True
    if not isinstance(told, Mapping):
        return Price(subscription=True) if subscription else None
    nanos = {name: nanos_of_usd(str(told[name])) for name in _PRICES if name in told}
    return Price(**nanos, subscription=subscription)


def _longest_number(calls: int | None) -> int:
    """A number that makes no call's body shorter than the longest of the run."""
    return calls if calls is not None else 10**6
