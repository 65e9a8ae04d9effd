"""The guide's troubleshooting: each symptom of a call names its cure."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gaud_core import ProviderError, Unavailable, UpstreamFailed, UpstreamRefused, UpstreamTimeout
from gaud_provider_litellm import LiteLLM

Make = Callable[..., LiteLLM]

KEY = "set providers.work.api_key to the master_key"
BEHIND = "litellm.AuthenticationError: OpenAIException - Incorrect API key provided"

CASES = [
    (UpstreamFailed("refused"), "curl <url>/health/liveliness"),
    (UpstreamFailed("refused"), "providers.work.url is its address"),
    (UpstreamTimeout("late"), "raise providers.work.timeout_secs"),
    (UpstreamTimeout("late"), "stream_timeout"),
    (UpstreamTimeout("late"), "buffers streams"),
    (Unavailable("open"), "LiteLLM's log"),
    (UpstreamRefused("Authentication Error", status=401), KEY),
    (UpstreamRefused("no", status=403), KEY),
    (UpstreamRefused("No connected db.", code="no_db_connection"), KEY),
    (UpstreamRefused("x", status=400, code="expired_key"), KEY),
    (UpstreamRefused("x", status=400, code="token_not_found_in_db"), KEY),
    (UpstreamRefused("no", status=401, code="key_model_access_denied"), "allow this model to the key"),
    (UpstreamRefused(BEHIND, status=401), "model_list"),
    (ProviderError("Budget has been exceeded!", status=422, code="budget_exceeded"), "max_budget"),
    (UpstreamRefused("Budget has been exceeded!", status=400, code="budget_exceeded"), "max_budget"),
    (UpstreamRefused("No deployments available for selected model", status=429), "cool down"),
    (UpstreamRefused("Rate limit exceeded for api_key: x", status=429), "rpm_limit"),
    (
        UpstreamRefused("litellm.BadRequestError: There are no healthy deployments for this model"),
        "gaud models",
    ),
    (ProviderError("litellm.Timeout: slow", status=408), "timeout"),
    (ProviderError("litellm.InternalServerError: OpenAIException - boom", status=500), "LiteLLM's log"),
]


@pytest.mark.parametrize(("failure", "words"), CASES)
async def test_a_symptom_names_its_cure(make: Make, failure: ProviderError, words: str) -> None:
    """The cure uses the instance's own name in the paths of settings."""
    assert words in (make("work").explain(failure) or "")


async def test_a_missing_key_is_thought_of(make: Make) -> None:
    """LiteLLM 1.102.4 without a database answers 500 to a call without any key."""
    failure = ProviderError("Internal server error", status=500, code="internal_server_error")
    assert KEY in (make("work", api_key=None).explain(failure) or "")
    assert make("work").explain(failure) is None


@pytest.mark.parametrize(
    "failure",
    [
        UpstreamRefused("litellm.BadRequestError: OpenAIException - max_tokens is too large"),
        UpstreamRefused("litellm.RateLimitError: OpenAIException - slow down", status=429),
        UpstreamRefused("messages: field required"),
    ],
)
async def test_a_clients_mistake_needs_no_operator(make: Make, failure: ProviderError) -> None:
    """What the message says already needs no hint."""
    assert make().explain(failure) is None


async def test_no_cure_shows_the_key(make: Make) -> None:
    """Hints travel to clients and logs."""
    assert all("sk-test" not in (make().explain(failure) or "") for failure, _ in CASES)
