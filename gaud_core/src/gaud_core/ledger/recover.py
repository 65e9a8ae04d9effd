"""What a crash has left: open calls of workers that are gone.

Nobody knows how far such a call came, and the upstream may have answered and charged for it. So it becomes
`lost` at the worst case that was reserved, as an estimate: the books never say less than was spent, and no
budget gets back what it may not have. If its worker was only cut off and settles later after all, the truth
takes the estimate's place.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from gaud_core.ledger import workers
from gaud_core.ledger.settle import OpenCall, close
from gaud_core.ledger.standing import Standing
from gaud_core.ledger.statements import OPEN_CALL, Statements
from gaud_core.ledger.values import Settlement
from gaud_core.ledger.workers import Alive, Worker
from gaud_core.store.schema import IS_OPEN, calls

__all__ = ["left_open", "orphans", "recover"]

_REASON = "The process that served the call ended before the call did."


def recover(
    connection: Connection, statements: Statements, now: int, own_id: str | None, alive: Alive
) -> list[OpenCall]:
    """Close the open calls of dead workers as lost, take their rows away, and give the calls."""
    lost, dead = left_open(connection, now, own_id, alive)
    standing = Standing(connection, statements, now)
    for call in lost:
        close(call, "lost", _estimate(call), standing)
    standing.flush()
    for worker in dead:
        workers.leave(connection, worker.id)
    return lost


def left_open(
    connection: Connection, now: int, own_id: str | None, alive: Alive
) -> tuple[list[OpenCall], list[Worker]]:
    """Give the open calls that belong to nobody who lives, and the workers that are dead; changes nothing."""
    known = workers.others(connection, own_id)
    living = [worker.id for worker in known if alive(worker, now)]
    dead = [worker for worker in known if worker.id not in living]
    return orphans(connection, [*living, *([own_id] if own_id else [])]), dead


def orphans(connection: Connection, living: list[str]) -> list[OpenCall]:
    """Open calls of any worker but these."""
    rows = connection.execute(select(*OPEN_CALL).where(IS_OPEN, calls.c.worker.not_in(living)))
    return [OpenCall(*row) for row in rows]


def _estimate(call: OpenCall) -> Settlement:
    source = "none" if call.reserved_nanos is None else "estimated"
    return Settlement(None, call.reserved_nanos, source, error=_REASON)
