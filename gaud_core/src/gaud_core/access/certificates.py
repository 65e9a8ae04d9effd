"""Users who come with a client certificate instead of a key.

A certificate is one more key of its user, made at the first use: it is listed, limited, revoked and booked
like the others, only that nobody can present it as text.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, insert, select

from gaud_core.access.keyring import Identity
from gaud_core.access.people import KEY_COLUMNS, key_of, write_audit
from gaud_core.errors import BooksClosed
from gaud_core.store import Clock, Store, store_failed
from gaud_core.store.schema import keys, users

__all__ = ["key_of_certificate"]

_ACTOR = "certificate"
_LABEL = "client certificate"


def key_of_certificate(store: Store, clock: Clock, name: str) -> Identity | None:
    """Find the user of that name and the key of his certificate; None if he has none that may be used.

    It blocks, so call it in a thread.
    """
    now = clock()
    with _patiently():
        with store.reading() as connection:
            found = _find(connection, name)
        if found is not None and found[1] is None:
            with store.writing() as connection:
                found = _find(connection, name)
                if found is not None and found[1] is None:
                    _make(connection, found[0], now)
                    found = _find(connection, name)
    return None if found is None else _identity(found, now)


def _find(connection: Connection, name: str) -> Any:
    """The user's id, role and certificate key, whose id is derived from his."""
    query = (
        select(users.c.id, keys.c.id, users.c.role, *KEY_COLUMNS)
        .select_from(users.outerjoin(keys, keys.c.id == "cert_" + users.c.id))
        .where(users.c.name == name, users.c.deleted_at.is_(None))
    )
    rows = connection.execute(query).fetchall()
    return rows[0] if len(rows) == 1 else None


def _make(connection: Connection, user_id: str, now: int) -> None:
    key_id = f"cert_{user_id}"
    values = {
        "id": key_id,
        "user_id": user_id,
        "digest": secrets.token_bytes(32),  # of no text at all
        "prefix": "",
        "label": _LABEL,
        "created_at": now,
        "models": "[]",
    }
    connection.execute(insert(keys).values(values))
    write_audit(connection, now, _ACTOR, "key.create", key_id, user=user_id, label=_LABEL)


def _identity(found: Any, now: int) -> Identity | None:
    _, _, role, *columns = found
    key = key_of(columns)
    if key.revoked_at is not None or (key.expires_at is not None and now >= key.expires_at):
        return None
    return Identity(key.user_id, role, key)


@contextmanager
def _patiently() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if store_failed(error):
            raise BooksClosed("Gaud cannot read its database at the moment.", retry_after=5) from None
        raise
