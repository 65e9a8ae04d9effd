"""What the books cost: CPU of the whole process per admitted and settled call.

    python -m benchmarks.ledger [--calls 20000] [--callers 1 32] [--keys 8]

Everything is on: rpm, tpm and concurrency of the key, daily and monthly budget of the user. Also printed is
the time that one caller waits for the pair, in the middle and at the 99th percentile.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.people import add_people
from gaud_core.config import Config, Database
from gaud_core.ledger import Admission, Ledger, Settlement, Worst, open_ledger
from gaud_core.store import open_store


async def caller(ledger: Ledger, name: str, key: str, calls: int, waits: list[float]) -> None:
    """Make calls one after the other."""
    for number in range(calls):
        begun = time.perf_counter()
        ticket = await ledger.admit(
            Admission(
                f"{name}-{number}",
                "acme",
                "acme",
                "gpt-4o",
                "chat/completions",
                key_id=key,
                worst=Worst(900, 5000),
            )
        )
        await ledger.settle(
            ticket, Settlement(200, 4000, "priced", 300, 200, 0, 0, first_byte_ms=5, total_ms=9)
        )
        waits.append(time.perf_counter() - begun)


async def measure(path: Path, callers: int, calls: int, key_count: int) -> str:
    """Run one load and describe it."""
    store = open_store(Config(database=Database(path=path)))
    made = add_people(store, key_count)
    ledger = open_ledger(store)
    waits: list[float] = []
    each = calls // callers
    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(
        *(caller(ledger, f"c{n}", made[n % key_count].id, each, waits) for n in range(callers))
    )
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    report = ledger.verify()
    ledger.close()
    store.close()
    waits.sort()
    done = each * callers
    return (
        f"{callers:4} callers  {cpu / done * 1000:.3f} ms CPU per pair  {done / wall:7.0f} calls/s  "
        f"wait {statistics.median(waits) * 1000:.2f} ms, p99 {waits[int(len(waits) * 0.99)] * 1000:.2f} ms  "
        f"verify {'clean' if report.clean else report.differences[0]}"
    )


def main() -> None:
    """Print a line for each number of callers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--keys", type=int, default=8)
    options = parser.parse_args()
    for callers in options.callers:
        with tempfile.TemporaryDirectory() as folder:
            print(asyncio.run(measure(Path(folder) / "gaud.db", callers, options.calls, options.keys)))


if __name__ == "__main__":
    main()
