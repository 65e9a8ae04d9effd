"""What is left of a subscription: asked for now and then, and read from the answers of calls."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from gaud_core import Quota

__all__ = ["PREMIUM", "free_quotas", "quotas_from", "quotas_in_headers"]

PREMIUM = "premium_interactions"
_HEADER = "x-quota-snapshot-"
_MOST = 20


def quotas_from(members: Mapping[str, Any]) -> dict[str, Quota]:
    """Read the answer of `/copilot_internal/user`; what has another shape is left out."""
    resets_at = _text(members.get("quota_reset_date_utc")) or _text(members.get("quota_reset_date"))
    snapshots = members.get("quota_snapshots")
    if not isinstance(snapshots, dict):
        return {}
    found = {name: told for name, told in snapshots.items() if isinstance(told, dict) and _is_name(name)}
    return {name: _snapshot(name, told, resets_at) for name, told in list(found.items())[:_MOST]}


def quotas_in_headers(headers: Iterable[tuple[str, str]]) -> dict[str, Quota]:
    """Read the quotas that an answer tells."""
    told = [(name.removeprefix(_HEADER), text) for name, text in headers if name.startswith(_HEADER)]
    quotas = [_in_header(name, text) for name, text in told[:_MOST] if _is_name(name)]
    return {quota.name: quota for quota in quotas if quota is not None}


def free_quotas(members: Mapping[str, Any]) -> dict[str, Quota]:
    """Read what the exchange tells of the free plan, which has no premium requests."""
    left = members.get("limited_user_quotas")
    if not isinstance(left, dict):
        return {}
    seconds = _number(members.get("limited_user_reset_date"))
    resets_at = _date(seconds) if seconds is not None else ""
    amounts = {name: _number(value) for name, value in list(left.items())[:_MOST] if _is_name(name)}
    return {
        name: Quota(name, left=max(amount, 0.0), resets_at=resets_at)
        for name, amount in amounts.items()
        if amount is not None
    }


def _snapshot(name: str, told: Mapping[str, Any], resets_at: str) -> Quota:
    whole, exact = _number(told.get("entitlement")), _number(told.get("quota_remaining"))
    if told.get("unlimited") is True or (whole is not None and whole < 0):
        return Quota(name, unlimited=True)
    left = exact if exact is not None else _number(told.get("remaining"))
    return Quota(name, left, whole, resets_at=resets_at)


def _in_header(name: str, text: str) -> Quota | None:
    """Read a query string: `ent` is the whole, -1 without an end, and `rem` what is left in percent."""
    try:
        members = {key: values[0] for key, values in parse_qs(text, max_num_fields=_MOST).items()}
    except ValueError:
        return None
    whole, percent = _number(members.get("ent")), _number(members.get("rem"))
    if whole is None:
        return None
    if whole < 0:
        return Quota(name, unlimited=True)
    left = None if percent is None else whole * percent / 100
    return Quota(name, left, whole, resets_at=_text(members.get("rst")))


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and name.isascii() and name.isidentifier() and len(name) <= 40


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value[:30])
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -1e12 < value < 1e12 and math.isfinite(value) else None


def _date(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value.isprintable() and len(value) < 40 else ""
