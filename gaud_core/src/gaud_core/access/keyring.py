"""From the key that a client sends to who he is.

The guarantee that a revoked key is refused at once is the ledger's, which reads the key's row in the
transaction that admits a call. What is kept here for a moment only spares the read before that; where no
call is admitted (`/v1/models`, the admin API), ask with `fresh=True`.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs
from sqlalchemy import ColumnElement, bindparam, or_, select

from gaud_core.access.people import KEY_COLUMNS, key_of
from gaud_core.access.rules import instance_allowed, model_allowed
from gaud_core.access.values import Key, digest_of
from gaud_core.errors import BooksClosed
from gaud_core.store import Clock, Prepared, Store, store_failed, utc_millis
from gaud_core.store.schema import keys, users

__all__ = ["Identity", "KeyRing", "presented_key"]

_KEPT_MS = 2_000
_MOST_KEPT = 4096
_KEY_HEADERS = (b"x-api-key", b"x-goog-api-key")
_HAS_DIGEST = or_(keys.c.digest == bindparam("digest"), keys.c.previous_digest == bindparam("digest"))


@attrs.frozen
class Identity:
    """Who calls, with which key, until when that is known to hold.

    `digest` is that of the text he presented, and None when he came with a certificate. Without user and key
    it is anybody: keys are switched off.
    """

    user_id: str | None
    role: str
    key: Key | None
    digest: bytes | None = attrs.field(default=None, repr=False)
    until: int | None = None

    @property
    def is_admin(self) -> bool:
        """Whether the admin API is open to him."""
        return self.role == "admin"

    def may_use(self, instance: str, model: str) -> bool:
        """Whether the key may use a model, for `/v1/models`; the ledger asks again."""
        return self.key is None or model_allowed(self.key.limits.models, instance, model)

    def may_reach(self, instance: str) -> bool:
        """Whether the key may use any model of an instance, and so what it keeps: files, answers, batches."""
        return self.key is None or instance_allowed(self.key.limits.models, instance)


@attrs.define(eq=False)
class KeyRing:
    """Finds keys by the digest's index and keeps what it has found for two seconds."""

    store: Store
    clock: Clock = utc_millis
    _by_digest: Prepared = attrs.field(init=False, repr=False)
    _kept: OrderedDict[bytes, tuple[int, Identity]] = attrs.field(factory=OrderedDict, repr=False)
    _looking: dict[bytes, asyncio.Future[Identity | None]] = attrs.field(factory=dict, repr=False)

    def __attrs_post_init__(self) -> None:
        self._by_digest = Prepared(_query(_HAS_DIGEST), self.store.engine.dialect)

    def recall(self, presented: bytes) -> Identity | None:
        """Say whose key this is if it was found a moment ago and still holds."""
        now = self.clock()
        return _holding(self._recall(digest_of(presented), now), now)

    async def find(self, presented: bytes, *, fresh: bool = False) -> Identity | None:
        """Say whose key this is; None for one that opens nothing, whatever is wrong with it."""
        digest, now = digest_of(presented), self.clock()
        found = None if fresh else self._recall(digest, now)
        if found is None and (rows := self.store.glance(self._by_digest, {"digest": digest})) is not None:
            found = _identity(rows[0], digest, now) if rows else None
            self._keep(digest, now, found)
        elif found is None:
            found = await (self._look_up(digest, now) if fresh else self._shared_look_up(digest, now))
        return _holding(found, now)

    async def _shared_look_up(self, digest: bytes, now: int) -> Identity | None:
        """Look up once for all who ask at the same time: a busy key would else fill every thread."""
        looking = self._looking.get(digest)
        if looking is None:
            looking = self._looking[digest] = asyncio.ensure_future(self._look_up(digest, now))
            looking.add_done_callback(lambda _: self._looking.pop(digest, None))
        return await asyncio.shield(looking)

    async def _look_up(self, digest: bytes, now: int) -> Identity | None:
        found = await asyncio.to_thread(self._read, digest, now)
        self._keep(digest, now, found)
        return found

    async def find_again(self, key_id: str, is_his: Callable[[bytes], bool]) -> Identity | None:
        """Say who has shown this key's text before, as the store is now; `is_his` knows its digest again.

        None when the key has ended meanwhile, also by a rotation whose grace is over.
        """
        now = self.clock()
        row = await asyncio.to_thread(self._row, keys.c.id == bindparam("key"), {"key": key_id})
        known = [] if row is None else [each for each in row[1:3] if each is not None and is_his(each)]
        return _identity(row, known[0], now) if known else None

    def _recall(self, digest: bytes, now: int) -> Identity | None:
        kept = self._kept.get(digest)
        return kept[1] if kept is not None and 0 <= now - kept[0] < _KEPT_MS else None

    def _keep(self, digest: bytes, now: int, found: Identity | None) -> None:
        """Keep good keys only: a flood of wrong ones must not push them out."""
        self._kept.pop(digest, None)
        if found is not None:
            self._kept[digest] = (now, found)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)

    def _read(self, digest: bytes, now: int) -> Identity | None:
        row = self._row(_HAS_DIGEST, {"digest": digest})
        return None if row is None else _identity(row, digest, now)

    def _row(self, which: ColumnElement[bool], values: Mapping[str, Any]) -> Any:
        try:
            with self.store.reading() as connection:
                return connection.execute(_query(which), values).one_or_none()
        except Exception as error:
            if store_failed(error):
                raise BooksClosed("Gaud cannot read its database at the moment.", retry_after=5) from None
            raise


def _holding(found: Identity | None, now: int) -> Identity | None:
    return None if found is None or (found.until is not None and now >= found.until) else found


def _query(which: ColumnElement[bool]) -> Any:
    return (
        select(users.c.role, keys.c.digest, keys.c.previous_digest, keys.c.previous_until, *KEY_COLUMNS)
        .join(users, users.c.id == keys.c.user_id)
        .where(which, keys.c.revoked_at.is_(None), users.c.deleted_at.is_(None))
    )


def _identity(row: Any, digest: bytes, now: int) -> Identity | None:
    role, current, previous, previous_until, *columns = row
    key = key_of(columns)
    until = key.expires_at
    if not hmac.compare_digest(digest, current):
        if previous is None or not hmac.compare_digest(digest, previous):
            return None
        ends = [time for time in (previous_until or 0, until) if time is not None]
        until = min(ends)
    return Identity(key.user_id, role, key, digest, until) if until is None or now < until else None


def presented_key(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """Read the key from `Authorization: Bearer`, else from `x-api-key` or `x-goog-api-key`."""
    other = None
    for name, value in headers:
        if name == b"authorization":
            scheme, _, key = value.partition(b" ")
            if scheme.lower() == b"bearer" and key.strip():
                return key.strip()
        elif name in _KEY_HEADERS:
            other = other or value.strip()
    return other or None
