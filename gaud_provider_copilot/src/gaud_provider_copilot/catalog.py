"""From the answer of `/models` to what the account may use.

Nothing in an entry is trusted: one without a usable id is left out, and what has another shape than
Copilot's counts as not said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from gaud_core import Model, Price, UpstreamFailed

__all__ = ["CHAT", "EMBEDDINGS", "MESSAGES", "PATHS", "RESPONSES", "Entry", "entries_from"]

CHAT, RESPONSES, MESSAGES, EMBEDDINGS = "chat/completions", "responses", "messages", "embeddings"

PATHS = {
    CHAT: "/chat/completions",
    EMBEDDINGS: "/embeddings",
    MESSAGES: "/v1/messages",
    RESPONSES: "/responses",
}
"""Where Copilot serves each endpoint; the list of models names them so."""

_ENDPOINTS = {path: endpoint for endpoint, path in PATHS.items()}
_TYPES = {"chat": frozenset({CHAT}), "embeddings": frozenset({EMBEDDINGS})}
_LONGEST_NAME = 200
_SUPPORTS = ("streaming", "structured_outputs", "thinking", "tool_calls", "parallel_tool_calls", "vision")


@attrs.frozen
class Entry:
    """One model, and why the account may not use it; that is empty if it may."""

    model: Model
    refusal: str = ""

    def serves(self, endpoint: str) -> bool:
        """Whether Copilot serves the model there."""
        return endpoint in (self.model.endpoints or PATHS)


def entries_from(answer: Any) -> list[Entry]:
    """Read the list; UpstreamFailed if it is none. Entries that cannot be read are left out."""
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list):
        raise UpstreamFailed("Copilot's list of models is no list.")
    found: dict[str, Entry] = {}
    for item in data:
        if isinstance(item, dict) and (entry := _entry(item)) is not None:
            known = found.get(entry.model.id)
            if known is None or (known.refusal and not entry.refusal):
                found[entry.model.id] = entry
    return list(found.values())


def _entry(item: Mapping[str, Any]) -> Entry | None:
    name = _text(item, "id")
    capabilities = _object(item, "capabilities")
    served = _TYPES.get(_text(capabilities, "type") or "chat")
    if not name or served is None:
        return None
    limits, multiplier = _object(capabilities, "limits"), _multiplier(item)
    endpoints = _endpoints(item, served)
    model = Model(
        name,
        owned_by=_text(item, "vendor"),
        price=Price(subscription=True, milliunits=None if multiplier is None else round(multiplier * 1000)),
        max_input_tokens=_count(limits, "max_prompt_tokens") or _count(limits, "max_context_window_tokens"),
        max_output_tokens=_count(limits, "max_output_tokens"),
        extra=_extra(item, capabilities, endpoints, multiplier),
        endpoints=endpoints,
    )
    return Entry(model, _refusal(item))


def _endpoints(item: Mapping[str, Any], served: frozenset[str]) -> frozenset[str]:
    told = item.get("supported_endpoints")
    if EMBEDDINGS in served or not isinstance(told, list):
        return served
    known = frozenset(_ENDPOINTS[path] for path in told if isinstance(path, str) and path in _ENDPOINTS)
    return known or served


def _refusal(item: Mapping[str, Any]) -> str:
    policy = item.get("policy")
    if not isinstance(policy, dict) or policy.get("state") in (None, "enabled"):
        return ""
    return _text(policy, "state") or "disabled"


def _multiplier(item: Mapping[str, Any]) -> float | None:
    billing = _object(item, "billing")
    told = billing.get("multiplier")
    if isinstance(told, int | float) and not isinstance(told, bool) and 0 <= told < 1000:
        return float(told)
    return 0.0 if billing.get("is_premium") is False else None


def _extra(
    item: Mapping[str, Any],
    capabilities: Mapping[str, Any],
    endpoints: frozenset[str],
    multiplier: float | None,
) -> dict[str, Any]:
    supports = _object(capabilities, "supports")
    told: dict[str, Any] = {
        "name": _text(item, "name"),
        "family": _text(capabilities, "family"),
        "endpoints": sorted(endpoints),
        "premium_multiplier": multiplier,
        "preview": item.get("preview") is True or None,
    }
    abilities = {f"supports_{name}": supports.get(name) for name in _SUPPORTS}
    told |= {name: value for name, value in abilities.items() if isinstance(value, bool)}
    return {name: value for name, value in told.items() if value not in (None, "")}


def _object(item: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = item.get(key)
    return value if isinstance(value, dict) else {}


def _text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    good = isinstance(value, str) and value.isprintable() and len(value) <= _LONGEST_NAME
    return value.strip() if good and isinstance(value, str) else ""


def _count(item: Mapping[str, Any], key: str) -> int | None:
    value = item.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31 else None
