"""Several processes on one database: limits hold exactly, and SIGKILL loses nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gaud_core.ledger import open_ledger
from gaud_core.store import Store

from .support import budget, limit

CLIENTS = """
import asyncio, sys
from pathlib import Path
from gaud_core.config import Config, Database
from gaud_core.errors import TooManyRequests
from gaud_core.ledger import Admission, Settlement, Worst, open_ledger
from gaud_core.store import open_store

async def client(ledger, name, settles):
    passed = 0
    for number in range(5):
        try:
            call, worst = f"{name}-{number}", Worst(10, 100)
            ticket = await ledger.admit(Admission(call, "a", "a", "m", "chat", key_id="key", worst=worst))
        except TooManyRequests:
            continue
        passed += 1
        if settles:
            await ledger.settle(ticket, Settlement(200, 100, "priced", 4, 6))
    return passed

async def take_part(path, name, settles):
    store = open_store(Config(database=Database(path=Path(path))))
    ledger = open_ledger(store)
    print("ready", flush=True)
    sys.stdin.readline()
    print(sum(await asyncio.gather(*(client(ledger, f"{name}{n}", settles) for n in range(32)))), flush=True)
    sys.stdin.readline()
    ledger.close()
    store.close()
    print("left", flush=True)

while path := sys.stdin.readline().strip():
    asyncio.run(take_part(path, sys.argv[1], sys.stdin.readline() == "settles\\n"))
"""


Pair = list[subprocess.Popen[str]]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Two processes, for one database after the other."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", CLIENTS]
    started = [subprocess.Popen([*command, name], stdin=pipe, stdout=pipe, text=True) for name in "ab"]
    yield started
    for process in started:
        process.kill()
        process.communicate()


def _passed(pair: Pair, path: Path, *, settles: bool) -> int:
    """How many of the calls of 64 clients in two processes are admitted."""
    mode = "settles" if settles else "holds"
    assert _say(pair, f"{path}\n{mode}") == ["ready"] * 2
    passed = _say(pair, "")  # both are ready before one begins, and both are done before one leaves
    assert _say(pair, "") == ["left"] * 2
    return sum(int(line) for line in passed)


def _say(pair: Pair, line: str) -> list[str]:
    for process in pair:
        assert process.stdin is not None
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
    return [process.stdout.readline().strip() for process in pair if process.stdout is not None]


@pytest.mark.parametrize("settles", [True, False])
@pytest.mark.parametrize("limits", [{"daily": 5_000}, {"monthly": 5_099}, {"rpm": 50}, {"tpm": 509}])
def test_a_limit_of_fifty_lets_fifty_through(
    pair: Pair, store: Store, path: Path, limits: dict[str, Any], settles: bool
) -> None:
    """Of 320 calls of 64 clients in two processes, neither 49 nor 51."""
    for name, value in limits.items():
        if name in {"daily", "monthly"}:
            budget(store, **{f"{name}_nanos": value})
        else:
            limit(store, **{name: value})
    assert _passed(pair, path, settles=settles) == 50
    ledger = open_ledger(store)
    assert ledger.verify().clean
    ledger.close()


def test_concurrency_holds_across_processes(pair: Pair, store: Store, path: Path) -> None:
    """Nobody lets go, so seven run."""
    limit(store, concurrency=7)
    assert _passed(pair, path, settles=False) == 7


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the trials fork")
def test_kill_9_loses_nothing_and_doubles_nothing() -> None:
    """A hundred trials; `chaos.py --trials 10000` does more."""
    script = Path(__file__).with_name("chaos.py")
    done = subprocess.run(
        [sys.executable, script, "--trials", "100"], capture_output=True, text=True, check=False, timeout=110
    )
    assert "lost=0 doubled=0 wrong=0 overshoot=0" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
    assert "recovered=0 " not in done.stdout  # else no kill ever met a running call
