"""A store that cannot write: calls are refused, nothing goes unbooked, and it mends by itself."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gaud_core.errors import BooksClosed
from gaud_core.ledger import Ledger, Settled, Settlement, open_ledger
from gaud_core.store import Store

from ..clock import Clock
from .support import row, wants

DONE = Settlement(200, 40, "priced", 3, 4)

FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
from gaud_core.config import Config, Database
from gaud_core.errors import BooksClosed
from gaud_core.ledger import Admission, Settled, Settlement, Worst, open_ledger
from gaud_core.store import open_store

async def main(path):
    ledger = open_ledger(open_store(Config(database=Database(path=path))))
    async def admit(name):
        return await ledger.admit(Admission(name, "a", "a", "m", "c", key_id="key", worst=Worst(10, 100)))
    tickets = [await admit(f"before-{n}") for n in range(10)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name("gaud.db-wal").stat().st_size + 6000, -1))
    refused = 0
    for number in range(40):
        try:
            tickets.append(await admit(f"full-{number}"))
        except BooksClosed as error:
            assert error.http_status == 503, error
            refused += 1
    assert refused, "the disk was never full"
    answers = [await ledger.settle(ticket, Settlement(200, 40, "priced", 3, 4)) for ticket in tickets]
    assert Settled.DEFERRED in answers, answers
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
    last = await admit("after")
    await ledger.settle(last, Settlement(200, 40, "priced", 3, 4))
    report = ledger.verify()
    assert report.clean, report
    assert report.calls == {"settled": len(tickets) + 1}, report
    ledger.close()
    print("mended")

asyncio.run(main(Path(sys.argv[1])))
"""


def _be_impatient(ledger: Ledger) -> None:
    """Wait for 20 ms instead of five seconds."""
    driver: Any = ledger.writer._connected().connection.driver_connection
    driver.execute("PRAGMA busy_timeout=20")


def test_a_full_disk_refuses_calls_and_mends(store: Store, path: Path) -> None:
    """Settlements wait and are written when there is room again; no call is admitted without its row."""
    store.close()
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.strip() == "mended", done.stderr


async def test_a_locked_store_refuses_and_mends(
    store: Store, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody holds the write lock for longer than SQLite waits; afterwards the ledger works, untouched."""
    ledger = open_ledger(store, clock=clock)
    ticket = await ledger.admit(wants(call="c1"))
    with caplog.at_level(logging.ERROR, "gaud.ledger"), store.writing():
        _be_impatient(ledger)
        with pytest.raises(BooksClosed):
            await ledger.admit(wants(call="c2"))
    assert "cannot write" in caplog.text
    assert await ledger.settle(ticket, DONE) is Settled.WRITTEN
    assert row(store, "c2") is None
    assert ledger.verify().clean
    ledger.close()


async def test_a_deferred_settlement_is_written_without_being_asked(store: Store, clock: Clock) -> None:
    """The caller is told that it waits, and nobody has to come back."""
    ledger = open_ledger(store, clock=clock)
    ledger.writer.retry_secs = 0.01
    ticket = await ledger.admit(wants(call="c1"))
    with store.writing():
        _be_impatient(ledger)
        assert await ledger.settle(ticket, DONE) is Settled.DEFERRED
        assert row(store, "c1").state == "open"
    async with asyncio.timeout(10):
        while row(store, "c1").state == "open":  # noqa: ASYNC110 another thread's transaction sets no event
            await asyncio.sleep(0.01)
    assert row(store, "c1").cost_nanos == 40
    ledger.close()
