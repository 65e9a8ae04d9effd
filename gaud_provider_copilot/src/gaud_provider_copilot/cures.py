"""What to do about a failure, in a sentence to the operator."""

from __future__ import annotations

from gaud_core import LoginNeeded, ProviderError, UpstreamFailed, UpstreamTimeout
from gaud_provider_copilot.exchange import OTHER_APP
from gaud_provider_copilot.refusals import OLD_CLIENT, QUOTA

__all__ = ["MODEL_POLICY", "WRONG_ENDPOINT", "cure"]

MODEL_POLICY = "model_policy"
WRONG_ENDPOINT = "endpoint_not_served"

_FEATURES = "https://github.com/settings/copilot/features"
_ACCOUNT = "https://github.com/settings/copilot"
_POLICY = f"Enable the model for the account at {_FEATURES}; in an organisation its owner does."
_SUBSCRIBE = f"Sign up for Copilot at {_ACCOUNT}, or have your organisation give you a seat."
_BY_CODE = {
    "billing_locked": "Settle the account's bill at https://github.com/settings/billing.",
    "expired_coupon": _SUBSCRIBE,
    "feature_flag_blocked": "The owner of the organisation must allow Copilot in its policies.",
    "model_not_supported": f"{_POLICY} `gaud models` lists what it may use.",
    "no_copilot_access": _SUBSCRIBE,
    "not_signed_up": _SUBSCRIBE,
    "revoked_coupon": _SUBSCRIBE,
    "snippy_not_configured": f"Choose at {_ACCOUNT} whether suggestions may match public code.",
    "subscription_ended": _SUBSCRIBE,
    MODEL_POLICY: _POLICY,
}


def cure(failure: ProviderError, name: str, resets_at: str) -> str | None:
    """The cure for a failed call or question; `name` is the instance's, `resets_at` that of its quota."""
    code = failure.error_code or ""
    if code == QUOTA:
        until = f"It is whole again on {resets_at}. " if resets_at else ""
        return f"{until}Models with the multiplier 0 go on, and {_ACCOUNT} can allow paid requests beyond it."
    if code == OLD_CLIENT:
        return f"Raise providers.{name}.editor_version and plugin_version to those of a current VS Code."
    if code == OTHER_APP:
        return f"Log in without taking over another program's login: gaud login {name}"
    if code == "unsupported_parameter" and "max_tokens" in failure.message:
        return f"Add the model to providers.{name}.max_completion_tokens_for."
    return _BY_CODE.get(code) or _by_kind(failure, name)


def _by_kind(failure: ProviderError, name: str) -> str | None:
    again = f"gaud login {name}"
    if isinstance(failure, LoginNeeded):
        return failure.hint or f"Log in again: {again}"
    status = failure.http_status
    if status in {401, 403}:
        return f"Look at the subscription: {_ACCOUNT}. If it is well, log in again: {again}"
    if status == 429:
        return _when_limited(failure.retry_after)
    if isinstance(failure, UpstreamTimeout):
        return f"If the model needs longer, raise providers.{name}.timeout_secs."
    if isinstance(failure, UpstreamFailed):
        return f"Check that this machine reaches GitHub, and that providers.{name}.domain is right."
    return None


def _when_limited(seconds: int | None) -> str:
    when = f"in {seconds} s" if seconds else "in a minute"
    return f"The limit is Copilot's, not Gaud's: try again {when}, with another model or less often."
