"""Keys: 256 random bits, kept as SHA-256, compared in constant time.

A slow hash protects weak passwords; a random key needs none, and it would cost 50 ms a call.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

import attrs

from gaud_core.config import Config
from gaud_core.errors import ConfigError, InvalidKey, Problem

__all__ = ["Caller", "Keys", "open_keys"]

PREFIX = "sk-prx-"
_FILE = "bootstrap-key.sha256"
_KEY_HEADERS = (b"x-api-key", b"x-goog-api-key")


@attrs.frozen
class Caller:
    """Who a request comes from; `user` is None as long as nobody is told apart."""

    user: str | None
    is_admin: bool


_ADMIN = Caller(None, is_admin=True)


@attrs.frozen
class Keys:
    """The keys that open the gateway; without a digest it is open to all."""

    digest: bytes | None = attrs.field(default=None, repr=False)

    def check(self, headers: Iterable[tuple[bytes, bytes]]) -> Caller:
        """Say who calls, or raise InvalidKey; the same words for a wrong key and for an unknown one."""
        if self.digest is None:
            return _ADMIN
        key = _presented(headers)
        if key is None:
            raise InvalidKey(
                "No key was sent. Send your Gaud key as `Authorization: Bearer sk-prx-...`.",
                code="missing_api_key",
            )
        if not hmac.compare_digest(hashlib.sha256(key).digest(), self.digest):
            raise InvalidKey("This key is not valid.")
        return _ADMIN


def open_keys(config: Config) -> tuple[Keys, str | None]:
    """Give the keys, and the administrator's key in clear when it was made just now."""
    if not config.auth.enabled:
        return Keys(), None
    if config.auth.bootstrap_key is not None:
        return Keys(_digest(config.auth.bootstrap_key.reveal())), None
    path = config.data.folder / _FILE
    try:
        return _read_or_make(path)
    except (OSError, ValueError) as error:
        raise ConfigError([_cannot_keep(path, error)]) from None


def _cannot_keep(path: Path, error: OSError | ValueError) -> Problem:
    preset = "or preset GAUD_AUTH_BOOTSTRAP_KEY."
    if isinstance(error, OSError):
        told = f"the key's digest cannot be kept in {path}: {error.strerror}."
        return Problem("data.dir", told, f"Set it to a folder that Gaud may write to, {preset}")
    told = f"the file {path} should hold the key's digest, but it holds no digest."
    return Problem("data.dir", told, f"Delete it, so that the next start makes a new key, {preset}")


def _read_or_make(path: Path) -> tuple[Keys, str | None]:
    if path.exists():
        return Keys(_stored(path)), None
    key = PREFIX + secrets.token_urlsafe(32)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another process was faster: its key is the one
        return Keys(_stored(path)), None
    with os.fdopen(descriptor, "w") as file:
        file.write(_digest(key).hex() + "\n")
    return Keys(_digest(key)), key


def _stored(path: Path) -> bytes:
    digest = bytes.fromhex(path.read_text().strip())
    if len(digest) != hashlib.sha256().digest_size:
        raise ValueError("not a SHA-256 digest")
    return digest


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _presented(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    other = None
    for name, value in headers:
        if name == b"authorization":
            scheme, _, key = value.partition(b" ")
            if scheme.lower() == b"bearer" and key.strip():
                return key.strip()
        elif name in _KEY_HEADERS:
            other = other or value.strip()
    return other or None
