"""Who is signed in: a signed cookie that is bound to the text of a key.

Nothing is kept on the server, so every worker knows every session. The cookie holds no key and no digest,
only the key's id and a seal of its digest; the key's row is read at each request, so a key that is revoked,
rotated or expired ends its sessions at once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

import attrs
import msgspec

from gaud_core.access import Identity
from gaud_core.store import Clock, utc_millis

__all__ = ["COOKIE", "Session", "Sessions"]

COOKIE: Final = "gaud_session"

IDLE_MS: Final = 60 * 60 * 1000
LONGEST_MS: Final = 12 * 60 * 60 * 1000
_RENEW_MS: Final = 5 * 60 * 1000
_LONGEST_COOKIE = 1024


@attrs.frozen(kw_only=True)
class Session:
    """One sign-in; without a key it is that of somebody who has not signed in. Times are UTC milliseconds."""

    id: str
    since: int
    until: int
    key_id: str = ""
    seal: str = ""

    @property
    def is_signed_in(self) -> bool:
        """Whether a key was shown."""
        return bool(self.key_id)


@attrs.frozen(eq=False)
class Sessions:
    """Makes sessions and knows them again; `secret` signs them and is the same in all workers."""

    secret: bytes = attrs.field(repr=False)
    clock: Clock = utc_millis

    def anonymous(self) -> Session:
        """Begin the session of somebody who has shown no key: forms are protected before the sign-in too."""
        now = self.clock()
        return Session(id=secrets.token_urlsafe(16), since=now, until=now + IDLE_MS)

    def signed_in(self, identity: Identity) -> Session:
        """Begin the session of a key, with an id that nobody has had before."""
        if identity.key is None or identity.digest is None:
            raise ValueError("only a key that was shown can be signed in with")
        fresh = self.anonymous()
        return attrs.evolve(fresh, key_id=identity.key.id, seal=self._seal(identity.digest))

    def is_of(self, session: Session, digest: bytes) -> bool:
        """Whether a session was begun with the key of this digest."""
        return hmac.compare_digest(session.seal, self._seal(digest))

    def renewed(self, session: Session) -> Session | None:
        """Give a session that ends later, once a few minutes are used up of one that may last longer."""
        until = min(self.clock() + IDLE_MS, session.since + LONGEST_MS)
        return attrs.evolve(session, until=until) if until - session.until > _RENEW_MS else None

    def written(self, session: Session) -> str:
        """Give the cookie's value."""
        payload = _to_text(msgspec.json.encode(attrs.asdict(session)))
        return f"{payload}.{self._sign('session', payload)}"

    def read(self, cookie: str | None) -> Session | None:
        """Read a cookie; None for one that is not ours, was changed, or has ended."""
        if cookie is None or len(cookie) > _LONGEST_COOKIE or not cookie.isascii():
            return None
        payload, _, signature = cookie.partition(".")
        if not hmac.compare_digest(signature, self._sign("session", payload)):
            return None
        session = msgspec.json.decode(_to_bytes(payload), type=Session)
        return session if session.since <= self.clock() < session.until else None

    def csrf(self, session: Session) -> str:
        """Give what each form of a session carries along; no other site can read or guess it."""
        return self._sign("csrf", session.id)

    def is_csrf(self, session: Session, token: str) -> bool:
        """Whether a form comes from this session's own page."""
        return token.isascii() and hmac.compare_digest(token, self.csrf(session))

    def _seal(self, digest: bytes) -> str:
        return self._sign("key", digest.hex())

    def _sign(self, purpose: str, text: str) -> str:
        return _to_text(hmac.digest(self.secret, f"{purpose}:{text}".encode(), hashlib.sha256))


def _to_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _to_bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
