"""The first administrator."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

from sqlalchemy import Connection, func, insert, or_, select, update

from gaud_core.access.people import write_audit
from gaud_core.access.values import digest_of, new_key, shown_of
from gaud_core.config import Config
from gaud_core.errors import ConfigError, Problem
from gaud_core.store import Clock, Store, usable, utc_millis
from gaud_core.store.schema import keys, users

__all__ = ["BOOTSTRAP_KEY", "BOOTSTRAP_USER", "bootstrap", "has_administrator"]

BOOTSTRAP_USER = "user_bootstrap"
BOOTSTRAP_KEY = "key_bootstrap"
_FILE = "bootstrap-key.sha256"  # where Gaud kept the one key before it had a store
_NAME = "Administrator"
_ACTOR = "bootstrap"
_DIGEST_BYTES = 32


def bootstrap(store: Store, config: Config, clock: Clock = utc_millis) -> str | None:
    """See that there is an administrator, and give his key in clear if it was made just now.

    `auth.bootstrap_key` always opens: it is the way back in for one who has lost every key. Processes that
    start at once make one key. ConfigError when the preset key is another one's, or when an older Gaud's file
    holds no digest.
    """
    preset = config.auth.bootstrap_key
    file = config.data.folder / _FILE
    with usable(config), store.writing() as connection:
        made = None
        if preset is not None:
            text = preset.reveal()
            _refuse_shared(connection, digest_of(text))
            _set(connection, digest_of(text), shown_of(text), clock())
        elif not _has_key(connection):
            digest = _stored(file)
            if digest is not None:
                _set(connection, digest, "", clock())
            elif not _has_admin(connection):
                made = new_key()
                _set(connection, digest_of(made), shown_of(made), clock())
    file.unlink(missing_ok=True)  # after the commit: until then it is the only copy
    return made


def has_administrator(store: Store) -> bool:
    """Whether anybody could use the admin API if keys were asked for."""
    with store.reading() as connection:
        return _has_admin(connection)


def _set(connection: Connection, digest: bytes, prefix: str, now: int) -> None:
    """Make the bootstrap key this one, and write nothing if it is already."""
    row = connection.execute(
        select(keys.c.digest, keys.c.revoked_at, users.c.deleted_at, users.c.role)
        .join(users, users.c.id == keys.c.user_id)
        .where(keys.c.id == BOOTSTRAP_KEY)
    ).one_or_none()
    if row is not None and tuple(row) == (digest, None, None, "admin"):
        return
    if row is None:
        connection.execute(
            insert(users).values(id=BOOTSTRAP_USER, name=_free_name(connection), role="admin", created_at=now)
        )
        values = {
            "user_id": BOOTSTRAP_USER,
            "label": "bootstrap",
            "created_at": now,
            "models": json.dumps([]),
        }
        connection.execute(insert(keys).values(id=BOOTSTRAP_KEY, digest=digest, prefix=prefix, **values))
    else:
        back = {"name": _free_name(connection), "deleted_at": None, "role": "admin"}
        connection.execute(update(users).where(users.c.id == BOOTSTRAP_USER).values(back))
        fresh = {"digest": digest, "prefix": prefix, "revoked_at": None, "expires_at": None}
        unrotated = {"previous_digest": None, "previous_until": None}
        connection.execute(update(keys).where(keys.c.id == BOOTSTRAP_KEY).values(**fresh, **unrotated))
    write_audit(connection, now, _ACTOR, "key.bootstrap", BOOTSTRAP_KEY)


def _free_name(connection: Connection) -> str:
    """Give the name that he is known by, with a number behind it if somebody else has it."""
    others = (users.c.id != BOOTSTRAP_USER, users.c.deleted_at.is_(None), users.c.name.startswith(_NAME))
    taken = set(connection.execute(select(users.c.name).where(*others)).scalars())
    names = (_NAME if number == 1 else f"{_NAME} {number}" for number in itertools.count(1))
    return next(name for name in names if name not in taken)


def _refuse_shared(connection: Connection, digest: bytes) -> None:
    """Refuse a text that is another key's now or was until its rotation: nobody could say whose it is."""
    is_it = or_(keys.c.digest == digest, keys.c.previous_digest == digest)
    other = connection.execute(select(keys.c.id).where(is_it, keys.c.id != BOOTSTRAP_KEY)).first()
    if other is not None:
        cure = "Preset a text of its own, or none at all."
        raise ConfigError([Problem("auth.bootstrap_key", f"is already the key {other.id}.", cure)])


def _has_key(connection: Connection) -> bool:
    """Whether there was a bootstrap key ever: one that was revoked must not come back from an old file."""
    return connection.execute(select(keys.c.id).where(keys.c.id == BOOTSTRAP_KEY)).first() is not None


def _has_admin(connection: Connection) -> bool:
    query = select(func.count()).where(users.c.role == "admin", users.c.deleted_at.is_(None))
    return connection.execute(query).scalar_one() > 0


def _stored(file: Path) -> bytes | None:
    try:
        digest = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        digest = b""
    if len(digest) != _DIGEST_BYTES:
        cure = "Delete it to have a new administrator's key made, or preset GAUD_AUTH_BOOTSTRAP_KEY."
        raise ConfigError([Problem("data.dir", f"{file} holds no digest of a key.", cure)])
    return digest
