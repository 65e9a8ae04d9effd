"""Settlement: once, clamped, and right about money; what crashes leave; retention."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys

import attrs
import pytest
from msgspec.structs import replace
from sqlalchemy import select, text, update

from gaud_core.errors import LimitReached
from gaud_core.ledger import Ledger, Policy, Settled, Settlement, open_ledger
from gaud_core.ledger.workers import STALE_MS, Worker, is_alive, this_process
from gaud_core.store import Store
from gaud_core.store.schema import calls, keys, spend, windows, workers

from ..clock import Clock
from .support import add_key, limit, money, row, wants

DONE = Settlement(
    200, 40, "priced", 3, 4, 1, 2, first_byte_ms=5, total_ms=9, milliunits=250, quantity=6, unit="images"
)


def _by_heartbeat(worker: Worker, now: int) -> bool:
    """Judge as one judges a worker on another host."""
    return is_alive(attrs.evolve(worker, host="elsewhere"), now)


def _dead(_worker: object, _now: int) -> bool:
    return False


async def test_a_settled_call_is_in_the_books(ledger: Ledger, store: Store, clock: Clock) -> None:
    """All of it is committed before settle returns."""
    ticket = await ledger.admit(wants(call="c1"))
    clock.pass_secs(1)
    assert await ledger.settle(ticket, DONE) is Settled.WRITTEN
    found = row(store, "c1")
    assert (found.state, found.status, found.cost_nanos, found.cost_source) == ("settled", 200, 40, "priced")
    assert (found.input_tokens, found.output_tokens) == (3, 4)
    assert (found.cached_tokens, found.reasoning_tokens) == (1, 2)
    assert (found.first_byte_ms, found.total_ms, found.settled_at) == (5, 9, clock())
    assert (found.milliunits, found.quantity, found.unit) == (250, 6, "images")
    assert money(store) == {"2026-11-23": (40, 0), "2026-11": (40, 0)}


async def test_a_second_settlement_changes_nothing(ledger: Ledger, store: Store) -> None:
    """Also when both come in one batch; the second is told so."""
    ticket = await ledger.admit(wants(call="c1"))
    other = replace(DONE, cost_nanos=77)
    settled = await asyncio.gather(ledger.settle(ticket, DONE), ledger.settle(ticket, other))
    assert list(settled) == [Settled.WRITTEN, Settled.ALREADY]
    assert await ledger.settle(ticket, other) is Settled.ALREADY
    assert row(store, "c1").cost_nanos == 40
    assert ledger.verify().clean


async def test_a_settlement_of_no_call(ledger: Ledger, store: Store) -> None:
    """A ticket that is in no books is not written."""
    ticket = await ledger.admit(wants())
    assert await ledger.settle(replace(ticket, id="made-up"), DONE) is Settled.UNKNOWN
    assert row(store, "made-up") is None


async def test_unknown_cost_stays_unknown(ledger: Ledger, store: Store) -> None:
    """It is NULL in the row and nothing in the sums."""
    ticket = await ledger.admit(wants(call="c1"))
    await ledger.settle(ticket, Settlement(200))
    assert row(store, "c1").cost_nanos is None
    assert money(store)["2026-11"] == (0, 0)


async def test_absurd_numbers_are_clamped(ledger: Ledger, store: Store) -> None:
    """No upstream can make a sum leave 64 bits, or negative."""
    for tokens, nanos in ((10**30, 10**30), (-5, -5)):
        ticket = await ledger.admit(wants())
        assert (
            await ledger.settle(ticket, Settlement(200, nanos, "provider", tokens, tokens)) is Settled.WRITTEN
        )
    assert money(store)["2026-11"] == (10**13, 0)
    assert ledger.verify().clean


async def test_last_used_is_written_lazily(ledger: Ledger, store: Store, clock: Clock) -> None:
    """Once in five minutes is enough."""
    used = []
    for _ in range(3):
        await ledger.admit(wants())
        with store.reading() as connection:
            used.append(connection.execute(select(keys.c.last_used_at)).scalar_one())
        clock.pass_secs(151)
    assert used == [clock() - 453_000, clock() - 453_000, clock() - 151_000]


async def test_a_dead_workers_calls_are_lost_at_their_worst_case(store: Store, clock: Clock) -> None:
    """The reservation becomes an estimated cost: nothing is lost, and the slot is free."""
    limit(store, concurrency=1)
    crashed = open_ledger(store, clock=clock)
    ticket = await crashed.admit(wants(call="c1"))
    ledger = open_ledger(store, clock=clock, alive=_dead)
    assert [call.id for call in ledger.lost] == ["c1"]
    found = row(store, "c1")
    assert (found.state, found.cost_nanos, found.cost_source, found.status) == (
        "lost",
        100,
        "estimated",
        None,
    )
    assert money(store)["2026-11-23"] == (100, 0)
    await ledger.admit(wants())
    assert found.error
    assert await crashed.settle(ticket, DONE) is Settled.WRITTEN  # it had only been cut off
    assert (row(store, "c1").state, row(store, "c1").error) == ("settled", None)
    assert money(store)["2026-11-23"] == (40, 100)
    assert await crashed.settle(ticket, DONE) is Settled.ALREADY
    assert ledger.verify().clean
    crashed.close()
    ledger.close()


async def test_a_lost_call_without_price_stays_unknown(store: Store, clock: Clock) -> None:
    """Nobody makes up a cost."""
    crashed = open_ledger(store, clock=clock)
    await crashed.admit(wants(call="c1", nanos=None))
    ledger = open_ledger(store, clock=clock, alive=_dead)
    assert (row(store, "c1").cost_nanos, row(store, "c1").cost_source) == (None, "none")
    crashed.close()
    ledger.close()


async def test_a_living_workers_calls_are_left_alone(ledger: Ledger, store: Store, clock: Clock) -> None:
    """A second worker that starts finds nothing to recover."""
    await ledger.admit(wants(call="c1"))
    second = open_ledger(store, clock=clock)
    assert second.lost == ()
    assert row(store, "c1").state == "open"
    second.close()
    assert row(store, "c1").state == "open"


async def test_a_closed_ledger_leaves_nothing_open(store: Store, clock: Clock) -> None:
    """And takes no more orders; its row among the workers is gone."""
    ledger = open_ledger(store, clock=clock)
    ticket = await ledger.admit(wants(call="c1"))
    await ledger.admit(wants(call="c2"))
    settling = asyncio.ensure_future(ledger.settle(ticket, DONE))
    await asyncio.sleep(0)
    ledger.close()
    assert await settling is Settled.WRITTEN
    assert (row(store, "c1").state, row(store, "c2").state) == ("settled", "lost")
    with pytest.raises(Exception, match="shutting down"):
        await ledger.admit(wants())
    with store.reading() as connection:
        assert connection.execute(select(workers)).fetchall() == []


def test_who_is_alive(clock: Clock) -> None:
    """This process is; an ended one, a reused number and a silent stranger are not."""
    own = this_process("w", clock())
    assert is_alive(own, clock() + 10 * STALE_MS)
    assert not is_alive(attrs.evolve(own, process="1"), clock())
    ended = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(attrs.evolve(own, pid=ended.pid), clock())  # a zombie
    ended.wait()
    assert not is_alive(attrs.evolve(own, pid=ended.pid), clock())
    stranger = attrs.evolve(own, host="elsewhere")
    assert is_alive(stranger, clock() + STALE_MS - 1)
    assert not is_alive(stranger, clock() + STALE_MS)


async def test_who_could_not_be_heard_is_not_dead(store: Store, clock: Clock) -> None:
    """Nobody could write for a while: the first who can again gives the others the time to do so."""
    limit(store, concurrency=1)
    first, second = (open_ledger(store, clock=clock, alive=_by_heartbeat) for _ in range(2))
    await second.admit(wants(call="c1"))
    clock.pass_secs(70)
    with pytest.raises(LimitReached):
        await first.admit(wants())
    clock.pass_secs(10)
    await second.settle(await second.admit(wants(key=None)), DONE)
    for _ in range(3):
        clock.pass_secs(10)
        with pytest.raises(LimitReached):
            await first.admit(wants())
    assert row(store, "c1").state == "open"
    for _ in range(4):  # now only the second is silent
        clock.pass_secs(10)
        with contextlib.suppress(LimitReached):
            await first.admit(wants(call="c2"))
    assert (row(store, "c1").state, row(store, "c2").state) == ("lost", "open")
    first.close()
    second.close()


async def test_who_could_not_write_judges_nobody(store: Store, clock: Clock) -> None:
    """The disk was full, perhaps for the others as well."""
    first, second = (open_ledger(store, clock=clock, alive=_by_heartbeat) for _ in range(2))
    await second.admit(wants(call="c1"))
    for _ in range(6):
        clock.pass_secs(10)
        first.books.unsure()
        await first.admit(wants())
    assert row(store, "c1").state == "open"
    first.close()
    second.close()


async def test_verify_names_each_difference(ledger: Ledger, store: Store) -> None:
    """A changed row, a changed sum and a changed second are found and named."""
    for call in ("c1", "c2"):
        ticket = await ledger.admit(wants(call=call))
    await ledger.settle(ticket, DONE)
    assert ledger.verify().clean
    with store.writing() as connection:
        connection.execute(update(spend).where(spend.c.period == "2026-11").values(spent_nanos=41))
        connection.execute(update(calls).where(calls.c.id == "c1").values(reserved_nanos=7))
        connection.execute(update(windows).values(requests=9))
    assert [str(difference) for difference in ledger.verify().differences] == [
        "spent of ada in 2026-11, in nano-dollars, is 41, but the rows add up to 40.",
        "reserved of ada in 2026-11, in nano-dollars, is 100, but the rows add up to 7.",
        "reserved of ada in 2026-11-23, in nano-dollars, is 100, but the rows add up to 7.",
        f"requests of key in second {ticket.admitted_at // 1000} is 9, but the rows add up to 2.",
    ]


async def test_retention_deletes_old_calls_and_keeps_the_sums(store: Store, clock: Clock) -> None:
    """What is gone is still spent, and verify knows; what is open stays."""
    ledger = open_ledger(store, clock=clock)
    for _ in range(3):
        await ledger.settle(await ledger.admit(wants()), DONE)
    await ledger.admit(wants(call="still-open"))
    clock.pass_secs(10 * 86_400)
    await ledger.settle(await ledger.admit(wants(call="new")), DONE)
    second = open_ledger(store, Policy(retention_days=7), clock=clock)
    await second.settle(await second.admit(wants(call="newer")), DONE)
    second.close()
    assert ledger.verify().calls == {"open": 1, "settled": 2}
    assert money(store)["2026-11"] == (120, 100)
    assert ledger.verify().clean
    ledger.close()


async def test_old_seconds_are_forgotten(ledger: Ledger, store: Store, clock: Clock) -> None:
    """The windows do not grow with time, and a call that ends late makes none anew."""
    ticket = await ledger.admit(wants())
    clock.pass_secs(3600)
    await ledger.settle(ticket, DONE)
    await ledger.admit(wants())
    with store.reading() as connection:
        assert len(connection.execute(select(windows)).fetchall()) == 1
    assert ledger.verify().clean


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            "SELECT key_id, count(*) FROM calls WHERE state = 'open' AND key_id IN ('a','b') GROUP BY key_id",
            "open",
        ),
        ("SELECT * FROM calls WHERE admitted_at > 5 ORDER BY admitted_at", "admitted_at"),
        ("SELECT * FROM calls WHERE user_id = 'a' ORDER BY admitted_at DESC LIMIT 50", "user_id_admitted_at"),
        ("SELECT * FROM calls WHERE model = 'a' AND admitted_at > 5", "model_admitted_at"),
    ],
)
def test_questions_use_an_index(store: Store, query: str, index: str) -> None:
    """Those of admission and those that the usage pages ask."""
    add_key(store, "bob", "bobs")
    with store.reading() as connection:
        plan = " ".join(line[3] for line in connection.execute(text(f"EXPLAIN QUERY PLAN {query}")))
    assert f"USING INDEX ix_calls_{index}" in plan or f"USING COVERING INDEX ix_calls_{index}" in plan
