"""Users with budgets and keys with every limit, all so wide that they never refuse a call."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import attrs
from sqlalchemy import insert

from gaud_core.access.values import digest_of, new_key
from gaud_core.config import Config, Data
from gaud_core.store import Store, new_id, open_store
from gaud_core.store.schema import budgets, keys, users

__all__ = ["MadeKey", "add_people", "make_key", "make_keys", "opened"]

_PLENTY = 2**40


@attrs.frozen
class MadeKey:
    """A key by its id, and the text that opens with it."""

    id: str
    text: str = attrs.field(repr=False)


def opened(folder: Path) -> Store:
    """Open the store of a gateway that keeps its data in this folder, which is made."""
    folder.mkdir(exist_ok=True)
    return open_store(Config(data=Data(dir=folder)))


def make_key(folder: Path) -> str:
    """Make a user and a key."""
    return make_keys(folder)[0]


def make_keys(folder: Path, count: int = 1, each: int = 1) -> list[str]:
    """Make so many users, and keys for each of them; gives the keys' texts."""
    store = opened(folder)
    made = add_people(store, count, each)
    store.close()
    return [key.text for key in made]


def add_people(store: Store, count: int, each: int = 1) -> Sequence[MadeKey]:
    """Do the same in a store that is open; a hundred thousand at once take seconds."""
    now = time.time_ns() // 1_000_000
    people = [
        {"id": new_id("user", now), "name": f"bench-{number}", "role": "member", "created_at": now}
        for number in range(count)
    ]
    owners = [person["id"] for person in people for _ in range(each)]
    made = [MadeKey(new_id("key", now), new_key()) for _ in owners]
    held = [_row(key, owner, now) for key, owner in zip(made, owners, strict=True)]
    budgeted = [{"user_id": p["id"], "daily_nanos": _PLENTY, "monthly_nanos": _PLENTY} for p in people]
    with store.writing() as connection:
        for table, rows in ((users, people), (budgets, budgeted), (keys, held)):
            connection.execute(insert(table), rows)
    return made


def _row(key: MadeKey, owner: object, now: int) -> dict[str, object]:
    return {
        "id": key.id,
        "user_id": owner,
        "digest": digest_of(key.text),
        "prefix": key.text[:11],
        "label": "",
        "created_at": now,
        "models": '["*"]',
        "rpm": _PLENTY,
        "tpm": _PLENTY,
        "concurrency": _PLENTY,
    }
