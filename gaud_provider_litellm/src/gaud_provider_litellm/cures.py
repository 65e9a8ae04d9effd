"""What to do about a failure, in the words of the guide's troubleshooting."""

from __future__ import annotations

import re

from gaud_core import ProviderError, Unavailable, UpstreamFailed, UpstreamTimeout
from gaud_provider_litellm.settings import LiteLLMSettings

__all__ = ["cure"]

_NO_SUCH_MODEL = "LiteLLM has no model of this name: add it to LiteLLM's model_list, or see `gaud models`."
_BAD_KEY = frozenset({"auth_error", "expired_key", "no_db_connection", "token_not_found_in_db"})


def cure(failure: ProviderError, settings: LiteLLMSettings, section: str) -> str | None:
    """The cure for a failed call or question; `section` is where the instance's settings are."""
    if isinstance(failure, UpstreamTimeout):
        return _too_slow(section)
    if isinstance(failure, UpstreamFailed):
        return _not_reachable(section)
    if isinstance(failure, Unavailable):
        return (
            "Look in LiteLLM's log for the errors of the provider behind it, and check that provider's key."
        )
    if "invalid model name" in failure.message.lower():
        return _NO_SUCH_MODEL
    if exception := re.search(r"\blitellm\.([A-Z]\w+)", failure.message):
        return _behind_litellm(failure, exception[1])
    return _from_litellm(failure, settings, section)


def _too_slow(section: str) -> str:
    return (
        f"If the model needs longer, raise {section}.timeout_secs; check the stream_timeout of the model in "
        "LiteLLM, and that no proxy between Gaud and LiteLLM buffers streams."
    )


def _not_reachable(section: str) -> str:
    return (
        f"Check that LiteLLM runs and that {section}.url is its address: `curl <url>/health/liveliness` says "
        '"I\'m alive!". In Docker use the name of its service, as in http://litellm:4000, not localhost.'
    )


def _behind_litellm(failure: ProviderError, exception: str) -> str | None:
    """Errors that name one of LiteLLM's exceptions come from behind it, an unknown model apart."""
    if failure.http_status in {401, 403}:
        return (
            "The provider behind LiteLLM refuses its key: check the model's api_key in LiteLLM's model_list."
        )
    if "no healthy deployments" in failure.message.lower():
        return _NO_SUCH_MODEL
    if failure.http_status == 408 or exception == "Timeout":
        return "Raise the model's timeout, and its stream_timeout for streams, in LiteLLM's model_list."
    if failure.http_status >= 500:
        return "Look in LiteLLM's log for the error of the provider behind it, and check that provider's key."
    return None


def _from_litellm(failure: ProviderError, settings: LiteLLMSettings, section: str) -> str | None:
    code = failure.error_code or ""
    if code == "budget_exceeded":
        return (
            "LiteLLM's own budget is spent, not Gaud's: raise max_budget of the key, team or user in LiteLLM."
        )
    if code.endswith("_model_access_denied"):
        return f"In LiteLLM, allow this model to the key in {section}.api_key."
    if failure.http_status == 429:
        return _limited(failure.message)
    if settings.api_key is None and code == "internal_server_error":
        # 1.102 answers so to a call without any key when it has no database
        return f"LiteLLM may want a key: {_set_key(section)}"
    if failure.http_status in {401, 403} or code in _BAD_KEY:
        return f"LiteLLM refuses Gaud's key: {_set_key(section)}"
    return None


def _set_key(section: str) -> str:
    return (
        f"set {section}.api_key to the master_key of LiteLLM's general_settings, or to a valid virtual key."
    )


def _limited(message: str) -> str | None:
    if "no deployments available" in message.lower():
        return (
            "LiteLLM lets every deployment of this model cool down after failures: look for the cause in its "
            "log, add a deployment, or change allowed_fails and cooldown_time in its router_settings."
        )
    if message.startswith("Rate limit exceeded"):
        return (
            "A limit in LiteLLM is reached, not Gaud's: raise rpm_limit or tpm_limit of the key in LiteLLM."
        )
    return None
