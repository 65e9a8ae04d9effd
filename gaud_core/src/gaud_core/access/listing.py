"""Users and keys in pages; every function blocks for as long as a query takes: call it in a thread."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from gaud_core.access.people import KEY_COLUMNS, key_of
from gaud_core.access.values import Key, User
from gaud_core.errors import NotFound
from gaud_core.store import Store
from gaud_core.store.schema import keys, users

__all__ = ["get_key", "get_user", "list_keys", "list_users"]


def get_user(store: Store, user_id: str) -> User:
    """Give a user who is not deleted; NotFound for another."""
    query = select(users).where(users.c.id == user_id, users.c.deleted_at.is_(None))
    with store.reading() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such user.", code="user_not_found")
    return User(*row)


def list_users(store: Store, page: int = 1, per_page: int = 50) -> tuple[Sequence[User], int]:
    """Give one page of the users who are not deleted, the oldest first, and how many there are."""
    there = users.c.deleted_at.is_(None)
    query = select(users).where(there).order_by(users.c.created_at, users.c.id)
    with store.reading() as connection:
        rows = connection.execute(query.limit(per_page).offset((page - 1) * per_page)).fetchall()
        total = connection.execute(select(func.count()).select_from(users).where(there)).scalar_one()
    return [User(*row) for row in rows], total


def get_key(store: Store, key_id: str) -> Key:
    """Give a key, also one that is revoked; NotFound if there never was one."""
    with store.reading() as connection:
        row = connection.execute(select(*KEY_COLUMNS).where(keys.c.id == key_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such key.", code="key_not_found")
    return key_of(row)


def list_keys(store: Store, user_id: str, page: int = 1, per_page: int = 50) -> tuple[Sequence[Key], int]:
    """Give one page of a user's keys, revoked ones too, the oldest first, and how many there are."""
    get_user(store, user_id)
    theirs = keys.c.user_id == user_id
    query = select(*KEY_COLUMNS).where(theirs).order_by(keys.c.created_at, keys.c.id)
    with store.reading() as connection:
        rows = connection.execute(query.limit(per_page).offset((page - 1) * per_page)).fetchall()
        total = connection.execute(select(func.count()).select_from(keys).where(theirs)).scalar_one()
    return [key_of(row) for row in rows], total
