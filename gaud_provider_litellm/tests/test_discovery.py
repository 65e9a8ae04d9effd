"""From LiteLLM's answers to models: with the real answers, and with whatever else a server may say."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gaud_core import Model, Price, ProviderError, UpstreamFailed
from gaud_provider_litellm.asking import Answer
from gaud_provider_litellm.discovery import models_from, nano_per_million

ANSWERS = Path(__file__).with_name("answers")  # of the real LiteLLM 1.102.4, shortened
REFUSED = ProviderError("no")


def decoded(text: str | bytes) -> Any:
    """JSON as the provider reads it."""
    return Answer(200, text if isinstance(text, bytes) else text.encode()).json()


def real() -> dict[str, Model]:
    """The models of the real LiteLLM, by name."""
    models = models_from(
        decoded((ANSWERS / "v1_models.json").read_bytes()),
        decoded((ANSWERS / "model_info.json").read_bytes()),
    )
    assert len({model.id for model in models}) == len(models)
    return {model.id: model for model in models}


def info(name: str = "m", **model_info: Any) -> dict[str, Any]:
    """A row of /model/info."""
    return {"model_name": name, "litellm_params": {}, "model_info": model_info}


def only(*rows: Any) -> Model:
    """The one model that these rows of /model/info make."""
    [model] = models_from(REFUSED, decoded(json.dumps({"data": rows})))
    return model


def test_the_names_come_from_v1_models() -> None:
    """Order and names are those of the list that LiteLLM gives to every client."""
    assert list(real())[:5] == ["mock", "mock-priced", "mock-free", "gpt-4o", "vendor/eu.mock-v2:0"]


def test_a_price_in_the_configuration_is_taken() -> None:
    """2.5e-06 USD per token are 2.50 USD per million: 2,500,000,000 nano-dollars."""
    assert real()["mock-priced"].price == Price(input=2_500_000_000, output=10_000_000_000)


def test_a_model_from_the_price_map_has_all_prices_and_limits() -> None:
    """Cache prices and limits come along, and what clients choose by."""
    model = real()["anthropic/claude-haiku-4-5"]
    assert model.price == Price(10**9, 5 * 10**9, cache_read=10**8, cache_write=1_250_000_000)
    assert (model.max_input_tokens, model.max_output_tokens) == (200_000, 64_000)
    assert (model.owned_by, model.created) == ("anthropic", 1677610602)
    assert model.extra["mode"] == "chat"
    assert model.extra["supports_vision"] is True


def test_sound_is_priced_by_the_second() -> None:
    """What LiteLLM prices in another unit has no price per token, and is not free."""
    assert real()["openai/whisper-1"].price == Price(second=100_000 * 10**6)


def test_a_unit_counts_for_its_mode() -> None:
    """The price of an image in a prompt is not that of one that is made."""
    costs: dict[str, Any] = {"output_cost_per_image": 0.04, "input_cost_per_character": 1.5e-05}
    assert only(info(mode="image_generation", **costs)).price == Price(image=40_000_000 * 10**6)
    assert only(info(mode="audio_speech", **costs)).price == Price(character=15_000 * 10**6)
    assert only(info(mode="chat", **costs)).price is None


@pytest.mark.parametrize("name", ["mock", "openai/hd/1024-x-1792/dall-e-3"])
def test_the_zero_of_an_unpriced_model_is_unknown(name: str) -> None:
    """LiteLLM 1.102.4 shows 0 for models without a price, or priced by image or second: that is not free."""
    assert real()[name].price is None


def test_a_zero_that_somebody_wrote_is_free() -> None:
    """An operator who sets the price of a local model to 0 means it."""
    assert real()["mock-free"].price == Price(input=0, output=0)


def test_an_embedding_costs_nothing_on_the_way_out() -> None:
    """A zero beside a real price is one."""
    assert real()["text-embedding-3-small"].price == Price(input=20_000_000, output=0)


def test_deployments_of_one_name_are_priced_by_the_dearest() -> None:
    """Nobody knows beforehand which one serves a call; one without a price does not hide the others."""
    assert real()["gpt-4o"].price == Price(2_500_000_000, 10_000_000_000, cache_read=1_250_000_000)
    cheap = info(input_cost_per_token=1e-6, output_cost_per_token=9e-6, max_input_tokens=8000)
    dear = info(input_cost_per_token=3e-6, output_cost_per_token=4e-6, max_input_tokens=128000)
    model = only(cheap, dear, info(input_cost_per_token=None))
    assert model.price == Price(3 * 10**9, 9 * 10**9)
    assert model.max_input_tokens == 8000


def test_an_ability_counts_if_every_deployment_has_it() -> None:
    """A client that sends an image must not hit the one deployment that cannot see."""
    model = only(info(supports_vision=True, supports_reasoning=True), info(supports_vision=False))
    assert model.extra == {"supports_vision": False, "supports_reasoning": True}


def test_an_id_with_a_star_is_a_pattern() -> None:
    """LiteLLM's wildcards are no models of that name."""
    models = models_from(decoded('{"data":[{"id":"anthropic/*"},{"id":"*"},{"id":"a"}]}'), REFUSED)
    assert [model.is_pattern for model in models] == [True, True, False]


def test_either_answer_is_enough() -> None:
    """Names without prices, or the names of the priced models."""
    listed, details = (
        decoded((ANSWERS / "v1_models.json").read_bytes()),
        decoded((ANSWERS / "model_info.json").read_bytes()),
    )
    assert {model.price for model in models_from(listed, REFUSED)} == {None}
    assert {model.id for model in models_from(REFUSED, details)} == set(real())


def test_broken_entries_do_not_hide_the_others() -> None:
    """What has no usable name is left out."""
    bad: list[Any] = [None, 1, "x", [], {}, *({"id": name} for name in (5, "", " ", "\n", "x" * 999))]
    found = models_from(decoded(json.dumps({"data": [*bad, {"id": "good"}, {"id": "good"}]})), REFUSED)
    assert found == [Model("good")]


@pytest.mark.parametrize("other", [None, 1, "x", [], {}, {"data": None}, {"data": {}}, {"models": []}])
def test_no_list_at_all_is_an_error(other: Any) -> None:
    """Another server's JSON is not an empty LiteLLM."""
    with pytest.raises(UpstreamFailed, match="is a LiteLLM there"):
        models_from(other, other)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)
FIELDS = (
    *(
        "id",
        "model_name",
        "model_info",
        "litellm_params",
        "mode",
        "litellm_provider",
        "supports_x",
        "created",
    ),
    *("input_cost_per_token", "output_cost_per_token", "max_input_tokens", "owned_by"),
)
fields = st.sampled_from(FIELDS)
rows = st.dictionaries(fields, json_values | st.dictionaries(fields, json_values, max_size=6), max_size=6)
answers = json_values | st.fixed_dictionaries({"data": st.lists(rows | json_values, max_size=4)})


@given(answers, answers)
@example({"data": [{"id": "\ud800"}]}, {"data": [info(input_cost_per_token=float("nan"))]})
@example({"data": [{"id": "m", "created": 1e999}]}, {"data": [info(max_input_tokens=[])]})
def test_no_json_breaks_discovery(listed: Any, details: Any) -> None:
    """Whatever a server answers becomes models or an UpstreamFailed."""
    try:
        models = models_from(decoded(json.dumps(listed)), decoded(json.dumps(details)))
    except UpstreamFailed:
        return
    assert all(model.id.isprintable() and model.id.strip() for model in models)
    json.dumps([dict(model.extra) for model in models]).encode()


@given(st.binary())
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b"1" * 10_000)
@example(b"\xff\xfe")
@example(b"<html>")
def test_no_bytes_break_decoding(body: bytes) -> None:
    """What is no JSON is None."""
    Answer(200, body).json()


@given(st.integers(1, 10**9), st.sampled_from([".0f", "e", "f"]))
def test_a_price_is_exact(nano: int, spelled: str) -> None:
    """Each whole number of nano-dollars per million tokens survives the way through JSON text."""
    text = format(Decimal(nano) / 10**15, "f" if spelled == ".0f" else spelled)
    assert nano_per_million(decoded(text)) == nano


@given(st.floats(min_value=1e-15, max_value=1))
def test_a_float_is_rounded_once(usd: float) -> None:
    """The noise of LiteLLM's own floats is less than a nano-dollar per million tokens."""
    assert nano_per_million(json.dumps(usd)) == round(Decimal(repr(usd)) * 10**15)


@pytest.mark.parametrize(
    "absurd",
    [
        *("-1e-6", "NaN", "Infinity", "-Infinity", "1.1", "1e400", "1e99999999999999999999", "1e-99"),
        *("1e-9999999", "", "x", "9" * 5000, None, True, [], {}),
    ],
)
def test_an_absurd_price_is_unknown(absurd: Any) -> None:
    """Negative, endless, over a dollar per token, vanishing, or no number: unknown, never free."""
    assert nano_per_million(absurd) is None
