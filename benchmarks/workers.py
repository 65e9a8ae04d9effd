"""How throughput grows with the workers, and where the store is the limit.

    python -m benchmarks.workers [--rounds 3] [--seconds 3]

First whole gateways with 1, 2 and 4 workers, driven by many clients; then nothing but the books, by 1, 2 and
4 processes on one file, which is what remains as a limit when there are cores for all else.
Two minutes. The first part says something only on a machine with more cores than workers.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import peers
from benchmarks.calls import serving
from benchmarks.ledger import caller
from benchmarks.people import add_people, make_key
from benchmarks.wire import Target, drive_for
from gaud_core.config import Config, Database
from gaud_core.ledger import open_ledger
from gaud_core.store import open_store

_WORKERS = (1, 2, 4)
_CONNECTIONS = 64
_PAIRS = 12_000
_CALLERS = 32
_KEYS = 8


def gateways(rounds: int, seconds: float) -> None:
    """Drive gateways of each size in turn and print calls per second."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        upstream = stack.enter_context(serving("upstream", "benchmarks.wire"))
        running = []
        for count in _WORKERS:
            folder = Path(name) / str(count)
            folder.mkdir()
            key = make_key(folder)
            gaud = stack.enter_context(peers.gaud(folder, upstream.port, key, count))
            running.append((count, gaud, Target.chat(gaud.port, key, stream=False)))
        rates: dict[int, list[float]] = {count: [] for count in _WORKERS}
        for _ in range(rounds + 1):
            for count, _gaud, target in running:
                load = asyncio.run(drive_for(target, _CONNECTIONS, seconds))
                rates[count].append(len(load.millis) / load.seconds)
        one = statistics.median(rates[1][1:])
        for count, gaud, _ in running:
            rate = statistics.median(rates[count][1:])
            print(f"| {count} | {rate:.0f} | {rate / one:.2f} | {gaud.resident_mb():.0f} |", flush=True)


def _book(path: Path, number: int, keys: Sequence[str], ready: Any, done: Any) -> None:
    """Admit and settle as fast as it goes, in a process of its own."""

    async def work() -> None:
        store = open_store(Config(database=Database(path=path)))
        ledger = open_ledger(store)
        ready.wait()
        waits: list[float] = []
        each = _PAIRS // _CALLERS
        begun = time.perf_counter()
        await asyncio.gather(
            *(caller(ledger, f"p{number}-{n}", keys[n % len(keys)], each, waits) for n in range(_CALLERS))
        )
        done.put((time.perf_counter() - begun, sorted(waits)))
        await asyncio.to_thread(ledger.close)
        store.close()

    asyncio.run(work())


def books(processes: int) -> tuple[float, float]:
    """Give pairs per second of all processes together, and the 99th percentile of a pair in milliseconds."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "gaud.db"
        store = open_store(Config(database=Database(path=path)))
        keys = [made.id for made in add_people(store, _KEYS)]
        store.close()
        spawn = multiprocessing.get_context("spawn")
        ready, done = spawn.Barrier(processes), spawn.Queue()
        started = [
            spawn.Process(target=_book, args=(path, number, keys, ready, done)) for number in range(processes)
        ]
        for process in started:
            process.start()
        told = [done.get(timeout=300) for _ in started]
        for process in started:
            process.join()
    waits = sorted(wait for _, some in told for wait in some)
    return len(waits) / max(took for took, _ in told), waits[len(waits) * 99 // 100] * 1000


def limit_of_the_books(processes: Sequence[int], rounds: int) -> None:
    """Print what the books alone can take."""
    for count in processes:
        runs = [books(count) for _ in range(rounds)]
        rate, p99 = (statistics.median(run[at] for run in runs) for at in (0, 1))
        print(f"| {count} | {rate:.0f} | {p99:.1f} |", flush=True)


def main() -> None:
    """Measure both and print two tables."""
    parser = argparse.ArgumentParser(description="How throughput grows with the workers.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, {_CONNECTIONS} connections; clients and upstream run on them too.\n")
    print("| workers | calls/s | ÷ one worker | MB together |\n|---:|---:|---:|---:|", flush=True)
    gateways(options.rounds, options.seconds)
    print("\n| processes that only book | calls/s together | p99 of both bookings, ms |\n|---:|---:|---:|")
    limit_of_the_books(_WORKERS, options.rounds)


if __name__ == "__main__":
    main()
