"""The login of kiro-cli, or of its predecessor q, in their SQLite database.

Table `auth_kv(key, value)` with JSON in snake_case, and `state(key, value)` with the profile (the source of
amazon-q-developer-cli). The keys spell `odic`, not `oidc`.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from gaud_core import Mistake, Secret, Token, TokenFileError
from gaud_provider_kiro.logins.files import region_in
from gaud_provider_kiro.logins.login import Login, fingerprint, moment, spelled
from gaud_provider_kiro.logins.source import Source, plain, refresh_token_in
from gaud_provider_kiro.settings import BUILDER_ID

if TYPE_CHECKING:
    import sqlite3

__all__ = ["DatabaseSource", "usual_databases"]

_SOCIAL = "kirocli:social:token"
_TOKENS = (_SOCIAL, "kirocli:odic:token", "codewhisperer:odic:token")
_PROFILE = "api.codewhisperer.profile"
_BUSY_SECS = 5.0


def usual_databases(home: Path) -> tuple[Path, ...]:
    """Where kiro-cli and q keep their database, on Linux and on a Mac."""
    folders = (home / ".local" / "share", home / "Library" / "Application Support")
    return tuple(folder / name / "data.sqlite3" for name in ("kiro-cli", "amazon-q") for folder in folders)


@attrs.frozen
class DatabaseSource(Source):
    """The first of some databases that is there; read only, unless `writes`."""

    paths: tuple[Path, ...]
    writes: bool
    cure: str

    def state(self) -> object:
        """Give what changes with the database; a change is in its log first."""
        return tuple(_signature(Path(f"{path}{end}")) for path in self.paths for end in ("", "-wal"))

    def read(self) -> Token | None:
        """Give the login in it; another process may hold it for 5 s."""
        path = next((path for path in self.paths if path.exists()), None)
        if path is None:
            return None
        with _opened(path, "ro") as database:
            for key in _TOKENS:
                if (fields := _value(database, "auth_kv", key)) is not None:
                    return self._token(path, key, fields, database)
        return None

    async def write(self, token: Token) -> bool:
        """Put the new tokens in the place of the old ones, under the key that they were read from."""
        if not self.writes:
            return False
        import asyncio

        await asyncio.to_thread(self._write, token)
        return True

    def _write(self, token: Token) -> None:
        path = next(path for path in self.paths if path.exists())
        with _opened(path, "rw") as database:
            database.execute("BEGIN IMMEDIATE")
            for key in _TOKENS:
                if (fields := _value(database, "auth_kv", key)) is None:
                    continue
                text = json.dumps({**fields, **_as_value(token, fields)})
                database.execute("UPDATE auth_kv SET value = ? WHERE key = ?", (text, key))
                break
            database.execute("COMMIT")

    def _token(self, path: Path, key: str, fields: Mapping[str, Any], database: sqlite3.Connection) -> Token:
        try:
            refresh = refresh_token_in(fields, "refresh_token")
            login = Login(sso_region=region_in(fields), seed=fingerprint(refresh))
            if key == _SOCIAL:
                login = attrs.evolve(login, profile_arn=plain(fields, "profile_arn"))
            else:
                login = _with_client(login, key, fields, database)
            return login.token(plain(fields, "access_token"), refresh, moment(fields.get("expires_at")))
        except Mistake as wrong:
            raise TokenFileError(path, f"`{key}` is no login of Kiro's: {wrong}.", self.cure) from None


def _with_client(login: Login, key: str, fields: Mapping[str, Any], database: sqlite3.Connection) -> Login:
    """Add the client of AWS's sign-in, which is good only for the region and the flow of the token."""
    client = _value(database, "auth_kv", key.replace(":token", ":device-registration")) or {}
    same = all(_same(client.get(name), fields.get(name)) for name in ("region", "oauth_flow"))
    secret = plain(client, "client_secret")
    if not secret or not same:
        raise Mistake("the client that it was made for is missing, or is of another region")
    profile = _value(database, "state", _PROFILE) or {}
    is_builder_id = plain(fields, "start_url") in ("", BUILDER_ID)
    return attrs.evolve(
        login,
        client_id=plain(client, "client_id"),
        client_secret=Secret(secret),
        profile_arn="" if is_builder_id else plain(profile, "arn"),
    )


def _same(one: Any, other: Any) -> bool:
    return str(one or "").casefold() == str(other or "").casefold()


def _as_value(token: Token, fields: Mapping[str, Any]) -> dict[str, Any]:
    refresh = token.refresh_token.reveal() if token.refresh_token else ""
    new = {"access_token": token.access_token.reveal(), "refresh_token": refresh}
    profile = Login.of(token).profile_arn
    more = {"profile_arn": profile} if profile and "profile_arn" in fields else {}
    return {**new, "expires_at": spelled(token.expires_at), **more}


@contextlib.contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    import sqlite3  # here, because hardly anybody needs it

    try:
        uri = f"{path.resolve().as_uri()}?mode={mode}"
        database = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECS, isolation_level=None)
        with contextlib.closing(database):
            yield database
    except sqlite3.Error as error:
        reason = f"the database cannot be used: {error}."
        raise TokenFileError(path, reason, "Look whether kiro-cli itself works, and log in there.") from None


def _value(database: sqlite3.Connection, table: str, key: str) -> dict[str, Any] | None:
    """Read one value; None if it is not there, or no JSON object."""
    there = database.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,))
    if there.fetchone() is None:
        return None
    queries = {
        "auth_kv": "SELECT value FROM auth_kv WHERE key = ?",
        "state": "SELECT value FROM state WHERE key = ?",
    }
    row = database.execute(queries[table], (key,)).fetchone()
    try:
        told = json.loads(row[0]) if row else None
    except (TypeError, ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
