"""Users, keys and budgets; every change is one transaction with its row in the audit log.

All methods block for a few milliseconds, or until the ledger's transaction is over: call them in a thread.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
from sqlalchemy import Connection, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from gaud_core.access.values import Budget, Key, KeyLimits, User, digest_of, new_key, shown_of
from gaud_core.errors import BadRequest, BooksClosed, NotFound
from gaud_core.store import Clock, Store, new_id, store_failed, utc_millis
from gaud_core.store.schema import audit, budgets, keys, users

__all__ = ["KEY_COLUMNS", "People", "key_of", "write_audit"]

KEY_COLUMNS = (
    keys.c.id, keys.c.user_id, keys.c.prefix, keys.c.label, keys.c.created_at, keys.c.expires_at,
    keys.c.revoked_at, keys.c.last_used_at, keys.c.models, keys.c.rpm, keys.c.tpm, keys.c.concurrency,
)  # fmt: skip
_PATCHABLE = frozenset({"label", "expires_at", "models", "rpm", "tpm", "concurrency"})
_LONGEST = 200
_LONGEST_GRACE_SECS = 366 * 86_400
_LAST_MOMENT = 253_402_300_799_999  # the end of the year 9999, the last that dates can show
_LISTED = 5


@attrs.frozen(eq=False)
class People:
    """The register of who may call; `actor` in each change is the id of the administrator who makes it."""

    store: Store
    clock: Clock = utc_millis

    def create_user(self, name: str, role: str = "member", *, actor: str) -> User:
        """Add a user; BadRequest for a name or a role that cannot be, or a name that is taken."""
        name = _same(name)
        if not name or not _readable(name):
            raise BadRequest(
                f"A user needs a `name` that can be read, of at most {_LONGEST} characters.", param="name"
            )
        if role not in {"admin", "member"}:
            raise BadRequest("`role` must be `admin` or `member`.", param="role")
        now = self.clock()
        user = User(new_id("user", now), name, role, now)
        with self._changing() as connection:
            try:
                connection.execute(insert(users).values(attrs.asdict(user)))
            except IntegrityError:  # only the index of names can refuse: the id is random
                raise _taken(name) from None
            write_audit(connection, now, actor, "user.create", user.id, name=user.name, role=role)
        return user

    def users(self, *, deleted: bool = False) -> Sequence[User]:
        """Give every user, the oldest first."""
        query = select(users).order_by(users.c.created_at, users.c.id)
        with self.store.reading() as connection:
            rows = connection.execute(query if deleted else query.where(users.c.deleted_at.is_(None)))
            return [User(*row) for row in rows]

    def find_user(self, name_or_id: str, *, deleted: bool = False) -> User:
        """Give the user of this id, else the one of this name; NotFound if there is none.

        Names are unique among those who are not deleted. With `deleted` those who are can be found too;
        BadRequest with their ids if several have had the name and none has it now.
        """
        wanted = _same(name_or_id)
        query = select(users).where(or_(users.c.id == wanted, users.c.name == wanted))
        found: list[User] = []
        if _readable(wanted):  # what is not cannot be the name of anybody, nor can every driver take it
            with self.store.reading() as connection:
                rows = connection.execute(query if deleted else query.where(users.c.deleted_at.is_(None)))
                found = [User(*row) for row in rows]
        matches = [user for user in found if user.id == wanted]
        matches = matches or [user for user in found if user.deleted_at is None] or found
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise _ambiguous("deleted users had this name", "user", [user.id for user in matches])
        raise NotFound("There is no such user.", code="user_not_found")

    def delete_user(self, user_id: str, *, actor: str) -> int:
        """End a user and all his keys, and say how many; his calls stay in the books.

        The last administrator cannot go.
        """
        now = self.clock()
        with self._changing() as connection:
            user = _user(connection, user_id)
            if user.role == "admin" and _administrators(connection) == 1:
                raise BadRequest("This is the last administrator. Make another one first.", code="last_admin")
            connection.execute(update(users).where(users.c.id == user_id).values(deleted_at=now))
            theirs = (keys.c.user_id == user_id, keys.c.revoked_at.is_(None))
            ended = connection.execute(update(keys).where(*theirs).values(revoked_at=now)).rowcount
            write_audit(connection, now, actor, "user.delete", user_id)
        return ended

    def create_key(
        self,
        user_id: str,
        label: str = "",
        limits: KeyLimits | None = None,
        *,
        expires_at: int | None = None,
        actor: str,
    ) -> tuple[Key, str]:
        """Give a user a key; the text is shown this once and kept nowhere."""
        now, text = self.clock(), new_key()
        limits = limits or KeyLimits()
        _check_limits({**attrs.asdict(limits), "label": label, "expires_at": expires_at})
        key = Key(new_id("key", now), user_id, shown_of(text), label, now, expires_at, None, None, limits)
        with self._changing() as connection:
            _user(connection, user_id)
            connection.execute(insert(keys).values(digest=digest_of(text), **_row(key)))
            write_audit(connection, now, actor, "key.create", key.id, user=user_id, label=label)
        return key, text

    def keys(self, user_id: str | None = None) -> Sequence[Key]:
        """Give the keys of one user or of all, revoked ones too, the oldest first."""
        query = select(*KEY_COLUMNS).order_by(keys.c.created_at, keys.c.id)
        with self.store.reading() as connection:
            rows = connection.execute(query if user_id is None else query.where(keys.c.user_id == user_id))
            return [key_of(row) for row in rows]

    def find_key(self, id_or_label: str) -> Key:
        """Give the key of this id, else the one key of this label that is not revoked.

        NotFound if there is none; BadRequest with their ids if several keys have the label.
        """
        wanted = id_or_label
        labelled = (keys.c.label == wanted) & keys.c.revoked_at.is_(None)
        query = select(*KEY_COLUMNS).where(or_(keys.c.id == wanted, labelled)).order_by(keys.c.created_at)
        found: list[Key] = []
        if wanted.strip() and _readable(wanted):
            with self.store.reading() as connection:
                found = [key_of(row) for row in connection.execute(query)]
        matches = [key for key in found if key.id == wanted] or found
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise _ambiguous("keys have this label", "key", [key.id for key in matches])
        raise NotFound("There is no such key.", code="key_not_found")

    def revoke_key(self, key_id: str, *, actor: str) -> Key:
        """End a key now, in every worker: the next admission of each looks at this row."""
        now = self.clock()
        with self._changing() as connection:
            key = _key(connection, key_id)
            if key.revoked_at is not None:
                return key
            # the digest before a rotation ends with it
            connection.execute(
                update(keys).where(keys.c.id == key_id).values(revoked_at=now, previous_until=None)
            )
            write_audit(connection, now, actor, "key.revoke", key_id)
            return attrs.evolve(key, revoked_at=now)

    def rotate_key(self, key_id: str, grace_secs: int = 0, *, actor: str) -> tuple[Key, str]:
        """Give a key a new text; the old one works for the grace period, on the same counters."""
        if not 0 <= grace_secs <= _LONGEST_GRACE_SECS:
            raise BadRequest("`grace_secs` must be from 0 to a year.", param="grace_secs")
        now, text = self.clock(), new_key()
        with self._changing() as connection:
            key = _live_key(connection, key_id)
            values = {
                "previous_digest": keys.c.digest,
                "previous_until": now + grace_secs * 1000,
                "digest": digest_of(text),
                "prefix": shown_of(text),
            }
            connection.execute(update(keys).where(keys.c.id == key_id).values(values))
            write_audit(connection, now, actor, "key.rotate", key_id, grace_secs=grace_secs)
        return attrs.evolve(key, prefix=shown_of(text)), text

    def patch_key(self, key_id: str, changes: dict[str, Any], *, actor: str) -> Key:
        """Change label, expiry, models or limits; it counts from the next admission on."""
        if unknown := changes.keys() - _PATCHABLE:
            raise BadRequest(f"`{min(unknown)}` of a key cannot be changed.", param=min(unknown))
        _check_limits(changes)
        now = self.clock()
        values = {**changes, "models": json.dumps(changes["models"])} if "models" in changes else changes
        with self._changing() as connection:
            _live_key(connection, key_id)
            if values:
                connection.execute(update(keys).where(keys.c.id == key_id).values(**values))
                write_audit(connection, now, actor, "key.patch", key_id, **changes)
            return _key(connection, key_id)

    def set_budget(self, user_id: str, budget: Budget, *, actor: str) -> None:
        """Set both budgets of a user; it counts from the next admission on."""
        self.patch_budget(user_id, attrs.asdict(budget), actor=actor)

    def patch_budget(self, user_id: str, changes: dict[str, int | None], *, actor: str) -> Budget:
        """Set `daily_nanos`, `monthly_nanos` or both; what is not named stays."""
        for name, nanos in changes.items():
            if nanos is not None and not 0 <= nanos < 2**62:
                raise BadRequest("A budget must not be negative, nor beyond all money.", param=name)
        now = self.clock()
        with self._changing() as connection:
            _user(connection, user_id)
            budget = attrs.evolve(_budget(connection, user_id), **changes)
            connection.execute(delete(budgets).where(budgets.c.user_id == user_id))
            connection.execute(insert(budgets).values(user_id=user_id, **attrs.asdict(budget)))
            write_audit(connection, now, actor, "budget.set", user_id, **attrs.asdict(budget))
        return budget

    def budget(self, user_id: str) -> Budget:
        """Give the budgets of a user."""
        with self.store.reading() as connection:
            _user(connection, user_id)
            return _budget(connection, user_id)

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        try:
            with self.store.writing() as connection:
                yield connection
        except Exception as error:
            if store_failed(error):
                raise BooksClosed("Gaud cannot write to its database at the moment.", retry_after=5) from None
            raise


def write_audit(
    connection: Connection, now: int, actor: str, action: str, target: str, **detail: Any
) -> None:
    """Note a change, within the transaction that makes it; `detail` must hold no secret."""
    values = {"actor": actor, "action": action, "target": target, "detail": json.dumps(detail)}
    connection.execute(insert(audit).values(id=new_id("audit", now), at=now, **values))


def key_of(row: Any) -> Key:
    """Make a key of the columns `KEY_COLUMNS`."""
    limits = KeyLimits(tuple(json.loads(row[8])), row[9], row[10], row[11])
    return Key(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], limits)


def _row(key: Key) -> dict[str, Any]:
    row = attrs.asdict(key, recurse=False) | attrs.asdict(key.limits)
    del row["limits"]
    return row | {"models": json.dumps(key.limits.models)}


def _user(connection: Connection, user_id: str) -> User:
    row = connection.execute(
        select(users).where(users.c.id == user_id, users.c.deleted_at.is_(None))
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such user.", code="user_not_found")
    return User(*row)


def _key(connection: Connection, key_id: str) -> Key:
    row = connection.execute(select(*KEY_COLUMNS).where(keys.c.id == key_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such key.", code="key_not_found")
    return key_of(row)


def _live_key(connection: Connection, key_id: str) -> Key:
    key = _key(connection, key_id)
    if key.revoked_at is not None:
        raise BadRequest("This key is revoked, which cannot be undone. Make a new one.", code="key_revoked")
    return key


def _budget(connection: Connection, user_id: str) -> Budget:
    query = select(budgets.c.daily_nanos, budgets.c.monthly_nanos).where(budgets.c.user_id == user_id)
    row = connection.execute(query).one_or_none()
    return Budget(*row) if row else Budget()


def _administrators(connection: Connection) -> int:
    query = select(func.count()).where(users.c.role == "admin", users.c.deleted_at.is_(None))
    return connection.execute(query).scalar_one()


def _same(name: str) -> str:
    """Give a name in the one spelling that is kept: é may come as one character or as two."""
    return unicodedata.normalize("NFC", name).strip()


def _readable(text: str) -> bool:
    return len(text) <= _LONGEST and text.isprintable()


def _taken(name: str) -> BadRequest:
    message = f"There is a user named {name} already. Take another name."
    return BadRequest(message, status=409, code="name_taken", param="name")


def _ambiguous(what: str, kind: str, ids: Sequence[str]) -> BadRequest:
    some = ", ".join(ids[:_LISTED]) + (", …" if len(ids) > _LISTED else "")
    return BadRequest(
        f"{len(ids)} {what}. Give the id of the one that is meant: {some}.", code=f"{kind}_ambiguous"
    )


def _check_limits(values: dict[str, Any]) -> None:
    for name in ("rpm", "tpm", "concurrency", "expires_at"):
        value = values.get(name)
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53
        ):
            raise BadRequest(f"`{name}` must be a whole number that is not negative, or null.", param=name)
    if (values.get("expires_at") or 0) > _LAST_MOMENT:
        raise BadRequest("`expires_at` must be before the year 10000.", param="expires_at")
    models = values.get("models", ())
    if not isinstance(models, list | tuple) or not all(_is_text(m) and m for m in models):
        raise BadRequest("`models` must be a list of names or globs.", param="models")
    if not _is_text(values.get("label", "")):
        raise BadRequest(
            f"`label` must be text that can be read, of at most {_LONGEST} characters.", param="label"
        )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and _readable(value)
