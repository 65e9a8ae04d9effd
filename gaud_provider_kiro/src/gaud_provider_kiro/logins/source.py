"""A login of another program, or of the settings: read when it has changed, written back if wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import attrs

from gaud_core import Mistake, Secret, Token
from gaud_provider_kiro.logins.login import Login, fingerprint
from gaud_provider_kiro.settings import is_shortened

__all__ = ["GivenSource", "Source", "plain", "refresh_token_in"]


class Source(Protocol):
    """Where a login comes from; who implements it inherits."""

    cure: str
    """What a person does when the login has ended."""

    def state(self) -> object:
        """Tell one state from another, without reading it; it takes microseconds."""
        return None

    def read(self) -> Token | None:
        """Give the login; None if there is none, TokenFileError if it cannot be used. It blocks."""
        ...

    async def write(self, token: Token) -> bool:
        """Write a renewed token back, if that is wanted; tell whether it was done."""
        return False


@attrs.frozen
class GivenSource(Source):
    """The refresh token of the settings."""

    refresh_token: Secret
    login: Login
    cure: str

    def read(self) -> Token | None:
        """Give it; it must be renewed before it can be used."""
        text = self.refresh_token.reveal()
        return attrs.evolve(self.login, seed=fingerprint(text)).token("", text, None)


def refresh_token_in(fields: Mapping[str, Any], name: str) -> str:
    """Read a refresh token; Mistake says why it is of no use."""
    token = plain(fields, name)
    if not token:
        raise Mistake(f"`{name}` is missing")
    if is_shortened(token):
        raise Mistake(f"`{name}` is a shortened copy, such as programs show")
    return token


def plain(fields: Mapping[str, Any], name: str) -> str:
    """Read a text that may become part of a header or an address; empty if it is not there."""
    value = fields.get(name)
    if value in (None, ""):
        return ""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise Mistake(f"`{name}` is not what it should be")
    return value
