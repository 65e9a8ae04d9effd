"""What a gateway that runs at the configured address says of its providers."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any

from gaud_core.errors import one_line

__all__ = ["ask_health", "quotas_of", "troubles_of"]

_WAIT_SECS = 1.0
_LONGEST = 4 * 1024 * 1024
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  listening everywhere is being here as well


def ask_health(host: str, port: int) -> tuple[str, Mapping[str, Any] | None]:
    """Give the address that was asked, and its `/health`; None when no gateway answers there."""
    host = _HERE.get(host, host)
    connection = http.client.HTTPConnection(host, port, timeout=_WAIT_SECS)
    try:
        connection.request("GET", "/health")
        found = json.loads(connection.getresponse().read(_LONGEST))
    except (OSError, ValueError, RecursionError, http.client.HTTPException):
        found = None  # nobody, somebody else, or too slow: the list is complete without
    finally:
        connection.close()
    is_gaud = isinstance(found, dict) and isinstance(found.get("providers"), list)
    return f"{f'[{host}]' if ':' in host else host}:{port}", found if is_gaud else None


def troubles_of(health: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Give what is wrong with each provider that runs, as `/health` has it."""
    for provider in (health or {}).get("providers", ()):
        if isinstance(provider, dict):
            for trouble in _troubles(provider):
                yield one_line(str(provider.get("name"))), one_line(trouble)


def quotas_of(health: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Give what is left of each provider's allowances, as `/health` has it."""
    for provider in (health or {}).get("providers", ()):
        quotas = provider.get("quotas") if isinstance(provider, dict) else None
        for quota in quotas if isinstance(quotas, list) else ():
            if isinstance(quota, dict):
                yield one_line(str(provider.get("name"))), one_line(_quota(quota))


def _quota(quota: Mapping[str, Any]) -> str:
    until = f", whole again on {quota['resets_at']}" if quota.get("resets_at") else ""
    left, limit = quota.get("left"), quota.get("limit")
    if quota.get("unlimited"):
        return f"{quota.get('name')}: no limit"
    of = f" of {limit:,g}" if isinstance(limit, int | float) else ""
    amount = f"{left:,g}{of} left" if isinstance(left, int | float) else "not known"
    return f"{quota.get('name')}: {amount}{until}"


def _troubles(provider: Mapping[str, Any]) -> Iterator[str]:
    detail = provider.get("detail")
    if provider.get("healthy") is False:
        yield f"{provider.get('stage')}, not healthy: {detail}"
    if provider.get("last_error") and provider["last_error"] != detail:
        yield f"last error: {provider['last_error']}"
    warnings = provider.get("warnings")
    for warning in warnings if isinstance(warnings, list) else ():
        if isinstance(warning, dict):
            yield f"{warning.get('message')} ({warning.get('count')} times, last at {warning.get('last_at')})"
