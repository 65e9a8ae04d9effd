"""From GitHub's token, which a login gives, to Copilot's, which a call carries.

Kept together as one `Token`: Copilot's in `access_token`, GitHub's, which renews it, in `refresh_token`, and
beside them the address of the API and the domain that both are for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gaud_core import ProviderError, Secret, Token, UpstreamFailed, UpstreamRefused
from gaud_provider_copilot.asking import Answer, get
from gaud_provider_copilot.hosts import Hosts
from gaud_provider_copilot.words import retry_seconds, sentence

if TYPE_CHECKING:
    import httpx

__all__ = ["API", "DOMAIN", "OTHER_APP", "exchange"]

API, DOMAIN = "api", "domain"
"""Members of a token's `extra`: the address of the API, and whose login it is."""

OTHER_APP = "login_of_another_app"

_EARLY_SECS = 300.0  # so long before `expires_at` the store renews a token
_USUAL_REFRESH_SECS, _SHORTEST_REFRESH_SECS, _LONGEST_REFRESH_SECS = 1500.0, 60.0, 24 * 3600.0
_KEPT = ("sku", "limited_user_quotas", "limited_user_reset_date")


async def exchange(
    http: httpx.AsyncClient, hosts: Hosts, login: Secret, headers: Mapping[str, str], now: float
) -> Token:
    """Ask GitHub for a token of Copilot; `now` is in seconds since 1970.

    UpstreamRefused says why there is none: 401 for a login that has ended, 403 for an account that may not
    use Copilot or a login by an app that may not, 429 for too many questions.
    """
    answer = await get(http, f"{hosts.api}/copilot_internal/v2/token", headers)
    if answer.status != 200:
        raise _refusal(answer, now)
    text = answer.members.get("token")
    if not isinstance(text, str) or not text or not text.isprintable():
        raise UpstreamRefused("GitHub gives this account no token for Copilot.", status=403)
    kept = {name: answer.members.get(name) for name in _KEPT}
    return Token(
        access_token=text,
        refresh_token=login,
        expires_at=_expiry(answer.members, now),
        extra={**kept, API: hosts.checked(_endpoint(answer.members)), DOMAIN: hosts.domain},
    )


def _expiry(members: Mapping[str, Any], now: float) -> float:
    """Give the time at which the store is to see the end, so that it renews when GitHub wants it to.

    That is when `refresh_in` is over, at the latest 5 minutes before the end, or at half of a short life. An
    end that is over already shows that the clock of this machine is wrong, and not that the token is.
    """
    left = _seconds(members.get("expires_at"), math.inf) - now
    latest = left - _EARLY_SECS if left > 2 * _EARLY_SECS else left / 2
    wanted = _seconds(members.get("refresh_in"), _USUAL_REFRESH_SECS)
    refresh = min(wanted, latest) if left > 0 else wanted
    return now + min(max(refresh, _SHORTEST_REFRESH_SECS), _LONGEST_REFRESH_SECS) + _EARLY_SECS


def _seconds(value: Any, default: float) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e12
    return float(value) if good else default


def _endpoint(members: Mapping[str, Any]) -> Any:
    endpoints = members.get("endpoints")
    return endpoints.get("api") if isinstance(endpoints, dict) else None


def _refusal(answer: Answer, now: float) -> ProviderError:
    details = answer.members.get("error_details")
    details = details if isinstance(details, dict) else {}
    told = sentence(details.get("message") or answer.members.get("message") or answer.text)
    if answer.status == 401:
        return UpstreamRefused(f"GitHub does not take the login any more: {told}", status=401)
    if answer.status == 429 or (answer.status == 403 and "rate limit" in told.lower()):
        seconds = retry_seconds(answer.retry_after, now)
        return UpstreamRefused(f"GitHub limits logins: {told}", status=429, retry_after=seconds)
    if answer.status == 403:
        code = sentence(details.get("notification_id")) or None
        link = sentence(details.get("url"))
        more = f" See {link}" if link.startswith("https://") else ""
        return UpstreamRefused(f"GitHub refuses Copilot to this account: {told}{more}", status=403, code=code)
    if answer.status == 404:
        return UpstreamRefused(
            "GitHub does not exchange this login for a token of Copilot: it was made for another app.",
            status=403,
            code=OTHER_APP,
        )
    return UpstreamFailed(f"GitHub answers {answer.status} when asked for a token of Copilot: {told}")
