"""`Copilot`: the login, the token of each call, the models, and calls in both directions."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import attrs

from gaud_core import (
    Call,
    Context,
    DeviceFlow,
    Health,
    LoginFailed,
    LoginNeeded,
    LoginProvider,
    Model,
    ProviderError,
    Reply,
    Screen,
    Secret,
    Timeouts,
    Token,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamRequest,
)
from gaud_provider_copilot.answers import mended
from gaud_provider_copilot.asking import get
from gaud_provider_copilot.asks import Ask, ask_of
from gaud_provider_copilot.catalog import CHAT, EMBEDDINGS, MESSAGES, RESPONSES, Entry, entries_from
from gaud_provider_copilot.cures import MODEL_POLICY, cure
from gaud_provider_copilot.editor import folder_of, login_of_editor
from gaud_provider_copilot.exchange import API, exchange, github_headers
from gaud_provider_copilot.hosts import Hosts
from gaud_provider_copilot.quota import PREMIUM, Quota, quota_in_header, quotas_from
from gaud_provider_copilot.refusals import refusal_or_error
from gaud_provider_copilot.settings import CopilotSettings
from gaud_provider_copilot.stream import mended_stream
from gaud_provider_copilot.words import sentence

__all__ = ["Copilot"]

_PATHS = {
    CHAT: "/chat/completions",
    RESPONSES: "/responses",
    MESSAGES: "/v1/messages",
    EMBEDDINGS: "/embeddings",
}
_INSIDE = ("x-quota-snapshot-", "x-copilot-", "x-usage-ratelimit-", "copilot-edits-session")
_LONGEST_WHOLE = 32 * 1024 * 1024


class Copilot(LoginProvider[CopilotSettings]):
    """The models of a GitHub Copilot subscription."""

    name = "copilot"
    label = "Copilot"
    endpoints = frozenset(_PATHS)
    patterns = ("gpt-*", "o1*", "o3*")
    refused_with: ClassVar[frozenset[int]] = frozenset({401, 403})

    def __init__(self, settings: CopilotSettings, ctx: Context) -> None:
        super().__init__(settings, ctx)
        self.hosts = Hosts(settings.domain)
        seconds = settings.timeout_secs
        self._timeouts = Timeouts(first_byte=seconds, idle=seconds, total=seconds)
        self._entries: dict[str, Entry] = {}
        self._quotas: dict[str, Quota] = {}
        self._editor = {
            "editor-version": settings.editor_version,
            "editor-plugin-version": settings.plugin_version,
            "user-agent": settings.user_agent,
            "x-github-api-version": settings.api_version,
        }
        self._always = {
            **self._editor,
            "content-type": "application/json",
            "accept-encoding": "identity",  # answers are read on their way
            "copilot-integration-id": settings.integration_id,
            "x-vscode-user-agent-library-version": "electron-fetch",
        }

    async def login(self, screen: Screen) -> Token:
        """Log in by a code that the person types in at GitHub."""
        flow = DeviceFlow(
            device_url=f"{self.hosts.web}/login/device/code",
            token_url=f"{self.hosts.web}/login/oauth/access_token",
            client_id=self.settings.client_id,
            scope="read:user",
            as_json=True,
        )
        github = await self.by_device_code(screen, flow)
        return await self._first_exchange(github.access_token)

    async def take_over(self, screen: Screen) -> Token:
        """Log in with the login that the user's editor has."""
        folder = folder_of(os.environ, Path.home())
        return await self._first_exchange(
            await asyncio.to_thread(login_of_editor, folder, self.settings.domain)
        )

    async def renew(self, token: Token) -> Token:
        """Exchange GitHub's token for a new one of Copilot."""
        if token.refresh_token is None:
            raise LoginNeeded(f"The login of `{self.ctx.name}` is incomplete.", hint=self._again)
        return await self._exchange(token.refresh_token)

    async def send(self, call: Call) -> Reply:
        """Send a call to the API that came with the token."""
        ask = ask_of(call, self.settings.initiator, self.settings.max_completion_tokens_for)
        self._look_for_policy(call.model)
        reply = await self.with_token(lambda token: self._send(call, ask, token))
        self._note_quota(reply)
        try:
            return await self._answer(call, reply)
        except BaseException:
            await reply.aclose()
            raise

    async def models(self) -> Sequence[Model]:
        """Ask for the models, and for what is left of the quota."""
        token = await self.token()
        headers = {**self._headers(token), "openai-intent": "model-access"}
        answer = await get(self.ctx.http(), f"{self._api(token)}/models", headers)
        if answer.status == 401:
            token = await self.token(refused=token)
            headers = {**self._headers(token), "openai-intent": "model-access"}
            answer = await get(self.ctx.http(), f"{self._api(token)}/models", headers)
        if answer.status != 200:
            told = sentence(answer.members.get("message")) or sentence(answer.text)
            refused = UpstreamRefused if answer.status < 500 else UpstreamFailed
            raise refused(
                f"Copilot answers {answer.status} when asked for its models: {told}", status=answer.status
            )
        self._entries = {entry.model.id: entry for entry in entries_from(answer.members)}
        await self._ask_for_quota(token)
        return [entry.model for entry in self._entries.values() if not entry.refusal]

    def models_interval(self) -> float:
        """Seconds between two questions, from the settings."""
        return self.settings.discover_interval_secs

    async def health(self) -> Health:
        """Say whether a login is there and holds; what is left of the quota is told beside it."""
        try:
            await self.token()
        except ProviderError as failure:
            return Health(healthy=False, detail=failure.message)
        return Health(healthy=True)

    def explain(self, failure: ProviderError) -> str | None:
        """Name the cure."""
        quota = self._quotas.get(PREMIUM)
        return cure(failure, self.ctx.name, quota.resets_at if quota else "")

    @property
    def _again(self) -> str:
        return f"Run: gaud login {self.ctx.name}"

    async def _exchange(self, github_token: Secret) -> Token:
        return await exchange(self.ctx.http(), self.hosts, github_token, self._editor, self.clock())

    async def _first_exchange(self, github_token: Secret) -> Token:
        try:
            return await self._exchange(github_token)
        except ProviderError as failure:
            hint = self.explain(failure) if failure.http_status == 403 else None
            raise LoginFailed(" ".join(filter(None, (failure.message, hint)))) from None

    def _api(self, token: Token) -> str:
        return self.hosts.checked(token.extra.get(API))

    def _headers(self, token: Token) -> dict[str, str]:
        return {
            **self._always,
            "authorization": f"Bearer {token.access_token.reveal()}",
            "x-request-id": str(uuid.uuid4()),
        }

    async def _send(self, call: Call, ask: Ask, token: Token) -> Reply:
        headers = {**self._headers(token), **_headers_of(call)}
        if call.endpoint != EMBEDDINGS:
            headers["x-initiator"] = ask.initiator
        if ask.has_images:
            headers["copilot-vision-request"] = "true"
        url = f"{self._api(token)}{_PATHS[call.endpoint]}"
        return await self.ctx.send(
            UpstreamRequest(url, headers, ask.body.raw, call.stream, timeouts=self._timeouts)
        )

    async def _answer(self, call: Call, reply: Reply) -> Reply:
        if reply.status >= 400:
            return await refusal_or_error(reply, self.clock)
        shown = tuple(pair for pair in reply.headers if not pair[0].startswith(_INSIDE))
        reply = attrs.evolve(reply, headers=shown)
        if call.endpoint != CHAT or reply.header("content-encoding", "identity") != "identity":
            return reply
        content = reply.content
        if not isinstance(content, bytes) and reply.header("content-type").startswith("text/event-stream"):
            return attrs.evolve(reply, content=mended_stream(content, call))
        whole = content if isinstance(content, bytes) else await _joined(content)
        return attrs.evolve(reply, content=mended(whole, call))

    def _look_for_policy(self, model: str) -> None:
        entry = self._entries.get(model)
        if entry is not None and entry.refusal:
            raise UpstreamRefused(
                f"The account may not use `{model}`: its policy is `{entry.refusal}`.",
                status=403,
                code=MODEL_POLICY,
            )

    def _note_quota(self, reply: Reply) -> None:
        if (quota := quota_in_header(reply.headers)) is not None:
            known = self._quotas.get(quota.name)
            self._quotas[quota.name] = attrs.evolve(
                quota, resets_at=quota.resets_at or (known.resets_at if known else "")
            )

    async def _ask_for_quota(self, token: Token) -> None:
        """Keep what is known when GitHub does not say."""
        if token.refresh_token is None:
            return
        headers = github_headers(token.refresh_token, self._editor)
        try:
            answer = await get(self.ctx.http(), f"{self.hosts.api}/copilot_internal/user", headers)
        except ProviderError as failure:
            self.ctx.log.info("the quota is not known: %s", failure.message)
            return
        self._quotas |= quotas_from(answer.members)


def _headers_of(call: Call) -> Mapping[str, str]:
    """Give the headers that depend on the endpoint."""
    if call.endpoint != MESSAGES:
        return {"openai-intent": "conversation-panel"}
    own = {
        name: call.headers[name] for name in ("anthropic-version", "anthropic-beta") if name in call.headers
    }
    intent = {"openai-intent": "messages-proxy", "x-interaction-type": "messages-proxy"}
    return {"anthropic-version": "2023-06-01", **own, **intent}


async def _joined(content: AsyncIterator[bytes]) -> bytes:
    body = bytearray()
    async for piece in content:
        body += piece
        if len(body) > _LONGEST_WHOLE:
            raise UpstreamFailed(f"Copilot's answer is longer than {_LONGEST_WHOLE >> 20} MB.")
    return bytes(body)
