"""What a call costs, and the most that it can cost: whole nano-dollars, and unknown stays unknown.

What Gaud computes is rounded up. What an upstream says is taken to the nearest nano-dollar: it often is
a float in text, such as 8.250000000000001e-05.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from gaud_core.call import Usage
from gaud_core.ledger.values import Worst
from gaud_core.provider import Price

__all__ = ["DEFAULT_OUTPUT_TOKENS", "MAX_NANOS", "cost_of", "nanos_of_usd", "worst_of", "worst_of_units"]

MAX_NANOS = 10**13
"""Ten thousand dollars: no call costs more, and no sum of a million such calls leaves 64 bits."""

DEFAULT_OUTPUT_TOKENS = 4096
"""Reserved for an answer when neither the request nor the model says how long it can become."""

_MOST_TOKENS = 2**31
_MOST_CHOICES = 128
_LONGEST_NUMBER = 50
_PER = 1_000_000
_MOST_USD = MAX_NANOS // 10**9
_NUMBERS = (int, float)  # and no bool
_INFINITE = float("inf")
_LIMIT_NAMES = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_CHOICE_NAMES = ("n", "best_of")


def cost_of(usage: Usage, price: Price | None) -> tuple[int | None, str]:
    """Give the cost and its source: what the upstream says, else its price times the usage, else unknown.

    A price times tokens that nobody has counted is an estimate.

    Cached tokens are part of the input and reasoning tokens part of the output, as OpenAI counts them. A
    model that has no price of its own for them charges its usual one. What has no price per token may have
    one per image, second or character.
    """
    if usage.cost_usd is not None and (told := nanos_of_usd(usage.cost_usd)) is not None:
        return told, "provider"
    if price is None:
        return None, "none"
    if price.subscription:
        return 0, "subscription"
    total = _total(_token_parts(usage, price))
    if usage.quantity and (total is None or not (usage.input_tokens or usage.output_tokens)):
        total = _total(((usage.quantity, _price_of_unit(price, usage.unit)),))
    return (None, "none") if total is None else (total, "estimated" if usage.estimated else "priced")


def _price_of_unit(price: Price, unit: str) -> int | None:
    """Give the price of a million images, seconds or characters; None for what has none."""
    return {"images": price.image, "seconds": price.second, "characters": price.character}.get(unit)


def worst_of(
    prompt: int,
    request: Mapping[str, Any],
    price: Price | None,
    *,
    max_output_tokens: int | None = None,
    default_output_tokens: int = DEFAULT_OUTPUT_TOKENS,
    answers: int = 1,
) -> Worst:
    """Give the most that a request can take: its prompt's tokens, and the longest answer it allows.

    `answers` is how many of them there will be, beside what `n` and `best_of` say.
    """
    longest = _longest_answer(request, max_output_tokens, default_output_tokens)
    answer = min(longest * answers, _MOST_TOKENS)
    if price is None:
        return Worst(prompt + answer)
    if price.subscription:
        return Worst(prompt + answer, 0)
    parts = (
        (prompt, _dearest(price.input, price.cache_read, price.cache_write)),
        (answer, _dearest(price.output, price.reasoning)),
    )
    return Worst(prompt + answer, _total(parts))


def worst_of_units(tokens: Worst, quantity: int, unit: str, price: Price | None) -> Worst:
    """Give the dearer of the tokens and of so many units; unknown as long as neither has a price."""
    if price is None or price.subscription:
        return tokens if price is None else Worst(tokens.tokens, 0)
    nanos = _total(((quantity, _price_of_unit(price, unit)),))
    known = [each for each in (tokens.nanos, nanos) if each is not None]
    return Worst(tokens.tokens, max(known) if known else None)


def nanos_of_usd(text: str) -> int | None:
    """Read dollars as an upstream spells them, to the nearest nano-dollar; None for what is no amount."""
    try:
        amount = Decimal(text)
        if not amount.is_finite() or amount < 0 or amount > _MOST_USD:
            return None
        nanos = int((amount * 10**9).to_integral_value(ROUND_HALF_EVEN))
        return nanos or (1 if amount else 0)  # little is not nothing
    except (InvalidOperation, ValueError):
        return None


def _token_parts(usage: Usage, price: Price) -> tuple[tuple[int, int | None], ...]:
    if not (usage.cached_tokens or usage.cache_write_tokens or usage.reasoning_tokens):
        return (usage.input_tokens, price.input), (usage.output_tokens, price.output)
    cached = min(max(usage.cached_tokens, 0), usage.input_tokens)
    written = min(max(usage.cache_write_tokens, 0), usage.input_tokens - cached)
    reasoning = min(max(usage.reasoning_tokens, 0), usage.output_tokens)
    return (
        (usage.input_tokens - cached - written, price.input),
        (cached, _first(price.cache_read, price.input)),
        (written, _first(price.cache_write, price.input)),
        (usage.output_tokens - reasoning, price.output),
        (reasoning, _first(price.reasoning, price.output)),
    )


def _longest_answer(request: Mapping[str, Any], limit: int | None, default: int) -> int:
    longest, choices = 0, 1
    for name, value in request.items():
        if name in _LIMIT_NAMES:
            longest = max(longest, _count(value) or 0)
        elif name in _CHOICE_NAMES:
            choices = max(choices, _count(value) or 1)
    longest = longest or limit or default
    if limit and longest > limit:
        longest = limit
    return longest if choices == 1 else min(longest * min(choices, _MOST_CHOICES), _MOST_TOKENS)


def _count(value: Any) -> int | None:
    """Give a positive whole number, also one written as `16.0` or as text, which some upstreams accept.

    All else is the upstream's to judge.
    """
    if type(value) is int and 0 < value < _MOST_TOKENS:
        return value
    if isinstance(value, str):
        value = _number(value)
    if type(value) not in _NUMBERS or not 0 < value < _INFINITE:
        return None
    return min(int(value), _MOST_TOKENS) or None


def _number(text: str) -> float | None:
    try:
        return float(text[:_LONGEST_NUMBER])
    except ValueError:
        return None


def _total(parts: tuple[tuple[int, int | None], ...]) -> int | None:
    millionths = 0
    for tokens, price in parts:
        if tokens:
            if price is None:
                return None
            millionths += tokens * price
    return min(-(-millionths // _PER), MAX_NANOS)


def _first(own: int | None, usual: int | None) -> int | None:
    return usual if own is None else own


def _dearest(usual: int | None, *others: int | None) -> int | None:
    if usual is None:
        return None
    for price in others:
        if price is not None and price > usual:
            usual = price
    return usual
