"""What calls have made is remembered: with the next transaction, for all workers, and not without end."""

from __future__ import annotations

from gaud_core.ledger import Ledger, Made, Settlement, open_ledger
from gaud_core.ledger.made import find_made
from gaud_core.store import Store

from ..clock import Clock
from .support import wants


async def test_it_is_committed_before_a_later_settlement(ledger: Ledger) -> None:
    """Whoever has seen the end of an answer can ask for it."""
    ticket = await ledger.admit(wants(call="c1"))
    ledger.remember(Made("resp_1", "acme", "ada", "key-a"))
    await ledger.settle(ticket, Settlement(200))
    assert await ledger.made(["resp_1", "other"]) == [Made("resp_1", "acme", "ada", "key-a")]


async def test_the_same_again_changes_nothing(ledger: Ledger, clock: Clock) -> None:
    """Two users may have the same id, of different upstreams; the newest comes first."""
    for user, instance in (("ada", "acme"), ("ada", "acme"), ("bob", "work"), (None, "acme")):
        clock.pass_secs(1)
        ledger.remember(Made("x", instance, user))
        await ledger.settle(await ledger.admit(wants(call=f"c{clock()}")), Settlement(200))
    assert [(one.user_id, one.instance) for one in await ledger.made(["x"])] == [
        (None, "acme"),
        ("bob", "work"),
        ("ada", "acme"),
    ]


async def test_the_oldest_are_forgotten(ledger: Ledger, store: Store, clock: Clock) -> None:
    """More than the limit are never kept for long."""
    ledger.books.most_made = 5
    for number in range(12):
        clock.pass_secs(1)
        ledger.remember(Made(f"id-{number}", "acme", "ada"))
        await ledger.settle(await ledger.admit(wants(call=f"c{number}")), Settlement(200))
    kept = await ledger.made([f"id-{number}" for number in range(12)])
    assert {one.id for one in kept} >= {f"id-{number}" for number in range(7, 12)}
    assert len(kept) < 10


async def test_many_ids_at_once(ledger: Ledger, store: Store) -> None:
    """A list may hold more ids than a statement takes values."""
    ledger.remember(Made("id-1999", "acme", None))
    await ledger.settle(await ledger.admit(wants(call="c1")), Settlement(200))
    with store.reading() as connection:
        assert len(find_made(connection, [f"id-{number}" for number in range(2000)])) == 1


async def test_it_survives(ledger: Ledger, store: Store) -> None:
    """Another worker knows, and the one after a restart."""
    ledger.remember(Made("resp_1", "acme", "ada"))
    ledger.close()
    again = open_ledger(store)
    try:
        assert [one.user_id for one in await again.made(["resp_1"])] == ["ada"]
    finally:
        again.close()
