"""What `gaud bench` tells of a run, to the letter, by a clock that the test turns."""

from __future__ import annotations

import pytest

from gaud_core.call import Reply
from gaud_core.cli.measure.report import as_json, as_text

from .bench_world import World, bad, good, measured

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The gateway's client lives in asyncio."""
    return "asyncio"


TIMING = "queue;dur=0.1, upstream;dur={}, settle;dur=1, edge;dur=0.5"


def timed(number: int) -> Reply:
    """An answer with Server-Timing."""
    return good(headers=[("server-timing", TIMING.format(4 + number))])


async def test_the_report_of_a_run() -> None:
    """To the letter, by a clock that the test turns."""
    run = await measured(World({"gaud": timed}, {"gaud": 0.01}))
    assert as_text(run) == REPORT.strip("\n")


REPORT = """
Calls to work:m at http://gaud.test/v1
over 1 connection, in 0.04 s

                   CALLS  FAILED  CALLS/S
through Gaud           4       0    100.0

MILLISECONDS         P50     P95      P99
answer             10.00   10.00    10.00

SERVER-TIMING, MS    P50     P95      P99
queue               0.10    0.10     0.10
upstream            6.00    8.00     8.00
settle              1.00    1.00     1.00
edge                0.50    0.50     0.50
all but upstream    3.00    5.00     5.00

Of fewer than 100 calls, P99 is the slowest.
"""


async def test_the_report_of_two_that_are_compared() -> None:
    """The upstream's own times below the gateway's, then the difference and the ratio; failures of each."""
    answers = {
        "gaud": lambda number: bad(429, "Slow down.") if number == 2 else good(),
        "direct": lambda number: good(),
    }
    run = await measured(World(answers, {"gaud": 0.03, "direct": 0.02}), connections=1)
    assert as_text(run) == COMPARED.strip("\n")


COMPARED = """
Calls to work:m at http://gaud.test/v1
and to m at http://direct.test/v1
over 1 connection, in 0.20 s

               CALLS  FAILED  CALLS/S
through Gaud       4       1     25.0
direct             4       0     50.0

MILLISECONDS     P50     P95      P99
answer         30.00   30.00    30.00
  direct       20.00   20.00    20.00
  added       +10.00  +10.00   +10.00
  ratio         1.50    1.50     1.50

Failed through Gaud:
  1 × 429: Slow down.

Of fewer than 100 calls, P99 is the slowest.
The answers have no Server-Timing, so where the time goes is not known.
"""


async def test_the_report_as_json() -> None:
    """The same figures, to the microsecond; without an upstream nothing is compared."""
    world = World({"gaud": timed, "direct": good}, {"gaud": 0.01, "direct": 0.004})
    found = as_json(await measured(world))
    assert found["ended_by"] == "calls"
    assert found["gaud"]["latency_ms"] == {"p50": 10.0, "p95": 10.0, "p99": 10.0}
    assert found["gaud"]["server_timing_ms"]["upstream"] == {"p50": 6.0, "p95": 8.0, "p99": 8.0}
    assert found["gaud"]["all_but_upstream_ms"]["p50"] == 3.0
    assert found["direct"]["server_timing_ms"] == {}
    assert found["added"]["latency_ms"]["p99"] == {"ms": 6.0, "ratio": 2.5}
    assert found["added"]["first_chunk_ms"] is None
    assert "added" not in as_json(await measured(World({"gaud": good})))
