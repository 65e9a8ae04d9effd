"""Users and keys as people see them; no secret is among these values."""

from __future__ import annotations

import hashlib
import secrets

import attrs

__all__ = ["KEY_PREFIX", "Budget", "Key", "KeyLimits", "User", "digest_of", "new_key"]

KEY_PREFIX = "sk-prx-"
_SHOWN = 11


@attrs.frozen
class User:
    """A person or a program; `role` is admin or member. Times are UTC milliseconds."""

    id: str
    name: str
    role: str
    created_at: int
    deleted_at: int | None = None


@attrs.frozen
class KeyLimits:
    """What a key may do; None is without limit, and no globs are every model."""

    models: tuple[str, ...] = ()
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None


@attrs.frozen
class Key:
    """A key without its secret; `prefix` is what people recognise it by."""

    id: str
    user_id: str
    prefix: str
    label: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None
    limits: KeyLimits


@attrs.frozen
class Budget:
    """The most that a user may spend, in nano-dollars; None is without limit."""

    daily_nanos: int | None = None
    monthly_nanos: int | None = None


def new_key() -> str:
    """Make a key: 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def digest_of(key: str | bytes) -> bytes:
    """Give what is kept of a key; it is random, so a slow hash would only cost 50 ms a call."""
    return hashlib.sha256(key.encode() if isinstance(key, str) else key).digest()


def shown_of(key: str) -> str:
    """Give the beginning of a key, which says nothing about its other 232 bits."""
    return key[:_SHOWN] if key.startswith(KEY_PREFIX) else ""
