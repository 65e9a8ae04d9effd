"""The ledger: every call is in the books before it leaves, and settled before its last byte arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import attrs

from gaud_core.errors import BooksClosed
from gaud_core.ledger import workers
from gaud_core.ledger.books import Books
from gaud_core.ledger.made import Made, find_made
from gaud_core.ledger.settle import Closing, OpenCall
from gaud_core.ledger.statements import Statements
from gaud_core.ledger.values import Admission, Policy, Settled, Settlement, Ticket
from gaud_core.ledger.verify import Report, verify
from gaud_core.ledger.writer import Writer
from gaud_core.store import Clock, Store, new_id, store_failed, utc_millis

__all__ = ["Ledger", "open_ledger"]


@attrs.frozen(eq=False)
class Ledger:
    """One worker's ledger; safe to use from any number of tasks."""

    store: Store
    books: Books
    writer: Writer
    lost: tuple[OpenCall, ...] = ()
    """The calls that were found open at the start and belonged to nobody who lives."""

    async def admit(self, admission: Admission) -> Ticket:
        """Book a call before it goes out; it is committed when this returns.

        Raises InvalidKey, NotAllowed, LimitReached or BudgetSpent, and BooksClosed when the store cannot
        write; then nothing is booked. Every ticket must be settled. A caller who is cancelled gets none, and
        what was booked for him is settled here.
        """
        future = self.writer.submit(admission)
        try:
            ticket: Ticket = await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.writer.void(future.result())  # the answer came and the cancellation was faster
            raise
        return ticket

    async def settle(self, ticket: Ticket, settlement: Settlement) -> Settled:
        """Write how a call ended; it is committed when this says WRITTEN, also if the caller is cancelled."""
        settled: Settled = await self.writer.submit(Closing(ticket, settlement))
        return settled

    def settling(self, ticket: Ticket, settlement: Settlement) -> asyncio.Future[Settled]:
        """As `settle`, begun at once: whoever waits may be cancelled and come back."""
        return self.writer.submit(Closing(ticket, settlement))

    def remember(self, made: Made) -> None:
        """Keep an id that a call has made; it is committed before any later settlement is."""
        self.writer.note(made)

    async def made(self, ids: Sequence[str]) -> list[Made]:
        """Give what is remembered of these ids, the newest first; BooksClosed when that cannot be read."""
        return await asyncio.to_thread(self._made, ids)

    def _made(self, ids: Sequence[str]) -> list[Made]:
        try:
            with self.store.reading() as connection:
                return find_made(connection, ids)
        except Exception as error:
            if store_failed(error):
                raise BooksClosed("Gaud cannot read its database at the moment.", retry_after=5) from None
            raise

    def use(self, policy: Policy) -> None:
        """Decide by another policy from the next transaction on."""
        self.books.policy = policy

    def verify(self) -> Report:
        """Recompute every counter from the rows; blocks, so call it in a thread while serving."""
        with self.store.reading() as connection:
            return verify(connection, self.books.clock())

    def close(self) -> None:
        """Write what waits and leave; calls that are still open become lost."""
        self.writer.stop()


def open_ledger(
    store: Store,
    policy: Policy | None = None,
    *,
    clock: Clock = utc_millis,
    alive: workers.Alive = workers.is_alive,
) -> Ledger:
    """Join the books as a new worker: recover what dead ones have left, then start the writer.

    Call it in the process that serves, not before a fork. It raises SQLAlchemy's OperationalError when the
    store cannot be written.
    """
    now = clock()
    statements = Statements.compile(store.engine.dialect)
    own, lookout = workers.this_process(new_id("worker", now), now), workers.Lookout(alive)
    books = Books(own, statements, clock, policy or Policy(), lookout)
    with store.writing() as connection:
        lost = books.tend(connection)
    writer = Writer(store, books)
    writer.start()
    return Ledger(store, books, writer, tuple(lost))
