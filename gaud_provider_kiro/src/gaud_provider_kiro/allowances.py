"""What is left of a subscription: getUsageLimits as quotas."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from gaud_core import Quota

__all__ = ["Allowances", "allowances_from"]

_MOST = 20
_CREDITS = ("credit", "credits")


@attrs.frozen
class Allowances:
    """The account's quotas, and what the account is; `resets_at` in seconds since 1970, 0 if nobody says."""

    quotas: Sequence[Quota] = ()
    plan: str = ""
    resets_at: float = 0.0

    def after(self, credits: float) -> Allowances:
        """What is left when a call has taken credits, until the upstream is asked again."""
        if not credits:
            return self
        return attrs.evolve(self, quotas=[_after(quota, credits) for quota in self.quotas])

    @property
    def reset_day(self) -> str:
        """When the quota is whole again, in words; empty if nobody says."""
        return _day(self.resets_at)

    def wait_secs(self, now: float) -> int | None:
        """Seconds until the quota is whole again; None if nobody says."""
        return math.ceil(self.resets_at - now) if self.resets_at > now else None


def allowances_from(answer: Mapping[str, Any]) -> Allowances:
    """Read the answer; what has another shape is left out."""
    resets_at = _number(answer.get("nextDateReset")) or 0.0
    listed = answer.get("usageBreakdownList")
    single = answer.get("usageBreakdown")
    entries = listed if isinstance(listed, list) else [single]
    quotas = [
        quota for entry in entries[:_MOST] if isinstance(entry, dict) for quota in _quotas(entry, resets_at)
    ]
    plan = answer.get("subscriptionInfo")
    title = plan.get("subscriptionTitle") if isinstance(plan, dict) else ""
    return Allowances(quotas, title[:80] if isinstance(title, str) and title.isprintable() else "", resets_at)


def _quotas(entry: Mapping[str, Any], resets_at: float) -> list[Quota]:
    name = _name(entry)
    limit = _amount(entry, "usageLimit")
    if limit is None:
        return []
    end = _day(_number(entry.get("nextDateReset")) or resets_at)
    found = [Quota(name, _left(entry, limit), limit, resets_at=end)]
    trial = entry.get("freeTrialInfo")
    if isinstance(trial, dict) and trial.get("freeTrialStatus") == "ACTIVE":
        limit = _amount(trial, "usageLimit")
        if limit is not None:
            ends = _day(_number(trial.get("freeTrialExpiry")) or 0)
            found.append(Quota(f"{name} of the trial", _left(trial, limit), limit, resets_at=ends))
    return found


def _after(quota: Quota, credits: float) -> Quota:
    if quota.left is None or quota.name not in _CREDITS:
        return quota
    return attrs.evolve(quota, left=max(quota.left - credits, 0.0))


def _left(entry: Mapping[str, Any], limit: float) -> float | None:
    used = _amount(entry, "currentUsage")
    return None if used is None else max(limit - used, 0.0)


def _name(entry: Mapping[str, Any]) -> str:
    told = entry.get("displayNamePlural") or entry.get("displayName") or entry.get("resourceType")
    good = isinstance(told, str) and told.isprintable() and 0 < len(told) <= 40
    return str(told).lower() if good else "requests"


def _amount(entry: Mapping[str, Any], name: str) -> float | None:
    """Read an amount, the precise one if there is one."""
    precise = _number(entry.get(f"{name}WithPrecision"))
    return precise if precise is not None else _number(entry.get(name))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e13:
        return None
    return float(value)


def _day(seconds: float) -> str:
    if not seconds:
        return ""
    return dt.datetime.fromtimestamp(min(seconds, 4e9), dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
