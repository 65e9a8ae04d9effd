"""The way of a batch that need not wait: on the event loop itself, with a connection of its own.

Handing an order to a thread and its answer back costs a good part of what the thread does, and while both
run they take Python's lock from each other at every system call. A write to SQLite's log is a copy into the
page cache; so whatever can be written at once is, and only what would wait goes to the thread: for another
writer's lock, for a disk that is slow or full, for the log to be carried over into the file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import attrs

from gaud_core.ledger.books import Answer, Books, Order
from gaud_core.store import HastyConnection, Store, hasty_connection

__all__ = ["LockTaken", "Shortcut"]

_SLOW_SECS = 0.05
_SLOW_ONES = 3
_DETOUR_SECS = 10.0


class LockTaken(Exception):
    """Another writer is at work; most are done within a millisecond."""


@attrs.define(eq=False)
class Shortcut:
    """Writes batches without waiting, or not at all; used by one thread at a time."""

    store: Store
    books: Books
    clock: Callable[[], float] = time.perf_counter
    _connection: HastyConnection | None = None
    _slow: int = 0
    _detour_until: float = 0.0

    def write(self, orders: Sequence[Order]) -> list[Answer] | None:
        """Write a batch in one transaction; None when nothing was written and somebody must wait for it.

        LockTaken when it is worth another try soon.
        """
        begun = self.clock()
        if begun < self._detour_until or self.books.must_tend():
            return None
        try:
            answers = self._connected().write(lambda connection: self.books.apply(connection, orders))
        except Exception:  # the thread tries again, and tells who must hear of it
            self.close()
            return None
        if answers is None:
            raise LockTaken
        self._judge(self.clock() - begun)
        return answers

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> HastyConnection:
        if self._connection is None:
            self._connection = hasty_connection(self.store)
        return self._connection

    def _judge(self, seconds: float) -> None:
        """Take the other way for a while when the disk holds up the event loop."""
        self._slow = self._slow + 1 if seconds > _SLOW_SECS else 0
        if self._slow >= _SLOW_ONES:
            self._slow, self._detour_until = 0, self.clock() + _DETOUR_SECS
