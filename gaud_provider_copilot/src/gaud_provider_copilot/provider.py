"""`Copilot`: the login, the token of each call, the models, and calls in both directions."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

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
    Quota,
    Reply,
    Screen,
    Secret,
    Timeouts,
    Token,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamRequest,
    replace,
)
from gaud_provider_copilot.answers import mended
from gaud_provider_copilot.asking import Answer, Rest, get
from gaud_provider_copilot.asks import Ask, ask_of
from gaud_provider_copilot.catalog import CHAT, MESSAGES, PATHS, Entry, entries_from
from gaud_provider_copilot.cures import MODEL_POLICY, WRONG_ENDPOINT, cure
from gaud_provider_copilot.editor import folder_of, login_of_editor
from gaud_provider_copilot.exchange import API, DOMAIN, exchange
from gaud_provider_copilot.headers import Headers
from gaud_provider_copilot.hosts import Hosts
from gaud_provider_copilot.quota import PREMIUM, free_quotas, quotas_from, quotas_in_headers
from gaud_provider_copilot.refusals import refusal_or_error
from gaud_provider_copilot.settings import CopilotSettings
from gaud_provider_copilot.stream import mended_stream
from gaud_provider_copilot.words import retry_seconds, sentence

__all__ = ["Copilot"]

_INSIDE = ("x-quota-snapshot-", "x-copilot-", "x-usage-ratelimit-", "copilot-edits-session")
_LONGEST_WHOLE = 32 * 1024 * 1024
_DOUBT_SECS = 1500.0
_PAUSES_SECS = (1.0, 4.0)


class Copilot(LoginProvider[CopilotSettings]):
    """The models of a GitHub Copilot subscription."""

    name = "copilot"
    label = "Copilot"
    endpoints = frozenset(PATHS)
    patterns = ("gpt-*", "o1*", "o3*")

    def __init__(self, settings: CopilotSettings, ctx: Context) -> None:
        super().__init__(settings, ctx)
        self.hosts = Hosts(settings.domain)
        self.headers = Headers(settings)
        seconds = settings.timeout_secs
        self._timeouts = Timeouts(first_byte=seconds, idle=seconds, total=seconds)
        self._entries: dict[str, Entry] = {}
        self._quotas: dict[str, Quota] = {}
        self._rest = Rest()
        self._doubted_at = float("-inf")

    async def start(self) -> None:
        """Make the client for questions in a thread: loading the certificates would hold everybody up."""
        await super().start()
        await asyncio.to_thread(self.ctx.http)

    async def login(self, screen: Screen) -> Token:
        """Log in by a code that the person types in at GitHub."""
        flow = DeviceFlow(
            device_url=f"{self.hosts.web}/login/device/code",
            token_url=f"{self.hosts.web}/login/oauth/access_token",
            client_id=self.settings.client_id,
            scope="read:user",
            headers={"user-agent": self.settings.user_agent},
            as_json=True,
        )
        github = await self.by_device_code(screen, flow)
        return await self._first_exchange(github.access_token, screen)

    async def take_over(self, screen: Screen) -> Token:
        """Log in with the login that the user's editor has."""
        folder, settings = folder_of(os.environ, Path.home()), self.settings
        login = await asyncio.to_thread(login_of_editor, folder, settings.domain, settings.client_id)
        return await self._first_exchange(login, screen)

    async def renew(self, token: Token) -> Token:
        """Exchange GitHub's token for a new one of Copilot."""
        return await self._exchange(self._login_of(token))

    async def send(self, call: Call) -> Reply:
        """Send a call to the API that came with the token."""
        self._check(call)
        ask = ask_of(call, self.settings.initiator, self.settings.max_completion_tokens_for)
        reply = await self._sent(call, ask)
        self._quotas |= quotas_in_headers(reply.headers)
        try:
            reply = await self._answer(call, reply)
        except BaseException:
            await reply.aclose()
            raise
        return replace(reply, milliunits=0) if ask.initiator == "agent" else reply

    async def models(self) -> Sequence[Model]:
        """Ask for the models, and for what is left of the quota."""
        token = await self.token()
        self._rest.check(self.clock())
        answer = await self._ask_for_models(token)
        if answer.status == 401:
            token = await self.token(refused=token)
            answer = await self._ask_for_models(token)
        if answer.status != 200:
            refusal = _no_models(answer, self.clock())
            self._rest.note(refusal, self.clock())
            raise refusal
        self._entries = {entry.model.id: entry for entry in entries_from(answer.members)}
        self._quotas |= free_quotas(token.extra) | await self._ask_for_quotas(token)
        return [entry.model for entry in self._entries.values() if not entry.refusal]

    def models_interval(self) -> float:
        """Seconds between two questions, from the settings."""
        return self.settings.discover_interval_secs

    async def health(self) -> Health:
        """Say whether a login is there and holds; the questions for models say whether Copilot answers."""
        try:
            await self.token()
        except ProviderError as failure:
            return Health(healthy=False, detail=failure.message)
        return Health(healthy=True)

    def quotas(self) -> Sequence[Quota]:
        """Give the premium requests, and whatever else has an end."""
        told = [quota for name, quota in self._quotas.items() if name == PREMIUM or not quota.unlimited]
        return sorted(told, key=lambda quota: (quota.name != PREMIUM, quota.name))

    def explain(self, failure: ProviderError) -> str | None:
        """Name the cure."""
        quota = self._quotas.get(PREMIUM)
        return cure(failure, self.ctx.name, quota.resets_at if quota else "")

    async def _exchange(self, login: Secret) -> Token:
        http, now = self.ctx.http(), self.clock()
        return await exchange(http, self.hosts, login, self.headers.github(login), now)

    async def _first_exchange(self, login: Secret, screen: Screen) -> Token:
        """See whether the login is worth anything before it is kept."""
        try:
            token = await self._exchange_patiently(login)
        except ProviderError as failure:
            hint = self.explain(failure) if failure.http_status == 403 else None
            raise LoginFailed(" ".join(filter(None, (failure.message, hint)))) from None
        account = await self._account(login)
        if account:
            screen.say(f"The account is {account}, at {self.hosts.domain}.")
        return token

    async def _exchange_patiently(self, login: Secret) -> Token:
        """Try again when the network fails: else the person would have to begin anew."""
        for pause in _PAUSES_SECS:
            try:
                return await self._exchange(login)
            except ProviderError as failure:
                if failure.http_status < 500:
                    raise
                await self.sleep(pause)
        return await self._exchange(login)

    async def _account(self, login: Secret) -> str:
        """Give the account's name; a login is good without it."""
        try:
            answer = await get(self.ctx.http(), f"{self.hosts.api}/user", self.headers.github(login))
        except ProviderError:
            return ""
        return sentence(answer.members.get("login"))

    def _login_of(self, token: Token) -> Secret:
        """Give GitHub's token, unless it is for another domain: it must not be shown to a stranger."""
        again = f"Run: gaud login {self.ctx.name}"
        if token.extra.get(DOMAIN, self.hosts.domain) != self.hosts.domain:
            message = f"The login of `{self.ctx.name}` is for another domain than {self.hosts.domain}."
            raise LoginNeeded(message, hint=again)
        if token.refresh_token is None:
            raise LoginNeeded(f"The login of `{self.ctx.name}` is incomplete.", hint=again)
        return token.refresh_token

    def _api(self, token: Token) -> str:
        self._login_of(token)
        return self.hosts.checked(token.extra.get(API))

    async def _ask_for_models(self, token: Token) -> Answer:
        headers = self.headers.models(token.access_token)
        return await get(self.ctx.http(), f"{self._api(token)}/models", headers)

    async def _ask_for_quotas(self, token: Token) -> dict[str, Quota]:
        """Give nothing when GitHub does not say: what is known stays."""
        headers = self.headers.github(self._login_of(token))
        try:
            answer = await get(self.ctx.http(), f"{self.hosts.api}/copilot_internal/user", headers)
        except ProviderError as failure:
            self.ctx.log.info("the quota is not known: %s", failure.message)
            return {}
        return quotas_from(answer.members)

    def _check(self, call: Call) -> None:
        """Refuse what the catalogue says that Copilot would refuse, with more words than it has."""
        entry = self._entries.get(call.model)
        if entry is None:
            return
        if entry.refusal:
            message = f"The account may not use `{call.model}`: its policy is `{entry.refusal}`."
            raise _unsent(UpstreamRefused(message, status=403, code=MODEL_POLICY, param="model"))
        if not entry.serves(call.endpoint):
            others = " or ".join(f"/v1/{endpoint}" for endpoint in sorted(entry.model.endpoints or ()))
            message = f"Copilot does not serve `{call.model}` at /v1/{call.endpoint}. Call it at {others}."
            raise _unsent(UpstreamRefused(message, status=400, code=WRONG_ENDPOINT, param="model"))

    async def _sent(self, call: Call, ask: Ask) -> Reply:
        """Send a call; after a 401 once more with a new token.

        What an account may do is written in its token, so a 402 or 403 may speak of yesterday. Then the token
        is renewed too, but not again and again, and a used up quota is not tried once more.
        """
        reply = await self.with_token(lambda token: self._send(call, ask, token))
        now = self.clock()
        if reply.status not in {402, 403} or 0 <= now - self._doubted_at < _DOUBT_SECS:
            return reply
        self._doubted_at = now
        try:
            token = await self.token(refused=await self.token())
        except BaseException as failure:
            if reply.status == 402 and isinstance(failure, ProviderError):
                return reply
            await reply.aclose()
            raise
        if reply.status == 402:
            return reply
        await reply.aclose()
        return await self._send(call, ask, token)

    async def _send(self, call: Call, ask: Ask, token: Token) -> Reply:
        url = f"{self._api(token)}{PATHS[call.endpoint]}"
        headers = self.headers.call(call, ask, token.access_token)
        return await self.ctx.send(
            UpstreamRequest(url, headers, ask.body.raw, call.stream, timeouts=self._timeouts)
        )

    async def _answer(self, call: Call, reply: Reply) -> Reply:
        if reply.status >= 400:
            return await refusal_or_error(reply, self.clock, as_openai=call.endpoint != MESSAGES)
        shown = tuple(pair for pair in reply.headers if not pair[0].startswith(_INSIDE))
        reply = replace(reply, headers=shown)
        if call.endpoint != CHAT or reply.header("content-encoding", "identity") != "identity":
            return reply
        content = reply.content
        if not isinstance(content, bytes) and reply.header("content-type").startswith("text/event-stream"):
            return replace(reply, content=mended_stream(content, call))
        whole = content if isinstance(content, bytes) else await _joined(content)
        return replace(reply, content=mended(whole, call))


def _unsent(refusal: UpstreamRefused) -> UpstreamRefused:
    refusal.unsent = True
    return refusal


def _no_models(answer: Answer, now: float) -> ProviderError:
    error = answer.members.get("error")
    members = error if isinstance(error, dict) else answer.members
    told = sentence(members.get("message")) or sentence(answer.text) or "it says no more"
    message = f"Copilot answers {answer.status} when asked for its models: {told}"
    if answer.status >= 500:
        return UpstreamFailed(message)
    return UpstreamRefused(
        message, status=max(answer.status, 400), retry_after=retry_seconds(answer.retry_after, now)
    )


async def _joined(content: AsyncIterator[bytes]) -> bytes:
    body = bytearray()
    async for piece in content:
        body += piece
        if len(body) > _LONGEST_WHOLE:
            raise UpstreamFailed(f"Copilot's answer is longer than {_LONGEST_WHOLE >> 20} MB.")
    return bytes(body)
