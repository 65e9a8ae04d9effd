"""Another token for an old one: at AWS's sign-in, or at Kiro's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from gaud_core import LoginNeeded, Token, token_request
from gaud_provider_kiro.hosts import Hosts
from gaud_provider_kiro.logins.login import Login

if TYPE_CHECKING:
    import httpx

__all__ = ["renewed"]

_USUAL_SECS = 3600.0


async def renewed(http: httpx.AsyncClient, hosts: Hosts, token: Token, clock: Callable[[], float]) -> Token:
    """Ask for a new token; UpstreamRefused says that there is none for this one."""
    login = Login.of(token)
    if token.refresh_token is None:
        raise LoginNeeded("The stored login has no refresh token.")
    refresh = token.refresh_token.reveal()
    if login.is_sso and login.client_secret is not None:
        url, headers = f"{hosts.sso(login.sso_region)}/token", {}
        fields = {"clientId": login.client_id, "clientSecret": login.client_secret.reveal()}
        fields |= {"grantType": "refresh_token", "refreshToken": refresh}
    else:
        url, headers = f"{hosts.desktop(login.sso_region)}/refreshToken", hosts.desktop_headers()
        fields = {"refreshToken": refresh}
    new = await token_request(http, url, fields, headers=headers, as_json=True, clock=clock)
    login = attrs.evolve(login, profile_arn=_profile(new.extra) or login.profile_arn)
    expires_at = new.expires_at if new.expires_at is not None else clock() + _USUAL_SECS
    return attrs.evolve(new, expires_at=expires_at, extra=login.extra())


def _profile(told: Any) -> str:
    arn = told.get("profileArn")
    return arn if isinstance(arn, str) and arn.isascii() and arn.isprintable() else ""
