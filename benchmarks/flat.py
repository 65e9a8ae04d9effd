"""Whether a call costs the same however much there is: keys, rows in the ledger, models.

    python -m benchmarks.flat [--rounds 5] [--seconds 2]

For each of the three, a Gaud with little and one with much of it are driven in turn; the ratio of what their
calls cost should be about 1. With all of many keys in use no two calls share a counter or what was read of a
key a moment ago, which costs more. About four minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import attrs
from sqlalchemy import insert

from benchmarks import peers
from benchmarks.calls import serving
from benchmarks.people import make_key, make_keys, opened
from benchmarks.wire import Target, drive_each
from gaud_core.store import new_id
from gaud_core.store.schema import calls

_FEW_KEYS = 10
_MANY_KEYS, _MANY_ROWS, _MANY_MODELS = 100_000, 1_000_000, 5_000
_AT_ONCE = 10_000
_DAY_MS = 86_400_000
_CONNECTIONS = 32


@attrs.frozen
class Side:
    """A Gaud with little or much of something, and the calls that it gets in turn."""

    gaud: peers.Peer
    targets: Iterator[Target]

    def measure(self, seconds: float) -> float:
        """CPU milliseconds per call."""
        before = self.gaud.cpu_ms()
        load = asyncio.run(drive_each(self.targets, _CONNECTIONS, time.perf_counter() + seconds))
        if load.bad:
            raise SystemExit(f"{load.bad} of {len(load.millis)} answers were bad")
        return (self.gaud.cpu_ms() - before) / len(load.millis)


def add_rows(folder: Path, count: int) -> None:
    """Write settled calls of the last thirty days into the books, of a user who makes no more."""
    begin = time.time_ns() // 1_000_000 - 30 * _DAY_MS
    store = opened(folder)
    for first in range(0, count, _AT_ONCE):
        rows = [
            _row(begin + number * 30 * _DAY_MS // count)
            for number in range(first, min(first + _AT_ONCE, count))
        ]
        with store.writing() as connection:
            connection.execute(insert(calls), rows)
    store.close()


def _row(when: int) -> dict[str, object]:
    return {
        "id": new_id("req", when),
        "worker": "worker_bench",
        "user_id": "user_bench",
        "key_id": "key_bench",
        "instance": "litellm",
        "provider": "litellm",
        "model": f"m{when % 7}",
        "endpoint": "chat/completions",
        "stream": False,
        "on_disconnect": "cancel",
        "state": "settled",
        "status": 200,
        "input_tokens": 200,
        "output_tokens": 100,
        "cost_nanos": 1_500_000,
        "cost_source": "priced",
        "reserved_nanos": 2_000_000,
        "reserved_tokens": 500,
        "admitted_at": when,
        "settled_at": when + 900,
    }


@contextlib.contextmanager
def keyed(folder: Path, upstream: int, count: int, in_use: int | None = None) -> Iterator[Side]:
    """A Gaud whose calls come from so many keys, or some of them, one after another in any order."""
    chance = random.Random(7)  # the same order every time
    texts = chance.sample(make_keys(folder, count), in_use or count)
    with peers.gaud(folder, upstream, texts[0]) as gaud:
        targets = (Target.chat(gaud.port, chance.choice(texts), stream=False) for _ in itertools.count())
        yield Side(gaud, targets)


@contextlib.contextmanager
def grown(folder: Path, upstream: int, rows: int) -> Iterator[Side]:
    """A Gaud with so many rows in its books already."""
    key = make_key(folder)
    add_rows(folder, rows)
    with peers.gaud(folder, upstream, key) as gaud:
        yield Side(gaud, itertools.repeat(Target.chat(gaud.port, key, stream=False)))


@contextlib.contextmanager
def listing(folder: Path, models: int) -> Iterator[Side]:
    """A Gaud whose upstream lists so many models, all of which are called."""
    key = make_key(folder)
    names = [f"m{number}" for number in range(models)]
    with (
        serving("upstream", "benchmarks.wire", GAUD_BENCH_MODELS=json.dumps(names)) as upstream,
        peers.gaud(folder, upstream.port, key) as gaud,
    ):
        ready = [Target.chat(gaud.port, key, f"litellm:{name}", stream=False) for name in names]
        yield Side(gaud, itertools.cycle(ready))


def compare(what: str, few: Side, many: Side, rounds: int, seconds: float) -> str:
    """Drive both in turn and give a line of the table."""
    pairs = [(few.measure(seconds), many.measure(seconds)) for _ in range(rounds + 1)][1:]
    ratio = statistics.median(much / little for little, much in pairs)
    little, much = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    return f"| {what} | {little:.3f} | {much:.3f} | {ratio:.2f} |"


def main() -> None:
    """Measure all three and print the table."""
    parser = argparse.ArgumentParser(description="Whether a call costs the same however much there is.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    print("| | CPU ms per call, few | many | ratio |\n|---|---:|---:|---:|", flush=True)
    few_of_them = partial(keyed, in_use=_FEW_KEYS)
    with serving("upstream", "benchmarks.wire") as upstream:
        for what, side, sizes in (
            (f"{_FEW_KEYS} → {_MANY_KEYS:,} keys, {_FEW_KEYS} in use", few_of_them, (_FEW_KEYS, _MANY_KEYS)),
            (f"{_FEW_KEYS} → {_MANY_KEYS:,} keys, all in use", keyed, (_FEW_KEYS, _MANY_KEYS)),
            (f"1 → {_MANY_ROWS:,} rows", grown, (1, _MANY_ROWS)),
        ):
            with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
                few, many = (
                    stack.enter_context(side(_made(name, size), upstream.port, size)) for size in sizes
                )
                print(compare(what, few, many, options.rounds, options.seconds), flush=True)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        few, many = (stack.enter_context(listing(_made(name, size), size)) for size in (10, _MANY_MODELS))
        print(compare(f"10 → {_MANY_MODELS:,} models", few, many, options.rounds, options.seconds))


def _made(name: str, size: int) -> Path:
    folder = Path(name) / str(size)
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main()
