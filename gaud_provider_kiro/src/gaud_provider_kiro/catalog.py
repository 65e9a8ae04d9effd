"""Models: the list that Kiro gives, and the names under which people know them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs

from gaud_core import Model, Price, UpstreamFailed

__all__ = ["AUTO", "DEFAULT_WINDOW", "Catalog", "kiro_name", "page_of"]

AUTO = "auto"
DEFAULT_WINDOW = 200_000
"""Tokens that a model takes if nobody says how many."""

_LONGEST_NAME = 200
_PRICE = Price(subscription=True)
_FAMILY_FIRST = re.compile(r"claude-(haiku|sonnet|opus)-(\d{1,2})(?:[-.](\d{1,2}))?(?:-(?:\d{8}|latest))?")
_VERSION_FIRST = re.compile(
    r"claude-(\d{1,2})(?:[-.](\d{1,2}))?-(haiku|sonnet|opus)(?:-(?:\d{8}|latest|low|medium|high))?"
)


def kiro_name(model: str) -> str:
    """Give Kiro's spelling of a model's name: `claude-sonnet-4-5-20250929` is `claude-sonnet-4.5`.

    A name that is nobody's alias passes as it is.
    """
    name = model.lower()
    if found := _FAMILY_FIRST.fullmatch(name):
        family, major, minor = found.groups()
        return f"claude-{family}-{_version(major, minor)}"
    if found := _VERSION_FIRST.fullmatch(name):
        major, minor, family = found.groups()
        version = _version(major, minor)
        return f"claude-{version}-{family}" if int(major) < 4 else f"claude-{family}-{version}"
    return model


@attrs.frozen
class Catalog:
    """The models that the account may use; empty as long as nobody has told them."""

    models: Mapping[str, Model] = attrs.field(factory=dict)
    default: str = ""

    def model_for(self, name: str) -> str:
        """Give the name that goes to Kiro; what is listed goes as it is."""
        if name in self.models:
            return name
        if name == AUTO and self.models and self.default:
            return self.default
        return kiro_name(name)

    def window(self, name: str) -> int:
        """How many tokens a model takes."""
        model = self.models.get(name) or self.models.get(self.default)
        return (model.max_input_tokens if model else None) or DEFAULT_WINDOW

    def with_page(self, answer: Mapping[str, Any]) -> Catalog:
        """Add a page of the list."""
        found = [model for entry in page_of(answer) if (model := _model(entry)) is not None]
        default = answer.get("defaultModel")
        chosen = _text(default, "modelId") if isinstance(default, dict) else ""
        return Catalog({**self.models, **{model.id: model for model in found}}, chosen or self.default)


def page_of(answer: Mapping[str, Any]) -> list[Any]:
    """Give the entries of a page; UpstreamFailed if it is none."""
    models = answer.get("models")
    if not isinstance(models, list):
        raise UpstreamFailed("Kiro's list of models is no list.")
    return models


def _model(entry: Any) -> Model | None:
    """Read an entry; None for one that has no name."""
    if not isinstance(entry, dict) or not (name := _text(entry, "modelId")):
        return None
    limits = entry.get("tokenLimits")
    limits = limits if isinstance(limits, dict) else {}
    return Model(
        name,
        owned_by="anthropic" if name.lower().startswith("claude") else "kiro",
        price=_PRICE,
        max_input_tokens=_count(limits, "maxInputTokens"),
        max_output_tokens=_count(limits, "maxOutputTokens"),
        extra=_extra(entry),
    )


def _extra(entry: Mapping[str, Any]) -> dict[str, Any]:
    inputs = entry.get("supportedInputTypes")
    told: dict[str, Any] = {
        "name": _text(entry, "modelName"),
        "description": _text(entry, "description"),
        "credit_rate": _rate(entry.get("rateMultiplier")),
        "input_types": [str(kind).lower()[:20] for kind in inputs[:10]] if isinstance(inputs, list) else None,
        "supports_prompt_cache": entry.get("supportsPromptCache"),
    }
    return {name: value for name, value in told.items() if value not in (None, "")}


def _rate(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1000
    return float(value) if good else None


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    good = isinstance(value, str) and value.isprintable() and len(value) <= _LONGEST_NAME
    return value.strip() if good and isinstance(value, str) else ""


def _count(entry: Mapping[str, Any], key: str) -> int | None:
    value = entry.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31 else None


def _version(major: str, minor: str | None) -> str:
    return f"{major}.{minor}" if minor else major
