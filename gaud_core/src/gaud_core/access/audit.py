"""Who has changed what: the audit log, which `people.write_audit` writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from sqlalchemy import func, select

from gaud_core.store import Store
from gaud_core.store.schema import audit

__all__ = ["Change", "read_audit"]


@attrs.frozen
class Change:
    """One change: `actor` is the id of the administrator who made it, `target` that of what was changed."""

    id: str
    at: int
    actor: str
    action: str
    target: str
    detail: Mapping[str, Any]


def read_audit(store: Store, page: int = 1, per_page: int = 50) -> tuple[Sequence[Change], int]:
    """Give one page of the log, the newest first, and how long it is; blocks for a few milliseconds."""
    query = select(audit).order_by(audit.c.at.desc(), audit.c.id.desc())
    with store.reading() as connection:
        rows = connection.execute(query.limit(per_page).offset((page - 1) * per_page)).fetchall()
        total = connection.execute(select(func.count()).select_from(audit)).scalar_one()
    return [_change(*row) for row in rows], total


def _change(id: str, at: int, actor: str, action: str, target: str, detail: str) -> Change:
    return Change(id, at, actor, action, target, json.loads(detail))
