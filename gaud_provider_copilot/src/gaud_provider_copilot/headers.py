"""The headers that GitHub and Copilot want of an editor, and those that depend on the call."""

from __future__ import annotations

import fnmatch
import uuid
from collections.abc import Mapping

import attrs

from gaud_core import Call, Secret
from gaud_provider_copilot.asks import Ask
from gaud_provider_copilot.catalog import EMBEDDINGS, MESSAGES
from gaud_provider_copilot.settings import CopilotSettings

__all__ = ["Headers"]


@attrs.frozen
class Headers:
    """Writes the headers of one instance, whose settings say which editor it claims to be."""

    settings: CopilotSettings

    def github(self, login: Secret) -> dict[str, str]:
        """Of a question to GitHub, with the token that a login gave."""
        accept = {"authorization": f"token {login.reveal()}", "accept": "application/json"}
        return {**accept, **self.editor()}

    def editor(self) -> dict[str, str]:
        """Of every request."""
        settings = self.settings
        return {
            "editor-version": settings.editor_version,
            "editor-plugin-version": settings.plugin_version,
            "user-agent": settings.user_agent,
            "x-github-api-version": settings.api_version,
        }

    def models(self, token: Secret) -> dict[str, str]:
        """Of the question for models."""
        return {**self._copilot(token), "openai-intent": "model-access"}

    def call(self, call: Call, ask: Ask, token: Secret) -> dict[str, str]:
        """Of a call: who began it and whether it holds images, because Copilot does not look for itself."""
        headers = {**self._copilot(token), "openai-intent": self.settings.intent}
        if call.endpoint == MESSAGES:
            headers |= self._messages(call.headers)
        if call.endpoint != EMBEDDINGS:
            headers["x-initiator"] = ask.initiator
        if ask.has_images:
            headers["copilot-vision-request"] = "true"
        return headers

    def _copilot(self, token: Secret) -> dict[str, str]:
        return {
            **self.editor(),
            "content-type": "application/json",
            "accept-encoding": "identity",  # answers are read on their way
            "authorization": f"Bearer {token.reveal()}",
            "copilot-integration-id": self.settings.integration_id,
            "x-request-id": str(uuid.uuid4()),
            "x-vscode-user-agent-library-version": "electron-fetch",
        }

    def _messages(self, client: Mapping[str, str]) -> dict[str, str]:
        """Of Anthropic's endpoint, which is a proxy with a version and habits of its own."""
        headers = {
            "anthropic-version": client.get("anthropic-version", "2023-06-01"),
            "openai-intent": "messages-proxy",
            "x-interaction-type": "messages-proxy",
            "x-github-api-version": self.settings.messages_api_version,
        }
        wanted = [beta.strip() for beta in client.get("anthropic-beta", "").split(",")]
        betas = [beta for beta in wanted if beta and self._takes(beta)]
        return {**headers, **({"anthropic-beta": ",".join(betas)} if betas else {})}

    def _takes(self, beta: str) -> bool:
        return any(fnmatch.fnmatchcase(beta.lower(), glob) for glob in self.settings.betas)
