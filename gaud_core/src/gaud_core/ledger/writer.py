"""The one thread of a process that writes: it takes whatever waits into one transaction (group commit)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import attrs
from msgspec import Struct
from sqlalchemy import Connection

from gaud_core.errors import BooksClosed
from gaud_core.ledger.books import Answer, Books, Order
from gaud_core.ledger.made import Made
from gaud_core.ledger.settle import Closing
from gaud_core.ledger.shortcut import LockTaken, Shortcut
from gaud_core.ledger.values import Admission, Settled, Settlement, Ticket
from gaud_core.store import Store, store_failed

__all__ = ["Waiting", "Writer"]

_LONG_LOG = 8000
_PAGES_OF_A_BATCH = 6  # and about one for each order
_MOST_TURNS = 4
_MOST_AT_ONCE = 512
_TEND_SECS = 10.0
_RETRY_SECS = 0.5
_LOCK_LOOK_SECS = 0.001
_LOCK_PATIENCE_SECS = 0.25
_BREATH_SECS = 0.05  # between two batches of deletions

CLIENT_LEFT = 499

Answered = tuple[asyncio.Future[Any] | None, Any]

log = logging.getLogger("gaud.ledger")


class Waiting(Struct, eq=False):
    """An order and who waits for its answer; nobody does when a settlement is tried again."""

    order: Order
    future: asyncio.Future[Any] | None = None
    loop: asyncio.AbstractEventLoop | None = None


@attrs.define(eq=False)
class Writer:
    """Owns the connection for writing; `submit` may be called from any event loop."""

    store: Store
    books: Books
    tend_secs: float = _TEND_SECS
    retry_secs: float = _RETRY_SECS
    lock_patience_secs: float = _LOCK_PATIENCE_SECS
    """How long the event loop itself looks for another worker's lock to become free."""
    long_log: int = _LONG_LOG
    """How many pages are written to SQLite's log, roughly, before the thread carries them over into the file.

    That waits for the disk, and who calls meanwhile waits longer: so not every hundred calls.
    """
    shortcut: Shortcut | None = attrs.field(default=attrs.Factory(lambda own: own.make_shortcut(), True))
    """The way without the thread, where there is one."""
    _home: asyncio.AbstractEventLoop | None = None
    _pending: list[Waiting] = attrs.field(factory=list)
    _lock_taken_since: float | None = None
    _usual: int = 1
    """How many orders the last batch had."""
    _seen: int = 0
    _turns: int = 0
    _pages: int = 0
    _log_is_long: bool = False
    _notes: int = 0
    """How many ids the thread has not written yet."""
    _queue: queue.SimpleQueue[Waiting | None] = attrs.field(factory=queue.SimpleQueue)
    _deferred: list[Waiting] = attrs.field(factory=list)
    _connection: Connection | None = None
    _thread: threading.Thread | None = None
    _ending: bool = False
    _failing: bool = False
    _more_to_prune: bool = False
    _prune_at: float = 0.0
    _gate: threading.Lock = attrs.field(factory=threading.Lock)

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="gaud-ledger", daemon=True)
        self._thread.start()

    def submit(self, order: Order) -> asyncio.Future[Any]:
        """Give an order to the thread; the future gets its answer after the commit."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        waiting = Waiting(order, future, loop)
        with self._gate:
            if self._ending:
                future.set_exception(_closed("Gaud is shutting down."))
            elif self.shortcut is not None and (self._home or loop) is loop:
                self._home = loop
                if not self._pending:
                    loop.call_soon(self._drain)
                self._pending.append(waiting)
            else:
                self._queue.put(waiting)
        return future

    @property
    def waiting(self) -> int:
        """How many orders are not written yet."""
        return self._queue.qsize() + len(self._pending) + len(self._deferred)

    def _drain(self) -> None:
        """Write what some turns of the event loop have brought; the thread does it if that would wait."""
        with self._gate:
            batch = self._pending
            if not batch or self._waits_for_more():
                return
            try:
                answers = self._at_once(batch)
            except LockTaken:
                if self._looks_again():
                    return
                answers = None
            self._pending, self._lock_taken_since = [], None
            self._usual, self._seen, self._turns = len(batch), 0, 0
            if answers is None:
                self._hand_over(batch)
                return
        self._resolve(_settled_first(batch, answers))

    def _waits_for_more(self) -> bool:
        """Let the event loop turn on while each turn brings further orders, for a few turns.

        A transaction costs as much as several bookings. Who calls alone is not kept waiting.
        """
        loop, there = self._home, len(self._pending)
        if loop is None or self._usual == 1 or there == self._seen or self._turns == _MOST_TURNS:
            return False
        self._seen = there
        self._turns += 1
        loop.call_soon(self._drain)
        return True

    def _looks_again(self) -> bool:
        """Try again in a moment, with all that has come until then: other workers hold the lock briefly.

        The thread would wait for it as well, but then keep it for as long as it has to share Python's own
        lock with the event loop, and that is what makes many workers slow.
        """
        loop = self._home
        if loop is None or self._ending:
            return False
        now = loop.time()
        if self._lock_taken_since is None:
            self._lock_taken_since = now
        if now - self._lock_taken_since >= self.lock_patience_secs:
            return False
        loop.call_later(_LOCK_LOOK_SECS, self._drain)
        return True

    def _at_once(self, batch: Sequence[Waiting]) -> Sequence[Any] | None:
        if self.shortcut is None or self._failing or self._deferred or self._notes:
            return None
        answers = self.shortcut.write([waiting.order for waiting in batch])
        if answers is not None:
            self._pages += _PAGES_OF_A_BATCH + len(batch)
        if self._pages >= self.long_log:
            self._pages, self._log_is_long = 0, True
            self._queue.put(None)  # wakes the thread
        return answers

    def _hand_over(self, batch: Sequence[Waiting]) -> None:
        """Give orders to the thread; as long as ids are among them, everything goes there, in this order."""
        for waiting in batch:
            self._notes += isinstance(waiting.order, Made)
            self._queue.put(waiting)

    def make_shortcut(self) -> Shortcut | None:
        """Make one if the store is near enough."""
        return Shortcut(self.store, self.books) if self.store.is_local else None

    def void(self, ticket: Ticket) -> None:
        """Settle a call that nobody will make, because its caller left while it was being admitted."""
        ending = Settlement(CLIENT_LEFT, 0, input_tokens=0, output_tokens=0, error="The client left.")
        self._queue.put(Waiting(Closing(ticket, ending)))

    def note(self, found: Made) -> None:
        """Keep an id; nobody waits for it, but no settlement that comes later is written before it."""
        with self._gate:
            if self._pending:
                self._pending.append(Waiting(found))
            elif self._home is not None and not self._ending and _running() is self._home:
                self._home.call_soon(self._drain)
                self._pending.append(Waiting(found))
            else:
                self._hand_over([Waiting(found)])

    def stop(self) -> None:
        """Write what waits and end the thread; blocks for as long as the store does."""
        with self._gate:
            self._ending = True
            self._hand_over(self._pending)
            self._pending = []
            self._queue.put(None)
            if self.shortcut is not None:
                self.shortcut.close()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._ending or not self._queue.empty():
            self._round(self._next())
        self._round([])  # what was deferred, once more
        self._try(self.books.leave)
        self._disconnect()

    def _next(self) -> list[Waiting | None]:
        """Wait for orders and take all there are; none when it is time to tend or to try again."""
        taken: list[Waiting | None] = []
        with contextlib.suppress(queue.Empty):
            taken.append(self._queue.get(timeout=self._patience()))
            while len(taken) < _MOST_AT_ONCE:
                taken.append(self._queue.get_nowait())
        return taken

    def _patience(self) -> float:
        if self._more_to_prune:
            return _BREATH_SECS
        return self.retry_secs if self._deferred else self.tend_secs

    def _round(self, taken: Sequence[Waiting | None]) -> None:
        """Work on what was taken, else tend; delete old rows now and then, however busy it is."""
        batch = [*self._deferred, *(waiting for waiting in taken if waiting is not None)]
        self._deferred = []
        if batch:
            self._write(batch)
        elif not taken and not self._more_to_prune:
            self._try(self.books.tend)
        if self._log_is_long:
            self._log_is_long = False
            self._checkpoint()
        if time.monotonic() >= self._prune_at:
            self._more_to_prune = bool(self._try(self.books.prune))
            self._prune_at = time.monotonic() + (_BREATH_SECS if self._more_to_prune else self.tend_secs)

    def _write(self, batch: Sequence[Waiting]) -> None:
        try:
            answers: Sequence[Any] = self._transaction(batch)
        except Exception as error:  # protects the thread: without it no call would be booked any more
            self.books.unsure()
            if store_failed(error):
                answers = self._refused(batch, error)
            elif len(batch) > 1:  # one of them is impossible to write: the others must not suffer for it
                for waiting in batch:
                    self._write([waiting])
                return
            else:
                log.exception("an order cannot be written")
                answers = [error]
                self._have_noted(batch)
        else:
            self._recovered()
            self._have_noted(batch)
        self._answer(batch, answers)

    def _have_noted(self, batch: Sequence[Waiting]) -> None:
        with self._gate:
            self._notes -= sum(isinstance(waiting.order, Made) for waiting in batch)

    def _transaction(self, batch: Sequence[Waiting]) -> list[Answer]:
        connection = self._connected()
        with connection.begin():
            return self.books.apply(connection, [waiting.order for waiting in batch])

    def _refused(self, batch: Sequence[Waiting], error: Exception) -> list[Any]:
        """Refuse every admission, and keep all else for later."""
        self._disconnect()
        if not self._failing:
            log.error("the ledger cannot write, so calls are refused: %s", _reason(error))
        self._failing = True
        self._deferred = [Waiting(w.order) for w in batch if isinstance(w.order, Closing | Made)]
        return [_closed() if isinstance(w.order, Admission) else Settled.DEFERRED for w in batch]

    def _recovered(self) -> None:
        if self._failing:
            log.warning("the ledger can write again")
        self._failing = False

    def _try(self, work: Any) -> Any:
        """Do what can wait until the store can write."""
        try:
            connection = self._connected()
            with connection.begin():
                return work(connection)
        except Exception as error:  # protects the thread, as above
            self._disconnect()
            self.books.unsure()
            if not store_failed(error):
                log.exception("the ledger could not be tended")
            return None

    def _checkpoint(self) -> None:
        try:
            self.store.checkpoint()
        except Exception as error:  # protects the thread, as above
            if not store_failed(error):
                log.exception("the ledger's log could not be carried over")

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self.store.engine.connect()
        return self._connection

    def _disconnect(self) -> None:
        """Let go of a connection that has failed: after some errors SQLite wants a new one."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
        self._connection = None

    def _answer(self, batch: Sequence[Waiting], answers: Sequence[Any]) -> None:
        """Wake each event loop once, however many of its callers have an answer."""
        by_loop: dict[Any, list[tuple[asyncio.Future[Any], Any]]] = defaultdict(list)
        for waiting, answer in zip(batch, answers, strict=True):
            if waiting.loop is not None and waiting.future is not None:
                by_loop[waiting.loop].append((waiting.future, answer))
        for loop, answered in by_loop.items():
            try:
                loop.call_soon_threadsafe(self._resolve, answered)
            except RuntimeError:  # the loop is closed: its process ends, and recovery finds the calls
                log.warning("%d answers of the ledger came after the end", len(answered))

    def _resolve(self, answered: Sequence[Answered]) -> None:
        for future, answer in answered:
            if future is None:
                continue
            if future.cancelled():
                if isinstance(answer, Ticket):
                    self.void(answer)
            elif isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)


def _settled_first(batch: Sequence[Waiting], answers: Sequence[Any]) -> list[Answered]:
    """Give who waits for which answer, calls of one kind behind each other: they go on with the same code."""
    answered = [(waiting.future, answer) for waiting, answer in zip(batch, answers, strict=True)]
    return sorted(answered, key=lambda one: isinstance(one[1], Ticket))


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _closed(why: str = "Gaud cannot write to its books at the moment, so it makes no calls.") -> BooksClosed:
    return BooksClosed(why, retry_after=5)


def _reason(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error)
