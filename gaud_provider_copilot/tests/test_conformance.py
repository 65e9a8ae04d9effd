"""Copilot passes the kit that every provider passes, its login too."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from gaud_core import Token, TokenStore
from gaud_core.testing import (
    Answer,
    HTTPProviderTests,
    LiveProviderTests,
    LoginProviderTests,
    ScriptedUpstream,
)
from gaud_provider_copilot import Copilot

from .answering import model
from .github import ScriptedGitHub

EDITOR = frozenset(
    {"api_version", "client_id", "discover_interval_secs", "editor_version", "initiator", "integration_id"}
    | {"max_completion_tokens_for", "plugin_version", "user_agent"}
)
"""Settings that hardly anybody needs."""


def _domain(url: str) -> Mapping[str, Any]:
    return {"domain": url.partition("://")[2]}


class TestCopilot(HTTPProviderTests):
    """Copilot speaks OpenAI's dialect, but for its quirks, which have tests of their own."""

    provider = Copilot
    model = "gpt-4o"
    without_variable = EDITOR

    def settings(self, url: str) -> Mapping[str, Any]:
        """One server for all hosts."""
        return _domain(url)

    def token(self, url: str) -> Token | None:
        """A login that was made before."""
        return Token("copilot-test-1", "ghu-test-1", 4_000_000_000.0, extra={"api": url})

    def upstream_pages(self) -> Mapping[str, Answer]:
        """What GitHub and Copilot answer at paths that are no calls."""
        exchanged = {"token": "copilot-test-2", "expires_at": 4_000_000_000, "refresh_in": 1_500}
        return {
            "/models": Answer.json({"object": "list", "data": [model("gpt-4o")]}),
            "/copilot_internal/v2/token": Answer.json(exchanged),
            "/copilot_internal/user": Answer.json({"quota_snapshots": {}}),
        }


class TestCopilotLogin(LoginProviderTests):
    """GitHub's device flow, and the exchange as the renewal."""

    provider = Copilot
    model = "gpt-4o"

    def settings(self, url: str) -> Mapping[str, Any]:
        """One server for all hosts."""
        return _domain(url)

    def token_server(self, upstream: ScriptedUpstream, clock: Callable[[], float]) -> Any:
        """GitHub."""
        github = ScriptedGitHub(clock=clock)
        github.install(upstream)
        return github


class TestCopilotLive(LiveProviderTests):
    """The real one, with the login that `gaud login copilot` has made."""

    provider = Copilot
    model = "gpt-4o"

    def live_token(self) -> Token | None:
        """GitHub's token does not change when it is exchanged, so that a copy harms nobody."""
        folder = os.environ.get("GAUD_DATA_DIR") or user_data_path("gaud", appauthor=False)
        return TokenStore(Path(folder) / "copilot" / "token.json").load()
