"""The settings of [providers.litellm] take what people write, and say what is wrong with the rest."""

from __future__ import annotations

from typing import Any

import pytest

from gaud_provider_litellm import LiteLLMSettings

URL = "http://localhost:4000"


@pytest.mark.parametrize("given", [URL, f"{URL}/", f"{URL}/v1", f"{URL}/v1/"])
def test_the_url_may_end_in_v1(given: str) -> None:
    """The address that OpenAI's clients want is understood as well."""
    assert LiteLLMSettings(url=given).url == URL


def test_a_path_before_v1_stays() -> None:
    """A LiteLLM below a path of a larger server keeps it."""
    assert LiteLLMSettings(url="https://example.test/litellm/v1").url == "https://example.test/litellm"


def test_the_defaults_are_those_of_the_guide() -> None:
    """Only the URL is needed."""
    made = LiteLLMSettings(url=URL)
    assert (made.api_key, made.discover_models, made.models, made.timeout_secs) == (None, True, (), 120.0)
    assert (made.discover_interval_secs, made.expose_headers) == (300.0, ())


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "localhost:4000"},
        {"timeout_secs": 0},
        {"discover_interval_secs": 0.5},
        {"api_key": "sk with spaces"},
        {"api_key": "sk-line\nbreak"},
        {"models": [""]},
        {"models": ["a\nb"]},
    ],
)
def test_what_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    """The mistake names its setting, and never shows the key."""
    with pytest.raises(ValueError, match=next(iter(wrong))) as caught:
        LiteLLMSettings(**{"url": URL} | wrong)
    assert "sk" not in str(caught.value)
