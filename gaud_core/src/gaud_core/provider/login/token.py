"""`Token`: what a login gives, what a call needs, and what lies in the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from gaud_core.settings import Mistake, Secret

__all__ = ["Token", "fields_of", "token_of"]

_END_OF_TIME = 1e15  # refuses infinity, NaN, and numbers that are too long for a float
_OWN = ("access_token", "refresh_token", "expires_at", "scope")


def _secret(text: str | Secret) -> Secret:
    return text if isinstance(text, Secret) else Secret(text)


def _maybe_secret(text: str | Secret | None) -> Secret | None:
    return _secret(text) if text else None


@attrs.frozen
class Token:
    """An access token and what belongs to it; its texts never show in a repr.

    `expires_at` is in seconds since 1970, None if it is not known to end. `extra` is kept beside it in the
    file, as JSON: an address that came with the token, an account's name. It does not show in a repr either.
    """

    access_token: Secret = attrs.field(converter=_secret)
    refresh_token: Secret | None = attrs.field(default=None, converter=_maybe_secret)
    expires_at: float | None = None
    scope: str = ""
    extra: Mapping[str, Any] = attrs.field(factory=dict, repr=False, hash=False)

    def good_for(self, seconds: float, now: float) -> bool:
        """Whether it is still good in so many seconds."""
        return self.expires_at is None or now + seconds < self.expires_at

    def renewed(self, new: Token) -> Token:
        """Give the new token with what it leaves out: the refresh token, the scope, members of `extra`."""
        return attrs.evolve(
            new,
            refresh_token=new.refresh_token or self.refresh_token,
            scope=new.scope or self.scope,
            extra={**self.extra, **new.extra},
        )

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any], now: float) -> Token:
        """Read a token endpoint's answer (RFC 6749 section 5.1), also in camelCase; Mistake if it is none.

        `expires_in` counts from `now`. All that is no standard member goes to `extra`.
        """
        members = {_SNAKE.get(name, name): value for name, value in answer.items()}
        lifetime = members.pop("expires_in", None)
        seconds = _number(float(lifetime) if _is_digits(lifetime) else lifetime, "expires_in")
        token = token_of({**members, "expires_at": None if seconds is None else now + seconds})
        if not token.access_token:
            raise Mistake("`access_token` is empty")
        return token


_SNAKE = {
    "accessToken": "access_token",
    "refreshToken": "refresh_token",
    "expiresIn": "expires_in",
    "tokenType": "token_type",
}


def fields_of(token: Token) -> dict[str, Any]:
    """Give the token as a JSON object in clear text, for its file alone."""
    refresh = token.refresh_token.reveal() if token.refresh_token else None
    own = (token.access_token.reveal(), refresh, token.expires_at, token.scope)
    return {**token.extra, **dict(zip(_OWN, own, strict=True))}


def token_of(fields: Mapping[str, Any]) -> Token:
    """Read what `fields_of` wrote; Mistake names the member that is wrong, never its value."""
    return Token(
        access_token=_text(fields.get("access_token"), "access_token"),
        refresh_token=_text(fields.get("refresh_token") or "", "refresh_token"),
        expires_at=_number(fields.get("expires_at"), "expires_at"),
        scope=_text(fields.get("scope") or "", "scope"),
        extra={name: value for name, value in fields.items() if name not in _OWN},
    )


def _text(value: Any, name: str) -> str:
    if value is None:
        raise Mistake(f"`{name}` is missing")
    if not isinstance(value, str):
        raise Mistake(f"`{name}` is no text")
    if not value.isprintable():  # it becomes a header
        raise Mistake(f"`{name}` holds a character that no token has")
    return value


def _number(value: Any, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _END_OF_TIME:
        raise Mistake(f"`{name}` is no number of seconds")
    return value


def _is_digits(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12
