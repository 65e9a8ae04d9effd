"""`Kiro`: the login, the token of each call, the models, the quota, and calls in both directions."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

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
    UpstreamRefused,
)
from gaud_provider_kiro.allowances import Allowances
from gaud_provider_kiro.catalog import AUTO, Catalog
from gaud_provider_kiro.cures import cure
from gaud_provider_kiro.hosts import Hosts, machine_id
from gaud_provider_kiro.logins.accounts import Borrowed, other_programs, sources_of
from gaud_provider_kiro.logins.device import flow_for, registered
from gaud_provider_kiro.logins.login import Login
from gaud_provider_kiro.logins.renewal import renewed
from gaud_provider_kiro.service import Service
from gaud_provider_kiro.settings import KiroSettings

if TYPE_CHECKING:
    from gaud_provider_kiro.dialog import Dialog

__all__ = ["Kiro"]

T = TypeVar("T")

_DIALOG = "gaud_provider_kiro.dialog"
_PRICE = Price(subscription=True)


class Kiro(LoginProvider[KiroSettings], ChatProvider[KiroSettings]):
    """The models of a Kiro (Amazon Q Developer) subscription."""

    name = "kiro"
    label = "Kiro"

    def __init__(self, settings: KiroSettings, ctx: Context) -> None:
        super().__init__(settings, ctx)
        seconds = settings.timeout_secs
        self.hosts = Hosts(settings, machine_id(settings.machine_id, ctx.name, ctx.data_dir))
        self._sources = sources_of(settings, ctx.name, _home())
        self._key = None if self._sources or settings.api_key is None else Token(settings.api_key)
        self._catalog, self._allowances, self._trouble = Catalog(), Allowances(), ""
        self._region = self.hosts.region(Login())
        self._timeouts = Timeouts(first_byte=seconds, idle=seconds, total=seconds)
        self._service = Service(ctx, self.hosts, is_key=self._key is not None)

    @cached_property
    def tokens(self) -> TokenStore:
        """Where the token is kept: of a login that was made here, or a copy of another program's."""
        name = "borrowed.json" if self._sources else "token.json"
        return TokenStore(self.ctx.data_dir / name, self.ctx.name, clock=self.clock)

    @cached_property
    def _borrowed(self) -> Borrowed | None:
        return Borrowed(self._sources, self.tokens, self.ctx) if self._sources else None

    async def start(self) -> None:
        """Load what the first call needs, which takes a while, beside the others' calls."""
        await asyncio.to_thread(importlib.import_module, _DIALOG)
        await super().start()

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
        for source in other_programs(self.settings, _home()):
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

    def dropped(self, call: Call) -> Sequence[str]:
        """Name what Kiro has no word for."""
        from gaud_provider_kiro.openai import dropped_from

        return dropped_from(call.body.json())

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Translate the call, send it, and translate the answer event by event."""
        dialog = self._dialog(self._catalog, self._allowances.wait_secs(self.clock()))

        async def once(token: Token) -> Reply:
            self._region = self.hosts.region(Login.of(token))
            return await dialog.ask(call, token)

        try:
            reply = await self.with_token(once)
            async with aclosing(dialog.answer(reply)) as events:
                async for event in events:
                    yield event
        finally:
            self._allowances = self._allowances.after(dialog.credits)

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
        return cure(failure, self.ctx.name, self._region, self._allowances.reset_day)

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

    def _dialog(self, catalog: Catalog, wait_secs: int | None) -> Dialog:
        """Begin one; its module is loaded late, because importing a provider must stay cheap."""
        from gaud_provider_kiro.dialog import Dialog

        send, is_key = self.ctx.send, self._key is not None
        return Dialog(self.settings, self.hosts, send, self._timeouts, catalog, wait_secs, is_key=is_key)


def _home() -> Path:
    """Give the user's folder; a user without one, as containers may have, has no logins of other programs."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/nonexistent")
