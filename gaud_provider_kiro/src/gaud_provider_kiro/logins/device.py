"""A login by a code on the screen, at AWS Builder ID or a company's sign-in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gaud_core import DeviceFlow, LoginFailed, Secret
from gaud_provider_kiro.logins.login import Login
from gaud_provider_kiro.words import sentence

if TYPE_CHECKING:
    import httpx

__all__ = ["flow_for", "registered"]

_SCOPES = ("codewhisperer:completions", "codewhisperer:analysis", "codewhisperer:conversations")
_LONGEST = 1 << 18


async def registered(http: httpx.AsyncClient, sso_url: str, region: str) -> Login:
    """Make Gaud known as a client; LoginFailed says why it is none."""
    import httpx  # here, because importing a provider must stay cheap

    asked = {"clientName": "gaud", "clientType": "public", "scopes": list(_SCOPES)}
    try:
        answer = await http.post(f"{sso_url}/client/register", json=asked)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise LoginFailed(f"AWS's sign-in cannot be asked ({type(error).__name__}).") from None
    members = _members(answer.content[:_LONGEST])
    client, secret = members.get("clientId"), members.get("clientSecret")
    if answer.status_code != 200 or not _is_text(client) or not _is_text(secret):
        told = sentence(members.get("error_description") or members.get("message") or members.get("error"))
        raise LoginFailed(
            f"AWS's sign-in does not register Gaud ({told or f'it answers {answer.status_code}'})."
        )
    return Login(str(client), Secret(str(secret)), region)


def flow_for(login: Login, sso_url: str, start_url: str) -> DeviceFlow:
    """What the login of a registered client needs to know."""
    secret = {"clientSecret": login.client_secret.reveal() if login.client_secret else ""}
    return DeviceFlow(
        device_url=f"{sso_url}/device_authorization",
        token_url=f"{sso_url}/token",
        client_id=login.client_id,
        extra={**secret, "startUrl": start_url},
        token_extra=secret,
        as_json=True,
        camel_case=True,
    )


def _members(content: bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable()
