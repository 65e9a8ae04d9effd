"""The login of one instance: its own, or a copy of another program's that is kept up to date."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import attrs

from gaud_core import Context, LoginNeeded, Secret, Token, TokenFileError, TokenStore, UpstreamRefused
from gaud_provider_kiro.logins.database import DatabaseSource, usual_databases
from gaud_provider_kiro.logins.files import FileSource, ide_file
from gaud_provider_kiro.logins.login import Login, fingerprint
from gaud_provider_kiro.logins.source import GivenSource, Source
from gaud_provider_kiro.settings import KiroSettings

__all__ = ["Borrowed", "other_programs", "sources_of"]

_WRITTEN_SECS = 0.1

Renew = Callable[[Token], Awaitable[Token]]


def sources_of(settings: KiroSettings, name: str, home: Path) -> list[Source]:
    """Give the places that the settings name, in their order."""
    section = f"providers.{name}"
    found: list[Source] = []
    if settings.refresh_token is not None:
        login = Login(settings.client_id, settings.client_secret, settings.sso_region, settings.profile_arn)
        found.append(GivenSource(settings.refresh_token, login, f"Set a new {section}.refresh_token."))
    files = settings.write_back != "none"
    if settings.credentials_file is not None:
        cure = f"Put a good login into the file of {section}.credentials_file."
        found.append(FileSource(settings.credentials_file, ide_file(home).parent, files, cure))
    if settings.ide_login:
        found.append(_ide(home, writes=files))
    if settings.cli_login or settings.cli_database is not None:
        paths = (settings.cli_database,) if settings.cli_database else usual_databases(home)
        found.append(_cli(paths, writes=settings.write_back == "all"))
    return found


def other_programs(settings: KiroSettings, home: Path) -> list[Source]:
    """Give the programs whose login a person may ask to take over, in their order."""
    paths = (settings.cli_database,) if settings.cli_database else usual_databases(home)
    return [_ide(home, writes=False), _cli(paths, writes=False)]


def _ide(home: Path, *, writes: bool) -> FileSource:
    path = ide_file(home)
    return FileSource(path, path.parent, writes, "Log in again in the Kiro IDE.")


def _cli(paths: tuple[Path, ...], *, writes: bool) -> DatabaseSource:
    return DatabaseSource(paths, writes, "Log in again: kiro-cli login")


async def _read_twice(source: Source) -> Token | None:
    """Read a login, once more if it cannot be used: another program may just be writing it."""
    try:
        return await asyncio.to_thread(source.read)
    except TokenFileError:
        await asyncio.sleep(_WRITTEN_SECS)
        return await asyncio.to_thread(source.read)


@attrs.define(eq=False)
class Borrowed:
    """Copies a login from where it comes from into Gaud's own file, and again when it has changed there.

    Gaud renews its copy; what it has renewed is not overwritten by the older one that it came from.
    """

    sources: Sequence[Source]
    tokens: TokenStore
    ctx: Context
    _seen: object = attrs.field(init=False, factory=object)
    _looking: asyncio.Lock = attrs.field(init=False, factory=asyncio.Lock)
    _told: str = ""

    async def look(self) -> None:
        """Copy the login if it is another one than before; LoginNeeded if there is none."""
        state = self._state()
        if state == self._seen:
            return
        async with self._looking:
            if state == self._seen:
                return
            _, token = await self._read()
            await self._keep(token)
            self._seen = state

    async def renew(self, token: Token, ask: Renew) -> Token:
        """Get a new token with `ask`, once more if the login has been renewed elsewhere; write it back."""
        source, there = await self._read()
        try:
            new = await ask(token)
        except UpstreamRefused as refusal:
            if refusal.http_status not in {400, 401}:
                raise
            if Login.of(there).seed == Login.of(token).seed:
                message = f"The login of `{self.ctx.name}` has ended: {refusal}"
                raise LoginNeeded(message, hint=source.cure) from None
            new = await ask(there)
            token = there
        return await self._written(source, token, new)

    def _state(self) -> object:
        return tuple(source.state() for source in self.sources)

    async def _read(self) -> tuple[Source, Token]:
        """Give the first login that is there."""
        for source in self.sources:
            try:
                token = await _read_twice(source)
            except TokenFileError as error:
                raise self._unusable(error, source) from None
            if token is not None:
                return source, token
        hint = " ".join(dict.fromkeys(source.cure for source in self.sources))
        raise LoginNeeded(f"There is no login where `{self.ctx.name}` is to look for one.", hint=hint)

    async def _keep(self, token: Token) -> None:
        seed = Login.of(token).seed
        try:
            await self.tokens.save(token, unless=lambda there: Login.of(there).seed == seed)
        except TokenFileError as error:
            raise self._unusable(error, None) from None

    async def _written(self, source: Source, old: Token, new: Token) -> Token:
        """Write a renewed token back; the copy is of what is there then."""
        try:
            done = await source.write(old.renewed(new))
        except (TokenFileError, OSError) as error:
            self.ctx.log.warning("the renewed login is not written back: %s", error)
            done = False
        refresh = (new.refresh_token or old.refresh_token or Secret("")).reveal()
        login = Login.of(new)
        seed = fingerprint(refresh) if done else Login.of(old).seed
        return attrs.evolve(new, extra={**new.extra, **attrs.evolve(login, seed=seed).extra()})

    def _unusable(self, error: TokenFileError, source: Source | None) -> LoginNeeded:
        """Say it to the log with the file, and to the client without."""
        if str(error) != self._told:
            self._told = str(error)
            self.ctx.log.error("%s", error)
        message = f"The login of `{self.ctx.name}` cannot be used; Gaud's log names the file and the cure."
        return LoginNeeded(message, hint=source.cure if source else error.cure)
