"""What calls have made and can be asked for later, such as files: where each is, and whose it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs
from sqlalchemy import Connection, delete, select

from gaud_core.store.schema import made

__all__ = ["MOST_KEPT", "Made", "find_made", "forget_oldest"]

MOST_KEPT = 1_000_000
"""So many are remembered; the oldest are forgotten."""

_AT_ONCE = 500


@attrs.frozen
class Made:
    """An id that an upstream has given out; of nobody, the user is None."""

    id: str
    instance: str
    user_id: str | None
    key_id: str | None = None


def find_made(connection: Connection, ids: Iterable[str]) -> list[Made]:
    """Give all that is remembered of these ids, the newest first; two upstreams may share one."""
    wanted = list(ids)
    found: list[Made] = []
    for start in range(0, len(wanted), _AT_ONCE):
        query = (
            select(made.c.id, made.c.instance, made.c.user_id, made.c.key_id)
            .where(made.c.id.in_(wanted[start : start + _AT_ONCE]))
            .order_by(made.c.created_at.desc())
        )
        rows = connection.execute(query)
        found += [Made(row.id, row.instance, row.user_id or None, row.key_id) for row in rows]
    return found


def forget_oldest(connection: Connection, keep: int = MOST_KEPT) -> None:
    """Forget what is older than the newest so many."""
    oldest: Sequence[int] = (
        connection.execute(select(made.c.created_at).order_by(made.c.created_at.desc()).offset(keep).limit(1))
        .scalars()
        .all()
    )
    if oldest:
        connection.execute(delete(made).where(made.c.created_at <= oldest[0]))
