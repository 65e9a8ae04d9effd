"""Keys: the text of one is in the answer that makes it, and in no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from msgspec import UNSET

from gaud_core.access import KeyLimits
from gaud_core.access.listing import get_key, list_keys
from gaud_core.admin.answers import KeyAnswer, KeyList, ShownKey
from gaud_core.admin.desk import Ask
from gaud_core.admin.requests import KeyChange, NewKey, PageQuery, Rotation
from gaud_core.admin.times import read_moment
from gaud_core.errors import BadRequest

__all__ = ["change_key", "create_key", "revoke_key", "rotate_key", "show_key", "show_keys", "time_of"]


def create_key(ask: Ask) -> ShownKey:
    """Give a user a key."""
    new: NewKey = ask.body
    limits = KeyLimits(new.models, new.rpm, new.tpm, new.concurrency)
    expires_at = _expiry(new.expires_at)
    made = ask.desk.people.create_key(ask.id, new.label, limits, expires_at=expires_at, actor=ask.actor)
    return ShownKey.with_text(*made)


def show_keys(ask: Ask) -> KeyList:
    """Give one page of a user's keys."""
    query: PageQuery = ask.query
    keys, total = list_keys(ask.desk.store, ask.id, query.page, query.per_page)
    data = [KeyAnswer.of(key) for key in keys]
    return KeyList(data=data, page=query.page, per_page=query.per_page, total=total)


def show_key(ask: Ask) -> KeyAnswer:
    """Give one key."""
    return KeyAnswer.of(get_key(ask.desk.store, ask.id))


def change_key(ask: Ask) -> KeyAnswer:
    """Change what is named of a key."""
    change: KeyChange = ask.body
    changes: dict[str, Any] = {
        name: value for name, value in attrs.asdict(change).items() if value is not UNSET
    }
    if "expires_at" in changes:
        changes["expires_at"] = _expiry(changes["expires_at"])
    return KeyAnswer.of(ask.desk.people.patch_key(ask.id, changes, actor=ask.actor))


def rotate_key(ask: Ask) -> ShownKey:
    """Give a key a new text."""
    rotation: Rotation = ask.body
    return ShownKey.with_text(*ask.desk.people.rotate_key(ask.id, rotation.grace_secs, actor=ask.actor))


def revoke_key(ask: Ask) -> KeyAnswer:
    """End a key."""
    return KeyAnswer.of(ask.desk.people.revoke_key(ask.id, actor=ask.actor))


def time_of(name: str, text: str, read: Callable[[str], int]) -> int:
    """Read a time that was given under this name; BadRequest with the name."""
    try:
        return read(text)
    except ValueError as error:
        raise BadRequest(f"`{name}` {error}.", param=name) from None


def _expiry(text: str | None) -> int | None:
    return None if text is None else time_of("expires_at", text, read_moment)
