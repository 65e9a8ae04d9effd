"""Mistakes to plant in a worker, each one that a programmer could make: the harness must find every one."""

from __future__ import annotations

import importlib
import inspect
import time
from types import MappingProxyType
from typing import Any, Final

__all__ = ["PLANTS"]


def _module(name: str) -> Any:
    return importlib.import_module(f"gaud_core.{name}")


def _put(module: str, name: str, value: Any) -> None:
    found = _module(module)
    if not hasattr(found, name):
        raise AttributeError(f"{module} has no {name}: the harness is older than the code")
    setattr(found, name, value)


def _nothing(*_: Any, **__: Any) -> None:
    """Check nothing."""


def settle_late() -> None:
    """A call is settled after its last byte instead of before."""
    real = _module("gateway.dispatch").Delivery

    async def no_booking() -> None:
        pass

    _put("gateway.dispatch", "Delivery", lambda send, book, *more: real(send, no_booking, *more))


def no_window() -> None:
    """Requests and tokens in a minute are not limited."""
    _put("ledger.admit", "_check_window", _nothing)


def no_concurrency() -> None:
    """Calls at a time are not limited."""
    _put("ledger.admit", "_check_concurrency", _nothing)


def no_budget() -> None:
    """Budgets are not looked at."""
    _put("ledger.admit", "_check_budgets", _nothing)


def short_window() -> None:
    """The window has 59 seconds."""
    _put("ledger.standing", "HORIZON_SECS", 59)


def money_twice() -> None:
    """A settlement adds its money twice."""
    standing = _module("ledger.standing").Standing
    real = standing.add_spend

    def twice(self: Any, user_id: str, admitted_at: int, spent: int, reserved: int) -> None:
        real(self, user_id, admitted_at, 2 * spent, reserved)

    standing.add_spend = twice


def money_half() -> None:
    """A settlement writes half of what a call has cost, and counters and rows agree on it."""
    real = _module("gateway.booking").cost_of

    def half(usage: Any, price: Any) -> tuple[int | None, str]:
        cost, source = real(usage, price)
        return None if cost is None else cost // 2, source

    _put("gateway.booking", "cost_of", half)


def recover_settled() -> None:
    """Recovery takes the settled calls of dead workers, too."""
    recover = _module("ledger.recover")
    settle = _module("ledger.settle")
    calls = _module("store.schema").calls
    select = importlib.import_module("sqlalchemy").select
    columns = [calls.c[name] for name in inspect.signature(settle.OpenCall).parameters]

    def orphans(connection: Any, living: list[str]) -> list[Any]:
        rows = connection.execute(select(*columns).where(calls.c.worker.not_in(living)))
        return [settle.OpenCall(*row) for row in rows]

    recover.orphans = orphans


def recover_never() -> None:
    """Nobody looks after what dead workers have left."""
    _put("ledger.books", "recover", lambda *_: [])


def leavers_unbooked() -> None:
    """A call is not settled when its client leaves."""
    real = _module("gateway.dispatch")._closed

    async def closed(booking: Any) -> None:
        if not booking.presence.left:
            await real(booking)

    _put("gateway.dispatch", "_closed", closed)


def leavers_free() -> None:
    """A call whose client leaves costs nothing, though the upstream was at work."""
    booking = _module("gateway.booking").Booking
    real = booking._cost
    booking._cost = lambda self: (0, "none") if self.presence.left else real(self)


def unbooked() -> None:
    """Some calls leave without a row."""
    standing = _module("ledger.standing").Standing
    real = standing.book

    def book(self: Any, key: Any, intent: dict[str, Any]) -> None:
        if not intent["id"].endswith(("0", "1")):
            real(self, key, intent)

    standing.book = book


def told_before_commit() -> None:
    """Whoever waits for the ledger hears of it a moment before the transaction is on disk."""
    writer = _module("ledger.writer").Writer
    real = writer._answer

    def transaction(self: Any, batch: Any) -> Any:
        connection = self._connected()
        with connection.begin():
            answers = self.books.apply(connection, [waiting.order for waiting in batch])
            real(self, batch, answers)
            time.sleep(0.03)
        return answers

    writer._transaction, writer._answer = transaction, _nothing
    writer.make_shortcut = _nothing  # on the event loop nobody could hear of it before its end


def revoked_pass() -> None:
    """A revoked key goes on opening the door of a worker that knows it."""
    _put("ledger.admit", "_is_valid", lambda *_: True)
    ring = _module("access.keyring").KeyRing
    ring._recall = lambda self, digest, _: self._kept.get(digest, (0, None))[1]


PLANTS: Final = MappingProxyType(
    {
        plant.__name__: plant
        for plant in (
            settle_late, no_window, no_concurrency, no_budget, short_window, money_twice, money_half,
            recover_settled, recover_never, leavers_unbooked, leavers_free, unbooked, told_before_commit,
            revoked_pass,
        )
    }
)  # fmt: skip
"""By name."""
