"""The circuit breaker: keeps calls away from an upstream that is down, and finds out when it is back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import attrs
from msgspec import Struct

from gaud_core.errors import Unavailable

__all__ = ["CircuitBreaker", "Permit"]

State = Literal["closed", "open", "half-open"]


@attrs.define
class CircuitBreaker:
    """Closed → open after consecutive failures → half-open: one test call at a time → closed.

    `clock` gives seconds and never runs backwards. A failure is a 5xx, a timeout or a broken stream;
    a 4xx is an answer like any other.
    """

    name: str
    failure_threshold: int
    open_secs: float
    success_threshold: int
    clock: Callable[[], float]
    _failures: int = 0
    _successes: int = 0
    _opened_at: float | None = None
    _testing: bool = False
    _generation: int = 0

    @property
    def state(self) -> State:
        """The state now."""
        if self._opened_at is None:
            return "closed"
        return "open" if self._remaining() > 0 else "half-open"

    def tune(self, failure_threshold: int, open_secs: float, success_threshold: int) -> None:
        """Take other limits and keep what it knows."""
        self.failure_threshold, self.open_secs = failure_threshold, open_secs
        self.success_threshold = success_threshold

    def admit(self) -> Permit:
        """Let a call through, or raise Unavailable with the seconds to wait."""
        if self._opened_at is None:
            return Permit(self, self._generation)
        state = self.state
        if state == "open":
            raise self._refusal(math.ceil(self._remaining()))
        if state == "half-open":
            if self._testing:
                raise self._refusal(1)
            self._testing = True
        return Permit(self, self._generation)

    def settle(self, generation: int, succeeded: bool | None) -> State | None:
        """Take the outcome of a call that was admitted in `generation`; None is no verdict.

        Gives the state before, if this has changed it.
        """
        if generation != self._generation:
            return None  # admitted before the last change of state: says nothing about the upstream now
        self._testing = False
        if succeeded and self._opened_at is None:  # as nearly always
            self._failures = 0
            return None
        before = self.state
        if succeeded:
            self._succeed()
        elif succeeded is not None:
            self._fail()
        return before if self.state != before else None

    def _succeed(self) -> None:
        self._failures = 0
        self._successes += 1
        if self._successes >= self.success_threshold:
            self._change(opened_at=None)

    def _fail(self) -> None:
        self._failures += 1
        if self._opened_at is not None or self._failures >= self.failure_threshold:
            self._change(opened_at=self.clock())

    def _change(self, opened_at: float | None) -> None:
        self._opened_at, self._failures, self._successes = opened_at, 0, 0
        self._generation += 1

    def _remaining(self) -> float:
        return 0.0 if self._opened_at is None else self._opened_at + self.open_secs - self.clock()

    def _refusal(self, seconds: int) -> Unavailable:
        return Unavailable(
            f"`{self.name}` is not answering: its circuit breaker is {self.state}. Try again in {seconds} s.",
            code="circuit_breaker_open",
            retry_after=seconds,
        )


class Permit(Struct):
    """Leave for one call; give the outcome back exactly once (a second time is ignored)."""

    breaker: CircuitBreaker
    generation: int
    _settled: bool = False

    def settle(self, succeeded: bool | None) -> State | None:
        """True: the upstream answered. False: it failed. None: nothing was learnt.

        Gives the breaker's state before, if this has changed it.
        """
        if self._settled:
            return None
        self._settled = True
        return self.breaker.settle(self.generation, succeeded)
