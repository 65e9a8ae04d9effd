"""What a login is besides its tokens: kept in the `extra` of a `Token`."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any, Final

import attrs

from gaud_core import Secret, Token

__all__ = ["ENDED", "Login", "fingerprint", "moment", "spelled"]

ENDED: Final = 1.0
"""The end of a token that must be renewed before it can be used."""

_CLIENT_ID, _CLIENT_SECRET = "client_id", "client_secret"
_SSO_REGION, _PROFILE, _SEED = "sso_region", "profile_arn", "seed"


@attrs.frozen
class Login:
    """Who the client is, and where it signs in.

    With a client's id and secret AWS's sign-in renews the token, without them Kiro's own. `seed` tells which
    login of another program this comes from; it is empty for one that was made here.
    """

    client_id: str = ""
    client_secret: Secret | None = None
    sso_region: str = "us-east-1"
    profile_arn: str = ""
    seed: str = ""

    @property
    def is_sso(self) -> bool:
        """Whether AWS's sign-in renews the token."""
        return bool(self.client_id and self.client_secret)

    @classmethod
    def of(cls, token: Token) -> Login:
        """Read what was kept."""
        kept = token.extra
        secret = _text(kept, _CLIENT_SECRET)
        return cls(
            _text(kept, _CLIENT_ID),
            Secret(secret) if secret else None,
            _text(kept, _SSO_REGION) or "us-east-1",
            _text(kept, _PROFILE),
            _text(kept, _SEED),
        )

    def token(self, access: str, refresh: str, expires_at: float | None) -> Token:
        """Make the token of this login."""
        return Token(access, refresh, expires_at if access else ENDED, extra=self.extra())

    def extra(self) -> dict[str, Any]:
        """What is kept beside the tokens."""
        secret = self.client_secret.reveal() if self.client_secret else ""
        kept = {_CLIENT_ID: self.client_id, _CLIENT_SECRET: secret, _SSO_REGION: self.sso_region}
        return {**kept, _PROFILE: self.profile_arn, _SEED: self.seed}


def fingerprint(refresh_token: str) -> str:
    """Tell one refresh token from another without keeping it."""
    return hashlib.sha256(refresh_token.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def moment(text: Any) -> float:
    """Read a time as ISO 8601 has it; what is none has ended."""
    if not isinstance(text, str):
        return ENDED
    try:
        read = dt.datetime.fromisoformat(text.strip())
        return (read if read.tzinfo else read.replace(tzinfo=dt.UTC)).timestamp()
    except (ValueError, OverflowError):
        return ENDED


def spelled(seconds: float | None) -> str:
    """Write a time as the programs do that share the login."""
    at = dt.datetime.fromtimestamp(seconds or ENDED, dt.UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def _text(kept: Mapping[str, Any], name: str) -> str:
    value = kept.get(name)
    return value if isinstance(value, str) else ""
