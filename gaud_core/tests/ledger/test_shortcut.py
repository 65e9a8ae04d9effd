"""The way without the thread: taken when nothing has to be waited for, and left when something has."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Sequence

import pytest

from gaud_core.ledger import Settled, Settlement, open_ledger
from gaud_core.ledger.books import Answer, Order
from gaud_core.ledger.ledger import Ledger
from gaud_core.ledger.shortcut import Shortcut
from gaud_core.store import Store, hasty_connection

from ..clock import Clock
from .support import row, wants

DONE = Settlement(200, 40, "priced", 3, 4)


def _taken(ledger: Ledger) -> list[int]:
    """Note how many orders each batch had that went the short way; 0 for one that did not."""
    taken: list[int] = []
    shortcut = ledger.writer.shortcut
    assert shortcut is not None

    class Noted(Shortcut):
        def write(self, orders: Sequence[Order]) -> list[Answer] | None:
            answers = None
            try:
                answers = super().write(orders)
            finally:
                taken.append(0 if answers is None else len(orders))
            return answers

    ledger.writer.shortcut = Noted(shortcut.store, shortcut.books)
    return taken


async def test_what_one_turn_brings_is_one_transaction(store: Store, clock: Clock) -> None:
    """Calls that come together are booked together, and the thread has nothing to do."""
    ledger = open_ledger(store, clock=clock)
    taken = _taken(ledger)
    tickets = await asyncio.gather(*(ledger.admit(wants(call=f"c{number}")) for number in range(5)))
    settled = await asyncio.gather(*(ledger.settle(ticket, DONE) for ticket in tickets))
    assert taken == [5, 5]
    assert set(settled) == {Settled.WRITTEN}
    assert ledger.writer._connection is None
    assert ledger.verify().clean
    ledger.close()


async def test_orders_that_keep_coming_share_a_transaction(store: Store, clock: Clock) -> None:
    """Of many callers, those of some turns of the event loop; but however many come, none waits for long."""
    ledger = open_ledger(store, clock=clock)
    taken = _taken(ledger)
    await asyncio.gather(ledger.admit(wants()), ledger.admit(wants()))
    coming = []
    for _ in range(20):
        coming.append(asyncio.create_task(ledger.admit(wants())))
        await asyncio.sleep(0)
    await asyncio.gather(*coming)
    first, *batches, last = taken
    assert (first, sum(batches) + last) == (2, 20)
    assert set(batches) == {5}  # the turn that brings one, and four more
    ledger.close()


async def test_who_calls_alone_is_not_kept_waiting(store: Store, clock: Clock) -> None:
    """The next turn books him, unless many have called a moment ago."""
    ledger = open_ledger(store, clock=clock)

    async def turns() -> int:
        admitting, passed = asyncio.create_task(ledger.admit(wants())), 0
        while not admitting.done():
            await asyncio.sleep(0)
            passed += 1
        return passed

    alone = await turns()
    await asyncio.gather(ledger.admit(wants()), ledger.admit(wants()))
    assert [await turns(), await turns()] == [alone + 1, alone]
    ledger.close()


async def test_somebody_elses_lock_is_looked_for_again(store: Store, clock: Clock) -> None:
    """Once it is free, all that has come until then is one transaction, and the thread has nothing to do."""
    ledger = open_ledger(store, clock=clock)
    ledger.writer.lock_patience_secs = math.inf
    taken = _taken(ledger)
    with store.writing():
        first = asyncio.create_task(ledger.admit(wants(call="c1")))
        while len(taken) < 3:  # noqa: ASYNC110  it has looked three times
            await asyncio.sleep(0)
        second = asyncio.create_task(ledger.admit(wants(call="c2")))
        await asyncio.sleep(0)
    await asyncio.gather(first, second)
    assert taken == [0] * (len(taken) - 1) + [2]
    assert ledger.writer._connection is None
    ledger.close()


async def test_what_waits_for_a_lock_is_written_at_the_end(store: Store, clock: Clock) -> None:
    """A worker that is stopped meanwhile leaves nothing behind; nor does its loop look any more."""
    ledger = open_ledger(store, clock=clock)
    ledger.writer.lock_patience_secs = math.inf
    taken = _taken(ledger)
    with store.writing():
        admitting = asyncio.create_task(ledger.admit(wants(call="c1")))
        while not taken:  # noqa: ASYNC110
            await asyncio.sleep(0)
        stopping = asyncio.create_task(asyncio.to_thread(ledger.close))
        while not ledger.writer._ending:  # noqa: ASYNC110
            await asyncio.sleep(0)
    await stopping
    assert (await admitting).id == "c1"
    assert row(store, "c1").state == "lost"  # it was in the books, and its worker has ended


async def test_a_lock_that_is_held_for_long_is_waited_for_in_the_thread(store: Store, clock: Clock) -> None:
    """The event loop goes on meanwhile, and the call is booked as soon as the lock is free."""
    ledger = open_ledger(store, clock=clock)
    ledger.writer.lock_patience_secs = 0
    taken = _taken(ledger)
    with store.writing():
        admitting = asyncio.create_task(ledger.admit(wants(call="c1")))
        while ledger.writer._pending or not taken:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert taken == [0]
        assert not admitting.done()
    await ledger.settle(await admitting, DONE)
    assert row(store, "c1").state == "settled"
    ledger.close()


async def test_an_order_that_cannot_be_written_hurts_no_other(store: Store, clock: Clock) -> None:
    """The batch goes to the thread, which tries them one by one."""
    ledger = open_ledger(store, clock=clock)
    await ledger.admit(wants(call="twice"))
    answers = await asyncio.gather(
        *(ledger.admit(wants(call=name)) for name in ("a", "twice", "b")), return_exceptions=True
    )
    assert [isinstance(answer, Exception) for answer in answers] == [False, True, False]
    assert ledger.verify().calls == {"open": 3}
    ledger.close()


def test_a_slow_disk_holds_up_the_loop_three_times_and_no_more(store: Store, clock: Clock) -> None:
    """Then the thread has the work for ten seconds."""
    now = [0.0]

    def slow_clock() -> float:
        now[0] += 0.06
        return now[0]

    ledger = open_ledger(store, clock=clock)
    shortcut = Shortcut(store, ledger.books, slow_clock)
    written = [shortcut.write([wants(call=f"c{number}")]) is not None for number in range(5)]
    assert written == [True, True, True, False, False]
    now[0] += 10
    assert shortcut.write([wants(call="later")]) is not None
    shortcut.close()
    ledger.close()


def test_what_hasty_connections_leave_is_carried_over(store: Store) -> None:
    """They never do it themselves, so that no call waits for the disk; `checkpoint` does."""
    hasty = hasty_connection(store)
    for number in range(3):
        hasty.write(lambda c, n=number: c.connection.cursor().execute(f"CREATE TABLE t{n} (x)"))  # type: ignore[misc]
    driver = hasty.connection
    assert driver.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
    store.checkpoint()
    _, pages, carried = driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    assert pages == carried
    hasty.close()


async def test_a_long_log_is_carried_over_by_the_thread(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pages of some batches are, and those of the next ones count anew."""
    carried = threading.Semaphore(0)
    monkeypatch.setattr(Store, "checkpoint", lambda _: carried.release())
    ledger = open_ledger(store, clock=clock)
    ledger.writer.long_log = 20  # a booking that stands alone writes about seven
    for _ in range(2):
        for _ in range(2):
            await ledger.admit(wants())
        assert not carried.acquire(blocking=False)
        await ledger.admit(wants())
        assert await asyncio.to_thread(carried.acquire, timeout=30)
    ledger.close()


def test_a_long_log_begins_anew(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its length writers are held up until all of it is carried over, so it cannot grow for ever."""
    monkeypatch.setattr("gaud_core.store.sqlite._LONGEST_LOG", 1)
    hasty = hasty_connection(store)
    hasty.write(lambda c: c.connection.cursor().execute("CREATE TABLE big (x)"))
    for _ in range(50):
        hasty.write(lambda c: c.connection.cursor().execute("INSERT INTO big VALUES (zeroblob(50000))"))
    store.checkpoint()
    hasty.write(lambda c: c.connection.cursor().execute("INSERT INTO big VALUES (1)"))
    _, pages, _ = hasty.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    assert pages < 10
    hasty.close()
