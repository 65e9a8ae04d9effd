"""What is left of a subscription: asked for now and then, and read from the answers of calls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import attrs

__all__ = ["PREMIUM", "Quota", "quota_in_header", "quotas_from"]

PREMIUM = "premium_interactions"
_HEADER = "x-quota-snapshot-"


@attrs.frozen
class Quota:
    """One allowance: how much there is and how much is left, None where there is no end or nobody says.

    `resets_at` is an ISO date or time as GitHub spells it.
    """

    name: str
    entitlement: float | None = None
    remaining: float | None = None
    unlimited: bool = False
    overage_permitted: bool = False
    resets_at: str = ""

    @property
    def is_used_up(self) -> bool:
        """Whether nothing is left and nothing more is allowed."""
        spent = self.remaining is not None and self.remaining <= 0
        return spent and not self.unlimited and not self.overage_permitted


def quotas_from(members: Mapping[str, Any]) -> dict[str, Quota]:
    """Read the answer of `/copilot_internal/user`; what has another shape is left out."""
    resets_at = _text(members.get("quota_reset_date_utc")) or _text(members.get("quota_reset_date"))
    snapshots = members.get("quota_snapshots")
    if not isinstance(snapshots, dict):
        return {}
    return {
        name: Quota(
            name,
            entitlement=_amount(told.get("entitlement")),
            remaining=_number(_first(told, "quota_remaining", "remaining")),
            unlimited=told.get("unlimited") is True,
            overage_permitted=told.get("overage_permitted") is True,
            resets_at=resets_at,
        )
        for name, told in snapshots.items()
        if isinstance(told, dict) and name.isidentifier()
    }


def quota_in_header(headers: tuple[tuple[str, str], ...], name: str = PREMIUM) -> Quota | None:
    """Read the quota that an answer tells: `rem` is a percentage there, and `ent=-1` has no end."""
    told = next((value for key, value in headers if key == f"{_HEADER}{name}"), None)
    if told is None:
        return None
    try:
        members = {key: values[0] for key, values in parse_qs(told, max_num_fields=20).items()}
    except ValueError:
        return None
    entitlement, percent = _number(members.get("ent")), _number(members.get("rem"))
    if entitlement is None:
        return None
    unlimited = entitlement < 0
    left = None if unlimited or percent is None else entitlement * percent / 100
    return Quota(
        name,
        None if unlimited else entitlement,
        left,
        unlimited,
        members.get("ovPerm") == "true",
        _text(members.get("rst")),
    )


def _first(told: Mapping[str, Any], *names: str) -> Any:
    return next((told[name] for name in names if told.get(name) is not None), None)


def _amount(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and number > 0 else None


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value[:30])
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value.isprintable() and len(value) < 40 else ""
