"""From the answers of `/v1/models` and `/model/info` to models with prices and limits.

Nothing in an answer is trusted: what has another shape than LiteLLM's is left out, and never an error,
unless there is no list at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs

from gaud_core import Model, Price, ProviderError, UpstreamFailed
from gaud_provider_litellm.asking import Number

__all__ = ["models_from", "nano_per_million"]

Row = Mapping[str, Any]

_COSTS = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cache_read": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "reasoning": "output_cost_per_reasoning_token",
}
_UNIT_COSTS = {
    "image_generation": ("image", ("output_cost_per_image", "input_cost_per_image")),
    "image_edit": ("image", ("output_cost_per_image", "input_cost_per_image")),
    "audio_transcription": ("second", ("input_cost_per_second", "output_cost_per_second")),
    "audio_speech": ("character", ("input_cost_per_character",)),
}
"""By mode: elsewhere a price per image, say, is that of an image in the prompt."""
_NANO_PER_MILLION = Decimal(10**9 * 10**6)
_LONGEST_NAME = 300
_LONGEST_NUMBER = 40


def models_from(listed: Any | ProviderError, details: Any | ProviderError) -> list[Model]:
    """Join both answers by name, in the order of `/v1/models`; UpstreamFailed if neither holds a list.

    `/v1/models` decides on the names, because it knows what the key may use; without it the names of
    `/model/info` are taken. Repeated names become one model.
    """
    rows, items = _rows(details, "model_name"), _rows(listed, "id")
    if rows is None and items is None:
        raise UpstreamFailed("LiteLLM's list of models is no list: is a LiteLLM there?")
    by_name: dict[str, list[Row]] = defaultdict(list)
    for name, row in rows or ():
        by_name[name].append(row)
    first: dict[str, Row] = {}
    for name, item in items if items is not None else [(name, {}) for name in by_name]:
        first.setdefault(name, item)
    return [_model(name, item, by_name.get(name, [])) for name, item in first.items()]


def nano_per_million(usd_per_token: Any) -> int | None:
    """US dollars per token, a Number or the same as text, in nano-dollars per million tokens.

    Exact: no float is involved. None for whatever is no price: null, negative, not finite, over a dollar
    per token, or so small that it would round to nothing.
    """
    usd = _number(usd_per_token)
    if usd is None or not 0 <= usd <= 1:
        return None
    nano = int((usd * _NANO_PER_MILLION).to_integral_value())
    return nano if nano or usd == 0 else None


def _rows(answer: Any | ProviderError, key: str) -> list[tuple[str, Row]] | None:
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list):
        return None
    return [(row[key], row) for row in data if isinstance(row, dict) and _is_name(row.get(key))]


def _is_name(value: Any) -> bool:
    return (
        isinstance(value, str)
        and not isinstance(value, Number)
        and 0 < len(value) <= _LONGEST_NAME
        and bool(value.strip())
        and value.isprintable()
    )


def _model(name: str, item: Row, rows: Sequence[Row]) -> Model:
    infos = [info for row in rows if isinstance(info := row.get("model_info"), dict)]
    told = [*infos, item]  # /v1/models repeats a little of /model/info
    return Model(
        name,
        owned_by=_text(infos, "litellm_provider") or _text([item], "owned_by"),
        created=_whole(item.get("created")) or 0,
        price=_price(rows),
        max_input_tokens=_least(told, "max_input_tokens"),
        max_output_tokens=_least(told, "max_output_tokens"),
        extra=_extra(infos, told),
    )


def _price(rows: Iterable[Row]) -> Price | None:
    """The highest price of the deployments behind a name; None if none of them has one.

    A deployment without a price does not make the whole unknown: all deployments of a name are the same
    model, so its neighbour's price is the best that can be known beforehand. What a call did cost, LiteLLM
    says itself.
    """
    prices = [price for row in rows if (price := _row_price(row))]
    if not prices:
        return None
    fields = (*_COSTS, *{field for field, _ in _UNIT_COSTS.values()})
    highest: dict[str, Any] = {field: _highest(getattr(price, field) for price in prices) for field in fields}
    return Price(**highest)


def _row_price(row: Row) -> Price | None:
    info, params = row.get("model_info"), row.get("litellm_params")
    if not isinstance(info, dict):
        return None
    costs: dict[str, Any] = {field: nano_per_million(info.get(key)) for field, key in _COSTS.items()}
    mode = info.get("mode")
    if isinstance(mode, str) and mode in _UNIT_COSTS:
        field, keys = _UNIT_COSTS[mode]
        costs[field] = next((cost for key in keys if (cost := nano_per_million(info.get(key)))), None)
    price = Price(**costs)
    if not (price.input or price.output or _says_zero(params)):
        # LiteLLM 1.102 shows 0 for a model that it knows no price of, or only one per image or second.
        price = attrs.evolve(price, input=None, output=None)
    return price if price != Price() else None


def _says_zero(params: Any) -> bool:
    """Whether somebody wrote into LiteLLM's configuration that the model is free."""
    return isinstance(params, dict) and nano_per_million(params.get("input_cost_per_token")) == 0


def _extra(infos: Sequence[Row], told: Sequence[Row]) -> dict[str, Any]:
    """What a client may want to choose by; an ability counts if every deployment has it."""
    extra: dict[str, Any] = {}
    if mode := _text(told, "mode"):
        extra["mode"] = mode
    if provider := _text(infos, "litellm_provider"):
        extra["litellm_provider"] = provider
    abilities = {key for info in infos for key in info if key.startswith("supports_")}
    for key in sorted(abilities):
        if answers := [info[key] for info in infos if isinstance(info.get(key), bool)]:
            extra[key] = all(answers)
    return extra


def _text(rows: Iterable[Row], key: str) -> str:
    return next((row[key] for row in rows if _is_name(row.get(key))), "")


def _least(rows: Iterable[Row], key: str) -> int | None:
    return min((number for row in rows if (number := _whole(row.get(key)))), default=None)


def _highest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _whole(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and 0 < number < 10**12 else None


def _number(value: Any) -> Decimal | None:
    """The value of a Number, or of text that is one; None if it is none, or endless."""
    if not isinstance(value, str) or len(value) > _LONGEST_NUMBER:
        return None
    try:
        number = Decimal(value)
    except ArithmeticError:
        return None
    return number if number.is_finite() else None
