"""Kills workers in the midst of load, and looks whether the books are still right.

    python gaud_core/tests/ledger/chaos.py --trials 1000 [--seed 7]

In each trial two worker processes make calls on one database. Each notes what it has done in a file of its
own, as an upstream and a client would: `served` after a call was admitted, `done` after it was settled. At
random moments both are killed with SIGKILL; then the books are opened again and compared with the notes.
Printed is how many calls were lost, doubled or wrong, and how often a limit was overshot: all must be 0.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from sqlalchemy import insert, select

from gaud_core.config import Config, Database
from gaud_core.errors import ApiError
from gaud_core.ledger import Admission, Ledger, Settlement, Worst, open_ledger
from gaud_core.store import Store, open_store
from gaud_core.store.schema import budgets, calls, keys, spend, users

CALLERS = 8
WORST, COST = 100, 37
CONCURRENCY = 12


def add_user(store: Store, name: str, budget: int) -> None:
    """Make a user with a budget and a key of the same name."""
    made = {"digest": name.encode(), "prefix": "", "label": "", "created_at": 0, "models": json.dumps([])}
    with store.writing() as connection:
        connection.execute(insert(users).values(id=name, name=name, role="member", created_at=0))
        connection.execute(insert(keys).values(id=name, user_id=name, concurrency=CONCURRENCY, **made))
        connection.execute(insert(budgets).values(user_id=name, daily_nanos=budget))


async def caller(ledger: Ledger, key: str, name: str, notes: int) -> None:
    """Make calls until killed; each note is one write, which a kill cannot tear."""
    number = 0
    while True:
        call, number = f"{name}-{number}", number + 1
        try:
            wants = Admission(call, "a", "a", "m", "chat/completions", key_id=key, worst=Worst(10, WORST))
            ticket = await ledger.admit(wants)
        except ApiError:
            await asyncio.sleep(0.002)
            continue
        os.write(notes, f"served {call}\n".encode())
        await asyncio.sleep(random.random() * 0.003)
        await ledger.settle(ticket, Settlement(200, COST, "priced", 3, 4))
        os.write(notes, f"done {call}\n".encode())


async def work(path: Path, key: str, name: str) -> None:
    """Be one worker."""
    ledger = open_ledger(open_store(Config(database=Database(path=path))))
    notes = os.open(path.with_name(f"{name}.notes"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    await asyncio.gather(*(caller(ledger, key, f"{name}-{n}", notes) for n in range(CALLERS)))


def start(path: Path, key: str, name: str) -> int:
    """Fork a worker: importing anew would take longer than the whole trial."""
    if child := os.fork():
        return child
    try:
        asyncio.run(work(path, key, name))
    finally:
        os._exit(1)


def trial(path: Path, number: int) -> Counter[str]:
    """Load, kill, look."""
    key = f"user{number}"
    store = open_store(Config(database=Database(path=path)))
    add_user(store, key, random.choice([500, 3_000, 10**9]))
    store.close()  # no connection may cross a fork
    names = [f"{key}-{worker}" for worker in "ab"]
    pids = [start(path, key, name) for name in names]
    for name in names:
        wait_for(path.with_name(f"{name}.notes"))
    time.sleep(random.random() * 0.06)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        time.sleep(random.choice([0, 0, 0.01]))
    for pid in pids:
        os.waitpid(pid, 0)
    return look(path, key, names)


def wait_for(notes: Path) -> None:
    """Wait until a worker is at work."""
    until = time.monotonic() + 20
    while not notes.exists():
        if time.monotonic() > until:
            raise TimeoutError(f"{notes.name} does not come")
        time.sleep(0.001)


def look(path: Path, key: str, names: list[str]) -> Counter[str]:
    """Recover, and compare the books with the notes."""
    store = open_store(Config(database=Database(path=path)))
    ledger = open_ledger(store)
    lines = [
        line.split() for name in names for line in path.with_name(f"{name}.notes").read_text().splitlines()
    ]
    served = {call for what, call in lines if what == "served"}
    done = {call for what, call in lines if what == "done"}
    with store.reading() as connection:
        rows = {row.id: row for row in connection.execute(select(calls).where(calls.c.user_id == key))}
        money = connection.execute(select(spend).where(spend.c.user_id == key)).fetchall()
        limit = connection.execute(select(budgets.c.daily_nanos).where(budgets.c.user_id == key)).scalar_one()
    report = ledger.verify()
    ledger.close()
    store.close()
    should = sum(COST if row.state == "settled" else WORST for row in rows.values())
    return Counter(
        calls=len(rows),
        recovered=sum(row.state == "lost" for row in rows.values()),
        lost=len(served - rows.keys()) + sum(rows[c].state != "settled" for c in done & rows.keys()),
        doubled=sum(row.spent_nanos > should for row in money),
        wrong=len(report.differences)
        + report.calls.get("open", 0)
        + sum(row.spent_nanos < should or row.reserved_nanos != 0 for row in money)
        + sum(row.cost_nanos != (COST if row.state == "settled" else WORST) for row in rows.values()),
        overshoot=int(should > limit),
    )


def main() -> int:
    """Run the trials and print the sums."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    random.seed(options.seed)
    total: Counter[str] = Counter(calls=0, recovered=0, lost=0, doubled=0, wrong=0, overshoot=0)
    begun = time.monotonic()
    for number in range(options.trials):
        if number % 50 == 0:
            folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        total.update(trial(Path(folder.name) / "gaud.db", number))
    words = " ".join(f"{name}={count}" for name, count in total.items())
    print(f"trials={options.trials} seed={options.seed} {words} secs={time.monotonic() - begun:.0f}")  # noqa: T201 a command
    return int(any(total[name] for name in ("lost", "doubled", "wrong", "overshoot")))


if __name__ == "__main__":
    sys.exit(main())
