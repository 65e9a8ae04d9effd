"""The circuit breaker does exactly what the guide says, and time is told to it."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gaud_core import Unavailable
from gaud_core.gateway.instances.breaker import CircuitBreaker, Permit

from ..support import Clock


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    """A breaker with the guide's thresholds."""
    return CircuitBreaker("acme", 3, 30.0, 2, clock)


def _calls(breaker: CircuitBreaker, *outcomes: bool | None) -> None:
    for outcome in outcomes:
        breaker.admit().settle(outcome)


def _state(breaker: CircuitBreaker) -> str:
    """Read the state anew; a type checker takes a property for what it was."""
    return breaker.state


def _refused(breaker: CircuitBreaker) -> int | None:
    with pytest.raises(Unavailable) as caught:
        breaker.admit()
    assert caught.value.http_status == 503
    return caught.value.retry_after


def test_third_failure_in_a_row_opens(breaker: CircuitBreaker) -> None:
    """Two failures are borne, the third opens for 30 s."""
    _calls(breaker, False, False)
    assert _state(breaker) == "closed"
    _calls(breaker, False)
    assert _state(breaker) == "open"
    assert _refused(breaker) == 30


def test_success_begins_the_count_anew(breaker: CircuitBreaker) -> None:
    """Failures count only in a row."""
    _calls(breaker, False, False, True, False, False, True)
    assert _state(breaker) == "closed"


def test_no_verdict_leaves_the_count(breaker: CircuitBreaker) -> None:
    """A call without a verdict neither adds a failure nor forgives one."""
    _calls(breaker, False, False, None)
    assert _state(breaker) == "closed"
    _calls(breaker, False)
    assert _state(breaker) == "open"


def test_open_until_the_last_moment(breaker: CircuitBreaker, clock: Clock) -> None:
    """After 29.99 s it is open still and says so in whole seconds; after 30 s it tests."""
    _calls(breaker, False, False, False)
    clock.now += 29.99
    assert (_state(breaker), _refused(breaker)) == ("open", 1)
    clock.now += 0.01
    assert _state(breaker) == "half-open"


def test_one_test_call_at_a_time(breaker: CircuitBreaker, clock: Clock) -> None:
    """While a test call runs, all others are refused; when it is done, the next may try."""
    _calls(breaker, False, False, False)
    clock.now += 30
    test = breaker.admit()
    assert _refused(breaker) == 1
    test.settle(True)
    assert _state(breaker) == "half-open"
    breaker.admit()


def test_two_successes_close(breaker: CircuitBreaker, clock: Clock) -> None:
    """After the second success calls flow side by side again, and three failures are borne anew."""
    _calls(breaker, False, False, False)
    clock.now += 30
    _calls(breaker, True, True)
    assert _state(breaker) == "closed"
    side_by_side = [breaker.admit() for _ in range(5)]
    assert len(side_by_side) == 5
    _calls(breaker, False, False)
    assert _state(breaker) == "closed"


@pytest.mark.parametrize("before", [(), (True,)])
def test_any_failed_test_reopens(breaker: CircuitBreaker, clock: Clock, before: tuple[bool, ...]) -> None:
    """One failure in half-open opens for another 30 s, also after a success, which is forgotten."""
    _calls(breaker, False, False, False)
    clock.now += 30
    _calls(breaker, *before, False)
    assert _refused(breaker) == 30
    clock.now += 30
    _calls(breaker, True)
    assert _state(breaker) == "half-open"


def test_test_call_without_verdict_does_not_wedge(breaker: CircuitBreaker, clock: Clock) -> None:
    """A test call whose client left gives the turn to the next."""
    _calls(breaker, False, False, False)
    clock.now += 30
    _calls(breaker, None, None)
    assert _state(breaker) == "half-open"
    _calls(breaker, True, None, True)
    assert _state(breaker) == "closed"


@pytest.mark.parametrize("late", [True, False])
def test_late_news_is_no_news(breaker: CircuitBreaker, clock: Clock, late: bool) -> None:
    """A call from before the opening says nothing about the upstream now, not even in half-open."""
    slow = [breaker.admit(), breaker.admit()]
    _calls(breaker, False, False, False)
    slow[0].settle(late)
    assert _state(breaker) == "open"
    clock.now += 30
    test = breaker.admit()
    slow[1].settle(late)
    assert _state(breaker) == "half-open"
    assert _refused(breaker) == 1
    test.settle(True)


def test_settling_twice_counts_once(breaker: CircuitBreaker) -> None:
    """A permit is good for one verdict."""
    permit = breaker.admit()
    for _ in range(5):
        permit.settle(False)
    assert _state(breaker) == "closed"


def test_message_names_the_provider_and_the_wait(breaker: CircuitBreaker) -> None:
    """A refused client learns who is down and when to come back."""
    _calls(breaker, False, False, False)
    with pytest.raises(
        Unavailable, match=r"`acme` is not answering: its circuit breaker is open. .* in 30 s"
    ):
        breaker.admit()


class BreakerMachine(RuleBasedStateMachine):
    """The breaker beside a model that is too simple to be wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = CircuitBreaker("acme", 3, 30.0, 2, self.clock)
        self.running: list[tuple[Permit, int]] = []
        self.failures = 0
        self.successes = 0
        self.opened_at: float | None = None
        self.testing: Permit | None = None
        self.era = 0

    @property
    def expected(self) -> str:
        """The state by the model."""
        if self.opened_at is None:
            return "closed"
        return "open" if self.clock.now < self.opened_at + 30 else "half-open"

    @rule(seconds=st.sampled_from([0.5, 1.0, 29.0, 30.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        """The clock goes on."""
        self.clock.now += seconds

    @rule()
    def call_begins(self) -> None:
        """A call is let through exactly when the model says so."""
        if self.expected == "open" or (self.expected == "half-open" and self.testing):
            with pytest.raises(Unavailable):
                self.breaker.admit()
            return
        permit = self.breaker.admit()
        self.running.append((permit, self.era))
        if self.expected == "half-open":
            self.testing = permit

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 50), outcome=st.sampled_from([True, False, None]))
    def call_ends(self, which: int, outcome: bool | None) -> None:
        """Any of the running calls ends in any way."""
        permit, era = self.running.pop(which % len(self.running))
        permit.settle(outcome)
        if era != self.era:
            return
        if permit is self.testing:
            self.testing = None
        if outcome is True:
            self._succeeded()
        elif outcome is False:
            self._failed()

    def _succeeded(self) -> None:
        self.failures = 0
        if self.opened_at is not None:
            self.successes += 1
            if self.successes == 2:
                self._change(None)

    def _failed(self) -> None:
        self.failures += 1
        if self.opened_at is not None or self.failures == 3:
            self._change(self.clock.now)

    def _change(self, opened_at: float | None) -> None:
        self.opened_at, self.failures, self.successes, self.testing = opened_at, 0, 0, None
        self.era += 1

    @invariant()
    def states_agree(self) -> None:
        """Breaker and model are in the same state."""
        assert self.breaker.state == self.expected


TestBreakerMachine = BreakerMachine.TestCase
TestBreakerMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
