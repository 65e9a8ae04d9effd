"""The ledger without its thread: what one transaction does with a batch of calls."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import repeat

import attrs
from sqlalchemy import Connection

from gaud_core.errors import ApiError
from gaud_core.ledger import retention, workers
from gaud_core.ledger.admit import admit
from gaud_core.ledger.made import MOST_KEPT, Made, forget_oldest
from gaud_core.ledger.recover import recover
from gaud_core.ledger.settle import Closing, OpenCall, settle
from gaud_core.ledger.standing import Standing
from gaud_core.ledger.statements import Statements
from gaud_core.ledger.values import Admission, Policy, Settled, Ticket
from gaud_core.ledger.workers import BEAT_MS, Lookout, Worker
from gaud_core.store import Clock

__all__ = ["Answer", "Books", "Order"]

Order = Admission | Closing | Made
Answer = Ticket | Settled | ApiError | None

_LOOK_EVERY = 1000

log = logging.getLogger("gaud.ledger")


@attrs.define(eq=False)
class Books:
    """One worker's hand in the books; every method runs inside a write transaction of the caller's."""

    worker: Worker
    statements: Statements
    clock: Clock
    policy: Policy = attrs.field(factory=Policy)
    lookout: Lookout = attrs.field(factory=Lookout)
    most_made: int = MOST_KEPT
    _beaten: int | None = None
    _made: int = 0

    def apply(self, connection: Connection, orders: Sequence[Order]) -> list[Answer]:
        """Settle, then admit, in order; each is decided on its own, and a refused one writes nothing."""
        now = self.clock()  # inside the transaction: time goes forward in the order of commits
        if self._is_due(now):
            self.tend(connection)
        standing = Standing(connection, self.statements, now)
        closings = [order for order in orders if isinstance(order, Closing)]
        settled = iter(settle(closings, standing) if closings else ())
        admissions = [order for order in orders if isinstance(order, Admission)]
        admitted = iter(self._admit(admissions, standing) if admissions else ())
        if len(closings) + len(admissions) < len(orders):
            self._remember([order for order in orders if isinstance(order, Made)], standing)
        standing.flush()
        answers: dict[type, Iterator[Answer]] = {Closing: settled, Admission: admitted, Made: repeat(None)}
        return [next(answers[type(order)]) for order in orders]

    def _remember(self, found: Sequence[Made], standing: Standing) -> None:
        """Keep ids that upstreams have given out."""
        rows = [
            {**attrs.asdict(one), "user_id": one.user_id or "", "created_at": standing.now} for one in found
        ]
        self.statements.remember.many(standing.connection, rows)
        self._made += len(rows)

    def _admit(self, admissions: Sequence[Admission], standing: Standing) -> list[Answer]:
        standing.load(wants.key_id for wants in admissions if wants.key_id is not None)
        answers: list[Answer] = []
        for wants in admissions:
            try:
                answers.append(admit(wants, standing, self.policy, self.worker.id))
            except ApiError as refusal:
                answers.append(refusal)
        return answers

    def tend(self, connection: Connection) -> list[OpenCall]:
        """Show that this worker lives, and close what dead ones have left."""
        now = self.clock()
        workers.beat(connection, self.worker, now)
        self.lookout.wrote(now)
        lost = recover(connection, self.statements, now, self.worker.id, self.lookout.is_alive)
        retention.forget_seconds(connection, now)
        if self._has_made_much():
            forget_oldest(connection, self.most_made)
            self._made = 0
        self._beaten = now
        if lost:
            some = ", ".join(call.id for call in lost[:5]) + (", …" if len(lost) > 5 else "")
            log.warning(
                "%d calls of ended workers are lost and count with their worst case: %s", len(lost), some
            )
        return lost

    def must_tend(self) -> bool:
        """Whether the next transaction has to do more than what it was asked for."""
        return self._is_due(self.clock())

    def _is_due(self, now: int) -> bool:
        return self._beaten is None or now - self._beaten >= BEAT_MS or self._has_made_much()

    def _has_made_much(self) -> bool:
        """Whether it is time to look that the ids which are remembered do not become too many."""
        return self._made >= min(_LOOK_EVERY, self.most_made)

    def unsure(self) -> None:
        """Beat again with the next transaction, since the last one was not committed."""
        self._beaten = None
        self.lookout.failed(self.clock())

    def prune(self, connection: Connection) -> bool:
        """Delete some old rows and say whether there are more."""
        days = self.policy.retention_days
        return days is not None and retention.prune(connection, self.clock(), days) == retention.BATCH

    def leave(self, connection: Connection) -> list[OpenCall]:
        """Take this worker out; whatever it has left open is lost."""
        workers.leave(connection, self.worker.id)
        return recover(connection, self.statements, self.clock(), None, self.lookout.is_alive)
