"""What a call costs does not creep upwards: counted in calls of functions, which no busy machine changes."""

from __future__ import annotations

import json

import pytest

from .counting import BASELINE, VERSION, left_behind, work

MOST = 1.10


def test_work_per_call_has_not_grown() -> None:
    """At most a tenth more than at the last look; after a good reason, `python -m tests.speed.counting`."""
    baseline = json.loads(BASELINE.read_text()).get(VERSION)
    if baseline is None:
        pytest.skip(f"nobody has counted with Python {VERSION} yet")
    now = work()
    grown = {
        what: f"{baseline[what]} -> {count}" for what, count in now.items() if count > baseline[what] * MOST
    }
    assert grown == {}


def test_calls_leave_nothing_to_the_garbage_collector() -> None:
    """A ring of objects at each call would wake it again and again, and let memory grow until it comes."""
    left = left_behind(50)
    assert {what: count for what, count in left.items() if count >= 50} == {}
