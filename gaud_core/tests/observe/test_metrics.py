"""Numbers for Prometheus: counted once, added up over the workers, bounded, in its format."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

from gaud_core.gateway.exchange import Exchange
from gaud_core.observe.metrics import Board, Meter
from gaud_core.observe.metrics.board import Snapshot
from gaud_core.observe.metrics.text import rendered, series


def _ended(model: str = "m", fields: Mapping[str, object] | None = None) -> Exchange:
    return Exchange(status=200, model=model, cost_nanos=5, fields={"provider": "acme", **(fields or {})})


def test_workers_add_up() -> None:
    """Whichever worker answers, it tells of all; a quota is one account's, and not one for each worker."""
    board = Board(2)
    meters = [Meter(board, place) for place in range(2)]
    for meter, left in zip(meters, (7.0, 5.0), strict=True):
        meter.gauges = lambda left=left: [("gaud_quota_left", left)]  # type: ignore[misc]
        meter.count("chat/completions", _ended(fields={"in": 3, "out": 4}), 1.0)
        meter.publish()
    for meter in meters:
        totals = meter.totals()
        labels = {"provider": "acme", "model": "m", "endpoint": "chat/completions", "status": "200"}
        assert totals[series("gaud_calls_total", **labels)] == 2
        assert totals[series("gaud_tokens_total", provider="acme", model="m", direction="input")] == 6
        assert (totals["gaud_workers"], totals["gaud_quota_left"]) == (2, 5.0)


def test_another_worker_in_the_same_place_goes_on_counting() -> None:
    """No counter falls when a worker dies: what it has shown is kept, and its gauges are not."""
    board = Board(1)
    first = Meter(board, 0)
    first.running = 3
    first.count("chat/completions", _ended(), 1.0)
    before = first.totals()
    board.forget_gauges(0)
    assert "gaud_calls_running" not in board.read(0).gauges
    after = Meter(board, 0).totals()
    name = next(name for name in before if name.startswith("gaud_calls_total"))
    assert after[name] == before[name] == 1
    assert after["gaud_calls_running"] == 0


def test_a_death_while_writing_tears_nothing() -> None:
    """The sheet that is being written is not the one that is read."""
    board = Board(1)
    board.write(0, Snapshot({"a": 1}))
    board._memory[0] ^= 1  # as if the flip had come before the data
    board.write(0, Snapshot({"a": 2}))
    assert board.read(0).counters == {"a": 2}
    assert Board(1).read(0) == Snapshot()


def test_workers_share_the_board() -> None:
    """It is the same memory after a fork."""
    board = Board(2)
    pid = os.fork()
    if pid == 0:
        board.write(1, Snapshot({"a": 4}))
        os._exit(0)
    os.waitpid(pid, 0)
    assert board.read(1).counters == {"a": 4}


def test_series_are_bounded() -> None:
    """However many models and statuses there are, the rest is counted together."""
    meter = Meter()
    for number in range(2000):
        meter.count("chat/completions", _ended(model=f"m{number}"), 1.0)
    totals = meter.totals()
    calls = {name: value for name, value in totals.items() if name.startswith("gaud_calls_total")}
    assert len(calls) <= 501
    assert sum(calls.values()) == 2000


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb"])
def test_labels_are_escaped(name: str) -> None:
    """No name breaks out of its label."""
    text = rendered({series("gaud_healthy", provider=name): 1})
    assert text.splitlines()[-1].endswith('"} 1')
    assert len(text.splitlines()) == 3


def test_buckets_add_up() -> None:
    """Each bucket holds the ones below it, in the order of their bounds."""
    meter = Meter()
    for millis in (1, 40, 40_000, 400_000):
        meter._see(meter._whole, "acme", millis)
    lines = [
        line for line in rendered(meter.totals()).splitlines() if line.startswith("gaud_call_seconds_bucket")
    ]
    counts = [int(line.rpartition(" ")[2]) for line in lines]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (1, 4)
    assert 'le="+Inf"' in lines[-1]
