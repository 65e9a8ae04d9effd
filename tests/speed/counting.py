"""How much Python a call executes: calls of functions, counted and not timed, so no machine is too busy."""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.inside import served
from benchmarks.wire import CHUNKS, Target, drive

__all__ = ["BASELINE", "VERSION", "left_behind", "work"]

BASELINE = Path(__file__).with_name("baseline.json")
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
_OURS = ("gaud_core", "gaud_provider", "starlette", "uvicorn", "sqlalchemy", "<attrs generated")
_CALLS = 25


class _Counter:
    """Counts the calls in code of the gateway and its server; clients and event loop are left out."""

    def __init__(self) -> None:
        self.count = 0
        self._known: dict[Any, bool] = {}

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event in ("call", "c_call"):
            code = frame.f_code
            ours = self._known.get(code)
            if ours is None:
                ours = self._known[code] = any(name in code.co_filename for name in _OURS)
            self.count += ours


async def _count(target: Target, end: bytes, counter: _Counter) -> list[int]:
    """Make calls one after the other over one connection; give what each has taken."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    counts = []
    for _ in range(_CALLS):
        before = counter.count
        writer.write(target.request)
        await reader.readuntil(end)
        await asyncio.sleep(0.002)  # what comes after the last byte belongs to it too
        counts.append(counter.count - before)
    writer.close()
    return counts


async def _work() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        async with served(Path(folder)) as (port, key):
            whole, stream = (Target.chat(port, key, stream=streamed) for streamed in (False, True))
            counter = _Counter()
            await _count(whole, b'"total_tokens": 300}}', _Counter())
            sys.setprofile(counter)
            try:
                a_whole = statistics.median(await _count(whole, b'"total_tokens": 300}}', counter))
                a_stream = statistics.median(await _count(stream, b"\r\n0\r\n\r\n", counter))
            finally:
                sys.setprofile(None)
    return {"whole call": a_whole, "chunk of a stream": round((a_stream - a_whole) / CHUNKS, 1)}


def work() -> dict[str, float]:
    """Count what a whole call takes, and each chunk of a stream more than that."""
    return asyncio.run(_work())


async def _left_behind(calls: int) -> dict[str, int]:
    left = {}
    with tempfile.TemporaryDirectory() as folder:
        async with served(Path(folder)) as (port, key):
            targets = {
                "whole call": Target.chat(port, key, stream=False),
                "stream": Target.chat(port, key, stream=True),
                "refusal": Target.chat(port, key, "nobody:has-it", stream=False),
            }
            for what, target in targets.items():
                await drive(target, 1, 10)
                gc.collect()
                await drive(target, 1, calls)
                left[what] = gc.collect()
    return left


def left_behind(calls: int) -> dict[str, int]:
    """Count the objects that so many calls of each kind leave to the garbage collector."""
    gc.disable()
    try:
        return asyncio.run(_left_behind(calls))
    finally:
        gc.enable()


if __name__ == "__main__":
    known = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    BASELINE.write_text(json.dumps({**known, VERSION: work()}, indent=2, sort_keys=True) + "\n")
