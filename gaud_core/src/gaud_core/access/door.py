"""The door: from a request to who makes it, or the reason why nobody may come in."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import attrs

from gaud_core.access.certificates import key_of_certificate
from gaud_core.access.keyring import Identity, KeyRing, presented_key
from gaud_core.access.patience import Patience
from gaud_core.access.proxies import Proxies, header_values, name_in
from gaud_core.config import Config
from gaud_core.errors import InvalidKey, NotAllowed
from gaud_core.store import Clock, Store, utc_millis

__all__ = ["ANYBODY", "KNOWN", "Door"]

Scope = MutableMapping[str, Any]

ANYBODY = Identity(None, "admin", None)
"""Who calls when keys are switched off."""

KNOWN = "gaud.identity"
"""The member of an ASGI scope by which the dashboard says who makes a call; no request can bring it along."""

_NO_KEY = "No key was sent. Send your Gaud key as `Authorization: Bearer sk-prx-...`."
_NO_CERTIFICATE = "A client certificate is needed here: connect through the TLS proxy that checks it."
_NONE = (b"", b"(null)")  # the latter is what Apache writes where there is no certificate


@attrs.frozen(eq=False)
class Door:
    """Finds out who calls: by key, by the certificate that a trusted proxy has checked, or not at all."""

    store: Store
    config: Config
    clock: Clock = utc_millis
    patience: Patience = attrs.field(factory=Patience)
    ring: KeyRing = attrs.field(default=attrs.Factory(lambda self: KeyRing(self.store, self.clock), True))
    proxies: Proxies = attrs.field(
        default=attrs.Factory(lambda self: Proxies(self.config.server.trusted_proxies), True)
    )

    async def identify(self, scope: Scope, *, fresh: bool = False) -> Identity:
        """Say who calls, or raise InvalidKey in words that tell nothing of any key.

        `fresh` looks at the store and not at what is remembered for two seconds; ask so wherever no call is
        admitted, because `Ledger.admit` looks at the key itself.
        """
        known: Identity | None = scope.get(KNOWN)
        if known is not None:
            return known
        subject = self.certificate(scope)
        if not self.config.auth.enabled:
            return ANYBODY
        key = presented_key(scope["headers"])
        if key is not None:
            found = None if fresh else self.ring.recall(key)
            if found is None:
                found = await self.ring.find(key, fresh=fresh)
        elif subject is not None and self.config.tls_client_cert.enabled:
            found = await self._named(subject)
        else:
            raise InvalidKey(_NO_KEY, code="missing_api_key")
        if found is None:
            await self.patience.wrong_key(self.proxies.client(scope))
            raise InvalidKey("This key is not valid." if key else "This certificate names no user here.")
        return found

    async def administrator(self, scope: Scope) -> Identity:
        """Say which administrator calls; NotAllowed for a member."""
        found = await self.identify(scope, fresh=True)
        if not found.is_admin:
            raise NotAllowed("This needs an administrator's key.", code="admin_required")
        return found

    def certificate(self, scope: Scope) -> bytes | None:
        """The subject that a trusted proxy has put in the header; from anybody else it counts as absent.

        InvalidKey where nobody may come in without one.
        """
        subject = self._certificate(scope)
        if subject is None and self.config.tls_client_cert.require_cert:
            raise InvalidKey(_NO_CERTIFICATE, code="missing_certificate")
        return subject

    def _certificate(self, scope: Scope) -> bytes | None:
        certificates = self.config.tls_client_cert
        if not (certificates.enabled or certificates.require_cert) or not self.proxies.is_trusted(scope):
            return None
        values = header_values(scope, certificates.header_name.encode())
        return values[0] if len(values) == 1 and values[0].strip() not in _NONE else None

    async def _named(self, subject: bytes) -> Identity | None:
        name = name_in(subject)
        if name is None:
            return None
        return await asyncio.to_thread(key_of_certificate, self.store, self.clock, name)
