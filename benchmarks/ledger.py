"""What the books cost: CPU of the whole process per admitted and settled call.

    python benchmarks/ledger.py [--calls 20000] [--callers 1 32] [--keys 8]

Everything is on: rpm, tpm and concurrency of the key, daily and monthly budget of the user. Also printed is
the time that one caller waits for the pair, in the middle and at the 99th percentile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

from sqlalchemy import insert

from gaud_core.config import Config, Database
from gaud_core.ledger import Admission, Ledger, Settlement, Worst, open_ledger
from gaud_core.store import Store, open_store
from gaud_core.store.schema import budgets, keys, users

PLENTY = 10**15


def fill(store: Store, count: int) -> None:
    """Make users with one key each and with every limit set."""
    made = {"prefix": "sk-prx-", "label": "", "models": json.dumps(["gpt-*"]), "created_at": 0}
    limits = {"rpm": PLENTY, "tpm": PLENTY, "concurrency": PLENTY}
    with store.writing() as connection:
        for number in range(count):
            user = f"user_{number}"
            connection.execute(insert(users).values(id=user, name=user, role="member", created_at=0))
            digest = str(number).encode()
            connection.execute(
                insert(keys).values(id=f"key_{number}", user_id=user, digest=digest, **made, **limits)
            )
            connection.execute(insert(budgets).values(user_id=user, daily_nanos=PLENTY, monthly_nanos=PLENTY))


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
    fill(store, key_count)
    ledger = open_ledger(store)
    waits: list[float] = []
    each = calls // callers
    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(
        *(caller(ledger, f"c{n}", f"key_{n % key_count}", each, waits) for n in range(callers))
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
