"""A login in a JSON file, as the Kiro IDE keeps it: `~/.aws/sso/cache/kiro-auth-token.json`.

Its members are camelCase. The client of AWS's sign-in is in a second file, which `clientIdHash` names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from gaud_core import Mistake, Secret, Token, TokenFileError, TokenStore
from gaud_provider_kiro.logins.login import Login, fingerprint, moment, spelled
from gaud_provider_kiro.logins.source import Source, plain, refresh_token_in

__all__ = ["FileSource", "ide_file", "region_in"]

_HASH = re.compile(r"[0-9a-fA-F]{16,128}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]{2,12}){1,3}-\d")
_LONGEST = 1 << 20
_WHOLE = "file"


def ide_file(home: Path) -> Path:
    """Where the Kiro IDE keeps its login."""
    return home / ".aws" / "sso" / "cache" / "kiro-auth-token.json"


def region_in(fields: Mapping[str, Any], default: str = "us-east-1") -> str:
    """Read a region, which becomes part of a host's name."""
    region = plain(fields, "region")
    if region and not _REGION.fullmatch(region):
        raise Mistake("`region` is no AWS region")
    return region or default


@attrs.frozen
class FileSource(Source):
    """A file; `cache` is the folder of the second one, if it is not beside it."""

    path: Path
    cache: Path
    writes: bool
    cure: str

    def state(self) -> object:
        """Give what changes with the file."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def read(self) -> Token | None:
        """Give the login in it."""
        try:
            fields = _object_in(self.path)
        except FileNotFoundError:
            return None
        try:
            return self._token(fields)
        except Mistake as wrong:
            raise TokenFileError(self.path, f"this is no login of Kiro's: {wrong}.", self.cure) from None

    async def write(self, token: Token) -> bool:
        """Put the new tokens in the place of the old ones; all else in the file stays."""
        if not self.writes:
            return False
        whole = _object_in(self.path)
        store = TokenStore(self.path, write=_as_file)
        await store.save(attrs.evolve(token, extra={_WHOLE: whole, **token.extra}))
        return True

    def _token(self, fields: Mapping[str, Any]) -> Token:
        refresh = refresh_token_in(fields, "refreshToken")
        client = self._client(fields)
        is_builder_id = plain(fields, "provider").lower() == "builderid"
        login = Login(
            client_id=plain(client, "clientId"),
            client_secret=Secret(secret) if (secret := plain(client, "clientSecret")) else None,
            sso_region=region_in(fields),
            profile_arn="" if is_builder_id else plain(fields, "profileArn"),
            seed=fingerprint(refresh),
        )
        method = plain(fields, "authMethod").lower()
        if method in {"idc", "builder-id"} and not login.is_sso:
            raise Mistake(f"it is of the kind `{method}`, and the client's id and secret are missing")
        return login.token(plain(fields, "accessToken"), refresh, moment(fields.get("expiresAt")))

    def _client(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        name = plain(fields, "clientIdHash")
        if fields.get("clientSecret") or not name:
            return fields
        if not _HASH.fullmatch(name):  # it becomes the name of a file
            raise Mistake("`clientIdHash` is no hash")
        for folder in (self.path.parent, self.cache):
            try:
                return _object_in(folder / f"{name}.json")
            except FileNotFoundError:
                continue
        raise Mistake(f"the file {name}.json, which it names, is not there")


def _object_in(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            told = json.loads(file.read(_LONGEST))
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(path) from None
    except OSError as error:
        reason = f"the file cannot be read: {error.strerror or error}."
        raise TokenFileError(path, reason, "Make it readable for the user that runs Gaud.") from None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise TokenFileError(path, "this is no JSON object.", "Log in again in the program that wrote it.")
    return told


def _as_file(token: Token) -> Mapping[str, Any]:
    refresh = token.refresh_token.reveal() if token.refresh_token else ""
    new = {"accessToken": token.access_token.reveal(), "refreshToken": refresh}
    profile = Login.of(token).profile_arn
    more = {"profileArn": profile} if profile else {}
    return {**token.extra[_WHOLE], **new, "expiresAt": spelled(token.expires_at), **more}
