"""The settings of [providers.litellm]."""

from __future__ import annotations

import re

from gaud_core import Secret, http_url, option, settings

__all__ = ["LiteLLMSettings"]


def _base_url(value: str) -> str:
    """Forgive the `/v1` that OpenAI's clients want at the end of the same address."""
    return http_url(value).removesuffix("/v1").rstrip("/")


def _header_safe(key: Secret) -> Secret:
    if not re.fullmatch(r"[\x21-\x7e]+", key.reveal()):
        raise ValueError("a key is made of letters, digits and signs, without spaces or line breaks.")
    return key


def _names(values: tuple[str, ...]) -> tuple[str, ...]:
    if not all(value.strip() and value.isprintable() for value in values):
        raise ValueError("the name of a model is neither empty nor has line breaks.")
    return tuple(dict.fromkeys(value.strip() for value in values))


@settings
class LiteLLMSettings:
    """Settings of [providers.litellm]: where LiteLLM is, its key, its models and how long to wait."""

    url: str = option(
        env="URL", help="Base URL of the LiteLLM proxy.", label="LiteLLM URL", check=_base_url, creates=True
    )
    api_key: Secret | None = option(
        default=None, env="API_KEY", help="LiteLLM's master key, or a virtual key of it.", check=_header_safe
    )
    discover_models: bool = option(
        default=True,
        env="DISCOVER",
        help="Whether to ask LiteLLM for its models, at start and again and again.",
    )
    discover_interval_secs: float = option(
        default=300.0, help="Time between two questions for models.", ge=1, unit="seconds"
    )
    models: tuple[str, ...] = option(
        default=(), help="Models that are always listed, with or without the prefix `litellm:`.", check=_names
    )
    timeout_secs: float = option(
        default=120.0,
        env="TIMEOUT",
        label="Timeout",
        help="Longest time for a whole answer, and longest silence in a stream.",
        gt=0,
        unit="seconds",
    )
    connect_timeout_secs: float = option(
        default=10.0, help="Longest time until the connection to LiteLLM stands.", gt=0, unit="seconds"
    )
    first_byte_timeout_secs: float | None = option(
        default=None,
        help="Longest time until an answer begins; without it, `timeout_secs`.",
        gt=0,
        unit="seconds",
    )
    expose_headers: tuple[str, ...] = option(
        default=(), help="Headers of LiteLLM's own that clients may see, such as `x-litellm-*`.", check=_names
    )
