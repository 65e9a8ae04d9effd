"""From GitHub's token, which a login gives, to Copilot's, which a call carries.

Kept together as one `Token`: Copilot's in `access_token`, GitHub's, which renews it, in `refresh_token`, and
the address of the API beside them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gaud_core import ProviderError, Secret, Token, UpstreamFailed, UpstreamRefused
from gaud_provider_copilot.asking import Answer, get
from gaud_provider_copilot.hosts import Hosts
from gaud_provider_copilot.words import sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

__all__ = ["API", "exchange", "github_headers"]

API = "api"
"""The member of a token's `extra` that holds the address of the API."""

_EARLY_SECS = 300.0  # how long before `expires_at` Gaud renews a token
_LONGEST_SECS = 24 * 3600.0


def github_headers(github_token: Secret, editor: Mapping[str, str]) -> dict[str, str]:
    """Give the headers of a question to GitHub."""
    return {"authorization": f"token {github_token.reveal()}", "accept": "application/json", **editor}


async def exchange(
    http: httpx.AsyncClient, hosts: Hosts, github_token: Secret, editor: Mapping[str, str], now: float
) -> Token:
    """Ask GitHub for a token of Copilot; `now` is in seconds since 1970.

    UpstreamRefused says why there is none: 401 for a login that has ended, 403 for an account that may not
    use Copilot, 404 for a login by an app that may not.
    """
    answer = await get(http, f"{hosts.api}/copilot_internal/v2/token", github_headers(github_token, editor))
    if answer.status != 200:
        raise _refusal(answer)
    text = answer.members.get("token")
    if not isinstance(text, str) or not text:
        raise UpstreamRefused("GitHub gives this account no token for Copilot.", status=403)
    return Token(
        access_token=text,
        refresh_token=github_token,
        expires_at=_expiry(answer.members, now),
        extra={API: hosts.checked(_endpoint(answer.members)), "sku": str(answer.members.get("sku") or "")},
    )


def _expiry(members: Mapping[str, Any], now: float) -> float:
    """Give the end of the token, so early that it is renewed when GitHub wants it to be."""
    ends = _seconds(members.get("expires_at"), now + 1500)
    wanted = now + _seconds(members.get("refresh_in"), _LONGEST_SECS) + _EARLY_SECS
    return min(ends, wanted, now + _LONGEST_SECS)


def _seconds(value: Any, default: float) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e12
    return float(value) if good else default


def _endpoint(members: Mapping[str, Any]) -> Any:
    endpoints = members.get("endpoints")
    return endpoints.get("api") if isinstance(endpoints, dict) else None


def _refusal(answer: Answer) -> ProviderError:
    details = answer.members.get("error_details")
    details = details if isinstance(details, dict) else {}
    told = sentence(details.get("message") or answer.members.get("message") or answer.text)
    if answer.status == 401:
        return UpstreamRefused(f"GitHub does not take the login any more: {told}", status=401)
    if answer.status == 403 and details:
        code = str(details.get("notification_id") or "") or None
        link = sentence(details.get("url"))
        more = f" See {link}" if link.startswith("https://") else ""
        return UpstreamRefused(f"GitHub refuses Copilot to this account: {told}{more}", status=403, code=code)
    if answer.status == 404:
        return UpstreamRefused(
            "GitHub does not exchange this login for a token of Copilot: it was made for another app.",
            status=404,
        )
    if answer.status in {403, 429}:
        return UpstreamRefused(f"GitHub limits the exchange of tokens: {told}", status=429)
    return UpstreamFailed(f"GitHub answered {answer.status} when asked for a token of Copilot: {told}")
