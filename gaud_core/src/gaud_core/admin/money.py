"""US dollars at the edge: exact decimals outside, whole nano-dollars inside, never a float."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from gaud_core.provider.base import dollars

__all__ = ["MOST_DOLLARS", "Amount", "Usd", "usd"]

MOST_DOLLARS = 10**9
"""A billion dollars: far beyond any budget, and far within 64 bits of nano-dollars."""

_PLACES = 9
_MOST_DIGITS = 60
_TEXT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,30})?", re.ASCII)


class Usd:
    """An amount in an answer; a JSON number with every digit that there is."""

    __slots__ = ("nanos",)

    def __init__(self, nanos: int) -> None:
        self.nanos = nanos

    def text(self) -> str:
        """The amount in dollars, without an exponent."""
        return dollars(self.nanos)


class Amount:
    """An amount in a request; a JSON number, or a decimal as text."""

    __slots__ = ("nanos",)

    def __init__(self, nanos: int) -> None:
        self.nanos = nanos

    @classmethod
    def read(cls, value: Any) -> Amount:
        """Read what JSON has given, with numbers as Decimal or int; ValueError or TypeError in words."""
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise TypeError("must be a number of US dollars, as a number or as text, or null")
        if isinstance(value, str) and not _TEXT.fullmatch(value):
            raise ValueError("must be a plain decimal such as 50 or 0.25, not negative")
        return cls(_nanos(Decimal(value)))


def usd(nanos: int | None) -> Usd | None:
    """Wrap nano-dollars; unknown stays unknown."""
    return None if nanos is None else Usd(nanos)


def _nanos(amount: Decimal) -> int:
    """Shift by hand: Decimal's own arithmetic would round to 28 digits."""
    if amount < 0:
        raise ValueError("must not be negative")
    if amount > MOST_DOLLARS:
        raise ValueError(f"must not be more than {MOST_DOLLARS} dollars")
    _, digits, exponent = amount.as_tuple()
    if not amount:
        return 0
    if len(digits) > _MOST_DIGITS:
        raise ValueError("must not have that many digits")
    number = int("".join(map(str, digits)))
    shift = int(exponent) + _PLACES
    if shift >= 0:
        return number * int(10**shift)  # at most 18 digits, since the amount is bounded
    if shift < -_MOST_DIGITS or number % 10**-shift:
        raise ValueError("must not have more than 9 decimals")
    return number // int(10**-shift)
