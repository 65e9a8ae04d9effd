"""Refusals by what they mean, with their cures."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaud_core import LoginNeeded, ProviderError, Reply, UpstreamFailed, UpstreamTimeout
from gaud_provider_kiro.cures import cure
from gaud_provider_kiro.refusals import Refusal, error_for, read_refusal

INVALID = "The bearer token included in the request is invalid."


def read(status: int, body: bytes, **headers: str) -> Refusal:
    """Read an answer."""
    told = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return asyncio.run(read_refusal(Reply(status, told, body)))


def error(status: int, message: str = "", reason: str | None = None, **more: Any) -> ProviderError:
    """The error for a refusal as Kiro writes it."""
    body = json.dumps({"message": message, "reason": reason}).encode()
    return error_for(read(status, body), **more)


@pytest.mark.parametrize(
    ("status", "message", "reason", "given", "code"),
    [
        (400, "Input is too long.", None, 400, "context_length_exceeded"),
        (400, "No.", "CONTENT_LENGTH_EXCEEDS_THRESHOLD", 400, "context_length_exceeded"),
        (400, "No.", "INVALID_MODEL_ID", 404, "model_not_found"),
        (400, "Improperly formed request.", None, 400, "improperly_formed_request"),
        (400, "Bad.", "INVALID_CONVERSATION_ID", 400, None),
        (400, "No.", "INVALID_KMS_GRANT", 403, "invalid_kms_grant"),
        (400, "Invalid profileArn.", None, 400, "wrong_profile"),
        (401, "Who?", None, 401, "invalid_token"),
        (402, "You have reached the limit.", "MONTHLY_REQUEST_COUNT", 429, "insufficient_quota"),
        (402, "Pay.", None, 429, "insufficient_quota"),
        (403, INVALID, None, 401, "invalid_token"),
        (403, "The security token included in the request is expired", None, 401, "invalid_token"),
        (403, "No.", "TEMPORARILY_SUSPENDED", 403, "account_suspended"),
        (403, INVALID, "TEMPORARILY_SUSPENDED", 403, "account_suspended"),
        (403, "No.", "FEATURE_NOT_SUPPORTED", 403, "feature_not_supported"),
        (403, "No.", "UNAUTHORIZED_CUSTOMIZATION_RESOURCE_ACCESS", 403, "feature_not_supported"),
        (403, "Forbidden.", None, 403, None),
        (404, "No such operation.", None, 404, None),
        (409, "No.", "CUSTOMER_KMS_KEY_DISABLED", 403, "customer_kms_key_disabled"),
        (429, "Slow down.", None, 429, "rate_limit_exceeded"),
        (429, "Enough.", "MONTHLY_REQUEST_COUNT", 429, "insufficient_quota"),
        (429, "Enough.", "DAILY_REQUEST_COUNT", 429, "insufficient_quota"),
        (429, "Enough.", "OVERAGE_REQUEST_LIMIT_EXCEEDED", 429, "insufficient_quota"),
        (429, "Full.", "INSUFFICIENT_MODEL_CAPACITY", 429, "model_overloaded"),
        (500, "No.", "MODEL_TEMPORARILY_UNAVAILABLE", 503, "model_overloaded"),
        (
            500,
            "Encountered unexpectedly high load when processing the request.",
            None,
            503,
            "model_overloaded",
        ),
        (500, "It broke.", None, 502, "upstream_failed"),
        (503, "Down.", None, 503, "upstream_unavailable"),
        (504, "Slow.", None, 504, "upstream_failed"),
    ],
)
def test_each_reason(status: int, message: str, reason: str | None, given: int, code: str | None) -> None:
    """The reason and the words count before the status; Kiro's words are told."""
    told = error(status, message, reason)
    assert (told.http_status, told.error_code) == (given, code)
    assert message.rstrip(".") in str(told)


def test_a_quota_says_until_when() -> None:
    """A month's is whole again at its reset; a day's is not told."""
    assert error(402, "No.", "MONTHLY_REQUEST_COUNT", wait_secs=3600).retry_after == 3600
    assert error(429, "No.", "DAILY_REQUEST_COUNT", wait_secs=3600).retry_after is None


def test_a_request_that_is_improperly_formed() -> None:
    """Kiro does not say why, but our own check may."""
    found = error(
        400, "Improperly formed request.", objections=["message 1 is empty", "two tools have one name"]
    )
    assert "Gaud's own check of it finds: message 1 is empty; two tools have one name." in str(found)
    assert "finds no mistake" in str(error(400, "Improperly formed request."))
    large = error(
        400, "Improperly formed request.", objections=["the request is larger than 7 bytes; it has 8"]
    )
    assert large.error_code == "context_length_exceeded"


@pytest.mark.parametrize(
    ("body", "headers", "told"),
    [
        (
            b'{"__type":"com.amazon#ThrottlingException","Message":"M"}',
            {},
            Refusal(400, "M", "", "Throttling"),
        ),
        (
            b'{"message":"M"}',
            {"x_amzn_errortype": "ValidationError:http://x"},
            Refusal(400, "M", "", "Validation"),
        ),
        (b'{"error":{"message":"length limit exceeded"}}', {}, Refusal(400, "length limit exceeded")),
        (b"plain words", {}, Refusal(400, "plain words")),
        (b"<html>no</html>", {}, Refusal(400)),
        (b'{"message":{"a":1},"reason":7}', {}, Refusal(400)),
        (b"[1]", {"retry_after": "7"}, Refusal(400, "[1]", retry_after=7)),
        (b"", {"retry_after": "soon"}, Refusal(400)),
        (b'{"message":"a\\u0000\\n b"}', {}, Refusal(400, "a b")),
    ],
)
def test_shapes_of_refusals(body: bytes, headers: dict[str, str], told: Refusal) -> None:
    """Of both protocols, and of what is none."""
    assert read(400, body, **headers) == told


@given(st.integers(400, 599), st.binary(max_size=80))
def test_any_refusal_is_an_error(status: int, body: bytes) -> None:
    """Whatever the upstream says."""
    assert 400 <= error_for(read(status, body)).http_status < 600


def test_a_long_refusal_is_cut() -> None:
    """Nobody reads a megabyte."""
    assert len(read(400, b"x" * 1_000_000).message) <= 300


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (error(402, wait_secs=60), "whole again at 2027-01-16"),
        (error(429, "x", "DAILY_REQUEST_COUNT", wait_secs=60), "another account"),
        (error(403, "x", "TEMPORARILY_SUSPENDED"), "Kiro's support"),
        (error(400, "Invalid profile."), "Check providers.kiro.profile_arn"),
        (error(400, "Input is too long."), "larger window"),
        (error(400, "Improperly formed request."), "report this request"),
        (error(401), "gaud login kiro"),
        (LoginNeeded("No.", hint="Do this."), "Do this."),
        (UpstreamTimeout("Slow."), "providers.kiro.timeout_secs"),
        (
            UpstreamFailed("No host."),
            "known in us-east-1 and eu-central-1; providers.kiro.region is ap-south-1",
        ),
    ],
)
def test_cures(failure: ProviderError, words: str) -> None:
    """Each names what to do."""
    assert words in str(cure(failure, "kiro", "ap-south-1", "2027-01-16"))


def test_no_cure() -> None:
    """Nothing is made up; a known region points to the network."""
    assert cure(error(404), "kiro", "us-east-1") is None
    assert "reaches Kiro's hosts" in str(cure(UpstreamFailed("No."), "kiro", "us-east-1"))
