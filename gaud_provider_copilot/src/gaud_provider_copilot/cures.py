"""What to do about a failure, in a sentence to the operator."""

from __future__ import annotations

from gaud_core import LoginNeeded, ProviderError, UpstreamFailed, UpstreamTimeout
from gaud_provider_copilot.refusals import OLD_CLIENT, QUOTA

__all__ = ["MODEL_POLICY", "cure"]

MODEL_POLICY = "model_policy"

_FEATURES = "https://github.com/settings/copilot/features"
_ACCOUNT = "https://github.com/settings/copilot"
_POLICY = f"Enable the model for the account at {_FEATURES}; in an organisation its owner does."
_SUBSCRIBE = f"Sign up for Copilot at {_ACCOUNT}, or have your organisation give you a seat."
_BY_CODE = {
    "expired_coupon": _SUBSCRIBE,
    MODEL_POLICY: _POLICY,
    "model_not_supported": _POLICY,
    "no_copilot_access": _SUBSCRIBE,
    "not_signed_up": _SUBSCRIBE,
    "revoked_coupon": _SUBSCRIBE,
    "subscription_ended": _SUBSCRIBE,
}


def cure(failure: ProviderError, name: str, resets_at: str) -> str | None:
    """The cure for a failed call or question; `name` is the instance's, `resets_at` that of its quota."""
    code = failure.error_code or ""
    if code == QUOTA:
        until = f"It is whole again on {resets_at}; " if resets_at else ""
        return f"{until}models with the multiplier 0 go on, and GitHub's settings can allow paid overage."
    if code == OLD_CLIENT:
        return f"Raise providers.{name}.editor_version and plugin_version to those of a current VS Code."
    return _BY_CODE.get(code) or _by_kind(failure, name)


def _by_kind(failure: ProviderError, name: str) -> str | None:
    again = f"Log in again: gaud login {name}"
    if isinstance(failure, LoginNeeded):
        return failure.hint or again
    if failure.http_status in {401, 403}:
        return f"{again} If that does not help, look at the subscription: {_ACCOUNT}"
    if isinstance(failure, UpstreamTimeout):
        return f"If the model needs longer, raise providers.{name}.timeout_secs."
    if isinstance(failure, UpstreamFailed):
        return f"Check that this machine reaches GitHub, and that providers.{name}.domain is right."
    return None
