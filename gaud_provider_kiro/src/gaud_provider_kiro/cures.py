"""What to do about a failure, in a sentence to the operator."""

from __future__ import annotations

from gaud_core import LoginNeeded, ProviderError, UpstreamFailed, UpstreamTimeout
from gaud_provider_kiro.refusals import (
    FEATURE,
    IMPROPER,
    OVERLOADED,
    QUOTA,
    SUSPENDED,
    TOO_LONG,
    WRONG_PROFILE,
)

__all__ = ["KNOWN_REGIONS", "cure"]

KNOWN_REGIONS = ("us-east-1", "eu-central-1")
"""Where Kiro's API is known to be."""

_BY_CODE = {
    FEATURE: "Look at what the subscription includes: https://app.kiro.dev/account",
    OVERLOADED: "Ask again in a while, or take another model.",
    SUSPENDED: "Only Kiro's support can lift that; until then no other login of this account helps.",
    TOO_LONG: "Shorten the conversation, or take a model with a larger window.",
}


def cure(failure: ProviderError, name: str, region: str, resets_at: str = "") -> str | None:
    """The cure for a failed call or question; `name` is the instance's, `resets_at` that of its quota."""
    section, code = f"providers.{name}", failure.error_code or ""
    if code == QUOTA:
        until = f"It is whole again at {resets_at}. " if resets_at and failure.retry_after else ""
        return f"{until}The account can allow overages, and another account can be another instance."
    if code == WRONG_PROFILE:
        return f"Check {section}.profile_arn, and {section}.region, which is where the profile is."
    if code == IMPROPER:
        return "Please report this request, without what is private in it, as a mistake of this provider."
    return _BY_CODE.get(code) or _by_kind(failure, name, region)


def _by_kind(failure: ProviderError, name: str, region: str) -> str | None:
    section = f"providers.{name}"
    if isinstance(failure, LoginNeeded):
        return failure.hint or f"Run: gaud login {name}"
    if failure.http_status in {401, 403}:
        return f"Check the credentials of [{section}], or log in again: gaud login {name}"
    if isinstance(failure, UpstreamTimeout):
        return f"If the model needs longer, raise {section}.timeout_secs."
    if isinstance(failure, UpstreamFailed) and region not in KNOWN_REGIONS:
        return f"Kiro's API is known in {' and '.join(KNOWN_REGIONS)}; {section}.region is {region}."
    if isinstance(failure, UpstreamFailed):
        return "Check that this machine reaches Kiro's hosts at amazonaws.com and kiro.dev."
    return None
