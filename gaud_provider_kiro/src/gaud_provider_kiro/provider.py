"""`Kiro`: the login, the token of each call, the models, the quota, and calls in both directions."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import attrs

from gaud_core import (
    Call,
    ChatProvider,
    Context,
    Event,
    Health,
    LoginFailed,
    LoginProvider,
    Model,
    Price,
    ProviderError,
    Quota,
    Reply,
    Screen,
    Timeouts,
    Token,
    TokenFileError,
    TokenStore,
    UpstreamFailed,
    UpstreamRefused,
)
from gaud_provider_kiro.allowances import Allowances
from gaud_provider_kiro.calls import CallReader
from gaud_provider_kiro.catalog import AUTO, Catalog
from gaud_provider_kiro.cures import cure
from gaud_provider_kiro.events import Failure, event_of
from gaud_provider_kiro.frames import BadFrame, FrameReader
from gaud_provider_kiro.from_kiro import AnswerReader
from gaud_provider_kiro.hosts import Hosts, machine_id
from gaud_provider_kiro.logins.accounts import Borrowed, other_programs, sources_of
from gaud_provider_kiro.logins.device import flow_for, registered
from gaud_provider_kiro.logins.login import Login
from gaud_provider_kiro.logins.renewal import renewed
from gaud_provider_kiro.openai import dropped_from
from gaud_provider_kiro.refusals import error_for, refusal_of_failure
from gaud_provider_kiro.service import Service
from gaud_provider_kiro.settings import KiroSettings
from gaud_provider_kiro.stops import StopReader
from gaud_provider_kiro.thinking import ThinkingReader
from gaud_provider_kiro.to_kiro import Asked, Manner, ask_kiro
from gaud_provider_kiro.tokens import Meter

__all__ = ["Kiro"]

T = TypeVar("T")

_LONGEST_ANSWER = 64 * 1024 * 1024
_PRICE = Price(subscription=True)


class Kiro(LoginProvider[KiroSettings], ChatProvider[KiroSettings]):
    """The models of a Kiro (Amazon Q Developer) subscription."""

    name = "kiro"
    label = "Kiro"

    def __init__(self, settings: KiroSettings, ctx: Context) -> None:
        super().__init__(settings, ctx)
        seconds = settings.timeout_secs
        self.hosts = Hosts(settings, machine_id(settings.machine_id, ctx.name, ctx.data_dir))
        self._sources = sources_of(settings, ctx.name, Path.home())
        self._key = None if self._sources or settings.api_key is None else Token(settings.api_key)
        self._catalog, self._allowances, self._trouble = Catalog(), Allowances(), ""
        self._service = Service(
            ctx,
            self.hosts,
            Timeouts(first_byte=seconds, idle=seconds, total=seconds),
            is_key=self._key is not None,
            wait_secs=lambda: self._allowances.wait_secs(self.clock()),
        )

    @cached_property
    def tokens(self) -> TokenStore:
        """Where the token is kept: of a login that was made here, or a copy of another program's."""
        name = "borrowed.json" if self._sources else "token.json"
        return TokenStore(self.ctx.data_dir / name, self.ctx.name, clock=self.clock)

    @cached_property
    def _borrowed(self) -> Borrowed | None:
        return Borrowed(self._sources, self.tokens, self.ctx) if self._sources else None

    async def login(self, screen: Screen) -> Token:
        """Log in by a code that the person types in at AWS."""
        self._refuse_useless_login()
        region = self.settings.sso_region
        url = self.hosts.sso(region)
        login = await registered(self.ctx.http(), url, region)
        token = await self.by_device_code(screen, flow_for(login, url, self.settings.start_url))
        return attrs.evolve(token, extra=login.extra())

    async def take_over(self, screen: Screen) -> Token:
        """Take the login of the Kiro IDE or of kiro-cli."""
        self._refuse_useless_login()
        for source in other_programs(self.settings, Path.home()):
            try:
                token = await asyncio.to_thread(source.read)
            except TokenFileError as error:
                raise LoginFailed(str(error)) from None
            if token is not None:
                login = attrs.evolve(Login.of(token), seed="")
                return attrs.evolve(token, extra=login.extra())
        raise LoginFailed("Neither the Kiro IDE nor kiro-cli has a login here. Log in without --import.")

    async def renew(self, token: Token) -> Token:
        """Get a new token for an old one, where the old one comes from."""
        if self._borrowed is not None:
            return await self._borrowed.renew(token, self._renewed)
        return await self._renewed(token)

    async def token(self, *, refused: Token | None = None) -> Token:
        """Give the token for a call: the first credentials of the settings, else those of `gaud login`."""
        if self._key is not None:
            return self._key
        if self._borrowed is not None:
            await self._borrowed.look()
        return await super().token(refused=refused)

    async def send(self, call: Call) -> Reply:
        """Answer, and name what of the request could not be said to Kiro."""
        reply = await super().send(call)
        if dropped := dropped_from(call.body.json()):
            return attrs.evolve(reply, headers=(*reply.headers, ("x-gaud-dropped", ", ".join(dropped))))
        return reply

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Translate the call, send it, and translate the answer event by event."""
        asked: list[Asked] = []

        async def once(token: Token) -> Reply:
            asked[:] = [self._ask(call, Login.of(token))]
            return await self._service.call(asked[0], token, stream=call.stream)

        reply = await self.with_token(once)
        reader = self._reader(asked[0])
        try:
            async with aclosing(_told(reply, reader)) as events:
                async for event in events:
                    yield event
        finally:
            await reply.aclose()
            self._allowances = self._allowances.after(reader.meter.credits)

    def known_models(self) -> Sequence[Model]:
        """Give `auto`, for which Kiro chooses a model, and the models of the settings."""
        names, known = dict.fromkeys((AUTO, *self.settings.models)), self._catalog.models
        return [known.get(name) or Model(name, owned_by="kiro", price=_PRICE) for name in names]

    async def models(self) -> Sequence[Model]:
        """Ask for the models, and for what is left of the quota."""
        try:
            self._catalog = await self._with_token(self._service.models)
        except ProviderError as failure:
            self._trouble = failure.message
            raise
        self._trouble = ""
        try:
            self._allowances = await self._with_token(self._service.allowances)
        except ProviderError as failure:
            self.ctx.log.info("the quota is not known: %s", failure.message)
        return list(self._catalog.models.values())

    def models_interval(self) -> float:
        """Seconds between two questions, from the settings."""
        return self.settings.discover_interval_secs

    async def health(self) -> Health:
        """Say whether there is a token that holds, and whether Kiro answered when it was asked last."""
        try:
            await self.token()
        except ProviderError as failure:
            return Health(healthy=False, detail=failure.message)
        return Health(healthy=not self._trouble, detail=self._trouble)

    def quotas(self) -> Sequence[Quota]:
        """Give what is left, less what calls have taken since it was asked for."""
        return self._allowances.quotas

    def explain(self, failure: ProviderError) -> str | None:
        """Name the cure."""
        region = self.hosts.region(Login())
        return cure(failure, self.ctx.name, region, self._allowances.reset_day)

    def _refuse_useless_login(self) -> None:
        if self._sources or self._key is not None:
            raise LoginFailed(
                f"[providers.{self.ctx.name}] has credentials of its own, which go before a login. Take them "
                "out first: refresh_token, credentials_file, ide_login, cli_login, cli_database, api_key."
            )

    async def _renewed(self, token: Token) -> Token:
        return await renewed(self.ctx.http(), self.hosts, token, self.clock)

    async def _with_token(self, ask: Callable[[Token], Awaitable[T]]) -> T:
        """Ask with the token; if that is refused, once more with a new one."""
        token = await self.token()
        try:
            return await ask(token)
        except UpstreamRefused as refusal:
            if refusal.http_status not in self.refused_with:
                raise
            new = await self.token(refused=token)
            if new.access_token == token.access_token:
                raise
            return await ask(new)

    def _ask(self, call: Call, login: Login) -> Asked:
        manner = Manner(
            model=self._catalog.model_for(call.model),
            origin=self.hosts.origin,
            profile_arn=self.hosts.profile(login),
            thinking=self.settings.thinking,
            removed_from_schemas=frozenset(self.settings.removed_from_schemas),
        )
        return ask_kiro(call.body.json(), manner, (str(uuid.uuid4()), str(uuid.uuid4())))

    def _reader(self, asked: Asked) -> AnswerReader:
        return AnswerReader(
            meter=Meter(asked.guessed_tokens, self._catalog.window(asked.model)),
            calls=CallReader(asked.toolbox.own_name),
            failed=self._failed,
            stops=StopReader(asked.chat.stop),
            thoughts=ThinkingReader() if asked.emulates_thinking else None,
            max_tokens=asked.chat.max_tokens,
            needs_tail=self.settings.require_tail,
        )

    def _failed(self, failure: Failure) -> ProviderError:
        return error_for(refusal_of_failure(failure), (), self._allowances.wait_secs(self.clock()))


async def _told(reply: Reply, reader: AnswerReader) -> AsyncGenerator[Event, None]:
    """Give the events of an answer, and its end."""
    frames = FrameReader()
    async for piece in _pieces(reply):
        try:
            for frame in frames.feed(piece):
                if (told := event_of(frame)) is not None:
                    for event in reader.read(told):
                        yield event
                if reader.is_over:
                    break
        except BadFrame as wrong:
            raise UpstreamFailed(f"Kiro's answer is no event stream: {wrong}.") from None
        if reader.is_over:
            break
    if frames.is_torn and not reader.is_over:
        raise UpstreamFailed("Kiro broke off in the middle of an event.", code="upstream_broke_off")
    for event in reader.end():
        yield event


async def _pieces(reply: Reply) -> AsyncIterator[bytes]:
    if isinstance(reply.content, bytes):
        yield reply.content
        return
    size = 0
    async for piece in reply.content:
        size += len(piece)
        if size > _LONGEST_ANSWER:
            raise UpstreamFailed(f"Kiro's answer is longer than {_LONGEST_ANSWER >> 20} MB.")
        yield piece
