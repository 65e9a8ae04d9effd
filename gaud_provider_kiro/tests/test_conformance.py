"""Kiro passes the kit that every provider passes, its login too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gaud_core import Usage
from gaud_core.testing import (
    Answer,
    ChatProviderTests,
    LiveProviderTests,
    LoginProviderTests,
    ScriptedOAuth,
    ScriptedUpstream,
)
from gaud_provider_kiro import Kiro

from .eventstream import event
from .kiro import LIMITS, MODELS, TAIL, ScriptedKiro, answer, calls, refusal, says

_TOKENS = {"uncachedInputTokens": 3, "cacheReadInputTokens": 2, "outputTokens": 7, "totalTokens": 12}
_COUNTED = (event("metadataEvent", {"tokenUsage": _TOKENS}), *TAIL)


def _urls(url: str) -> Mapping[str, Any]:
    return {"api_url": url, "desktop_url": url, "sso_url": url}


class TestKiro(ChatProviderTests):
    """Kiro speaks something else; a key takes the place of the login."""

    provider = Kiro
    model = "claude-sonnet-4.5"
    usage = Usage(5, 7)

    def settings(self, url: str) -> Mapping[str, Any]:
        """One server for all hosts."""
        return {**_urls(url), "api_key": "ksk_test_8d1f"}

    def upstream_pages(self) -> Mapping[str, Answer]:
        """What Kiro answers at paths that are no calls."""
        return {
            "/ListAvailableModels": Answer.json({"models": MODELS}),
            "/getUsageLimits": Answer.json(LIMITS),
        }

    def upstream_answer(self, pieces: Sequence[str], *, stream: bool) -> Answer:
        """Always a stream."""
        return says(pieces, tail=_COUNTED)

    def upstream_error(self, status: int, message: str, retry_after: int | None = None) -> Answer:
        """A message, and no reason."""
        return refusal(status, message, retry_after=retry_after)

    def upstream_tool_answer(self, name: str, arguments: Sequence[str], *, stream: bool) -> Answer | None:
        """In pieces."""
        return answer(*calls(name, arguments), tail=_COUNTED)


class TestKiroLogin(LoginProviderTests):
    """AWS's device flow with a client that is registered before, and its renewal."""

    provider = Kiro
    model = "claude-sonnet-4.5"

    def settings(self, url: str) -> Mapping[str, Any]:
        """One server for all hosts."""
        return _urls(url)

    def token_server(self, upstream: ScriptedUpstream, clock: Callable[[], float]) -> ScriptedOAuth:
        """AWS."""
        kiro = ScriptedKiro(clock=clock)
        kiro.install(upstream)
        return kiro

    def upstream_answer(self) -> Answer:
        """A text."""
        return says(["Hello"])


class TestKiroLive(LiveProviderTests):
    """The real one, with credentials from the variables."""

    provider = Kiro
    model = "auto"
