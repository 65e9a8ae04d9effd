"""The settings of [providers.copilot]."""

from __future__ import annotations

import re
from typing import Literal

from gaud_core import option, settings

__all__ = ["CopilotSettings"]

_DOMAIN = re.compile(r"(?!-)[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?")


def _domain(value: str) -> str:
    """Forgive what people copy along from the address bar."""
    domain = value.strip().lower().partition("://")[2] or value.strip().lower()
    domain = domain.partition("/")[0]
    if not _DOMAIN.fullmatch(domain):
        raise ValueError("that is no domain; it looks like github.com or company.ghe.com.")
    return domain


def _header_safe(value: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?", value):
        raise ValueError("a header holds plain characters only.")
    return value


def _globs(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value.strip().lower() for value in values if value.strip())


@settings
class CopilotSettings:
    """Settings of [providers.copilot]; an empty section is enough, the rest is the login."""

    domain: str = option(
        default="github.com",
        env="DOMAIN",
        help="Where the account is: github.com, or company.ghe.com with GitHub Enterprise.",
        creates=True,
        check=_domain,
    )
    timeout_secs: float = option(
        default=300.0,
        env="TIMEOUT",
        label="Timeout",
        help="Longest time for a whole answer, and longest silence in a stream.",
        gt=0,
        unit="seconds",
    )
    discover_interval_secs: float = option(
        default=1800.0, help="Time between two questions for models and quota.", ge=10, unit="seconds"
    )
    initiator: Literal["last", "any"] = option(
        default="last",
        help="Which call counts as an agent's and not as a user's: one whose `last` message is not the "
        "user's, or one with `any` message that is not.",
    )
    max_completion_tokens_for: tuple[str, ...] = option(
        default=("gpt-5*", "o1*", "o3*", "o4*"),
        help="Models that want `max_completion_tokens` where a client sends `max_tokens`.",
        check=_globs,
    )
    client_id: str = option(
        default="Iv1.b507a08c87ecfe98", help="The app that a login is for.", check=_header_safe
    )
    editor_version: str = option(
        default="vscode/1.104.3", help="The header `editor-version`.", check=_header_safe
    )
    plugin_version: str = option(
        default="copilot-chat/0.26.7", help="The header `editor-plugin-version`.", check=_header_safe
    )
    user_agent: str = option(
        default="GitHubCopilotChat/0.26.7", help="The header `user-agent`.", check=_header_safe
    )
    integration_id: str = option(
        default="vscode-chat", help="The header `copilot-integration-id`.", check=_header_safe
    )
    intent: str = option(
        default="conversation-panel", help="The header `openai-intent` of a call.", check=_header_safe
    )
    api_version: str = option(
        default="2025-04-01", help="The header `x-github-api-version`.", check=_header_safe
    )
    messages_api_version: str = option(
        default="2026-06-01", help="The same for calls to `messages`.", check=_header_safe
    )
    betas: tuple[str, ...] = option(
        default=("interleaved-thinking-*",),
        help="What of a client's `anthropic-beta` goes along; Copilot refuses what it does not know.",
        check=_globs,
    )
