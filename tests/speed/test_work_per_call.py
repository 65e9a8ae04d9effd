"""What a call costs does not creep upwards: counted in calls of functions, which no busy machine changes."""

from __future__ import annotations

import json

import pytest

from .counting import BASELINE, VERSION, work

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
