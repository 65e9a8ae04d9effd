"""Whether memory stays flat: a million mixed calls, and what the gateway holds after each ten thousand.

    python -m benchmarks.endurance [--calls 1000000]

About 15 minutes for a million. Whole answers, streams, longer prompts, embeddings and refusals, by a hundred
keys of ten users, through one worker with everything on.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from benchmarks import peers
from benchmarks.calls import serving
from benchmarks.people import make_keys
from benchmarks.wire import Target, drive_each

_STEP = 10_000
_CONNECTIONS = 32
_WARM = 100_000
"""After so many calls every cache is as full as it will be."""


def mixed(port: int, keys: Sequence[str]) -> Iterator[Target]:
    """Give calls without end: of a hundred, 80 whole ones, 6 streams, 8 longer ones, and 6 refused."""
    chance = random.Random(7)  # the same mix every time
    for number in itertools.count():
        key, kind = keys[number % len(keys)], chance.randrange(100)
        if kind < 80:
            yield Target.chat(port, key, stream=False, size=200 + kind * 40)
        elif kind < 86:
            yield Target.chat(port, key, stream=True)
        elif kind < 94:
            yield Target.chat(port, key, stream=False, size=20_000)
        else:
            refused = Target.chat(port, key, f"nobody:has-{number}", stream=False)
            yield attrs.evolve(refused, status=b"404")


async def endure(gaud: peers.Peer, keys: Sequence[str], calls: int) -> list[tuple[int, float]]:
    """Make the calls; give the resident megabytes after each step."""
    targets, held = mixed(gaud.port, keys), []
    for done in range(_STEP, calls + 1, _STEP):
        load = await drive_each(itertools.islice(targets, _STEP), _CONNECTIONS)
        held.append((done, gaud.resident_mb()))
        rate = len(load.millis) / load.seconds
        print(f"{done:9} calls  {held[-1][1]:7.1f} MB  {rate:6.0f}/s  {load.bad} bad", flush=True)
    return held


def main() -> None:
    """Run, and say how much it has grown."""
    parser = argparse.ArgumentParser(description="Whether memory stays flat over a million mixed calls.")
    parser.add_argument("--calls", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keys = make_keys(folder, 10, 10)
        with (
            serving("upstream", "benchmarks.wire") as upstream,
            peers.gaud(folder, upstream.port, keys[0]) as gaud,
        ):
            print(f"        0 calls  {gaud.resident_mb():7.1f} MB", flush=True)
            held = dict(asyncio.run(endure(gaud, keys, options.calls)))
    early, late = held.get(_WARM), held[max(held)]
    if early is not None:
        print(f"from {_WARM} to {max(held)} calls: {(late / early - 1) * 100:+.1f} %")


if __name__ == "__main__":
    main()
