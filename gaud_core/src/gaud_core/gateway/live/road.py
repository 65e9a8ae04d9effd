"""The one road of every change: read, check, plan, start what is new, write, swap; on failure nothing is new.

Whatever changes the configuration takes it: the watch, a signal, the admin API, the dashboard, the commands.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import attrs

from gaud_core.access.people import write_audit
from gaud_core.config import (
    Config,
    ConfigFile,
    History,
    Plan,
    Plugins,
    Version,
    changed_meanwhile,
    config_of,
    find_file,
    locked,
    new_place,
    parse_file,
    replace_file,
    version_of,
)
from gaud_core.errors import BadRequest, ConfigError, Problem
from gaud_core.gateway.guests.plugins import Plugin, rediscover, settings_of
from gaud_core.gateway.live.change import Prepared, prepare
from gaud_core.store import Clock, store_failed, utc_millis

if TYPE_CHECKING:
    from gaud_core.gateway.gateway import Gateway

__all__ = ["Done", "Found", "Origin", "Road"]

_MOST_TRIES = 5
_MOST_BYTES = 4 << 20

T = TypeVar("T")
Make = Callable[[ConfigFile], bytes]

log = logging.getLogger("gaud.config")


@attrs.frozen
class Origin:
    """Who makes a change, and what it is called in the history."""

    actor: str
    action: str


@attrs.frozen
class Done:
    """What has been done; `version` is the new entry of the history, if there is one."""

    plan: Plan
    version: Version | None = None


_EDITOR = Origin("file", "edit")


@attrs.frozen
class Found:
    """What is on the disk, or why that cannot be said."""

    content: bytes
    problem: Problem | None = None

    @property
    def mark(self) -> str:
        """What tells it from another."""
        return str(self.problem) if self.problem else version_of(self.content)


@attrs.define(eq=False)
class Road:
    """Takes one change after the other, and keeps what became of the last one."""

    gateway: Gateway
    clock: Clock = utc_millis
    applied_at: int = 0
    problems: tuple[Problem, ...] = ()
    problems_at: int | None = None
    seen: str = ""
    """The digest of the content that was looked at last, whatever became of it."""
    _doubted: str | None = None
    _known: tuple[Sequence[Plugin], Plugins] | None = None
    _one: asyncio.Lock = attrs.field(factory=asyncio.Lock)

    @property
    def said(self) -> Config:
        """What the file and the environment say of what is in force."""
        return self.gateway.current.said

    @property
    def version(self) -> str:
        """The digest of the text that is in force; empty without a file."""
        return self.said.file.version if self.said.file else ""

    @property
    def path(self) -> Path:
        """The file, where one has turned up, or where it will be made."""
        return self.said.path or find_file(None, self.gateway.environ)[0] or new_place()

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.gateway.config.data.folder

    @property
    def history(self) -> History:
        """The versions of this file."""
        return History.of(self.data, self.path)

    async def begin(self) -> None:
        """Note what the start has read."""
        self.applied_at, self.seen = self.clock(), self.version
        file = self.said.file
        if file is not None:
            await self._keep(file.content, Origin("start", "start"), ())

    async def look(self) -> bool:
        """Apply what is on the disk if it is another one; tell whether it was.

        What is new is believed at the second look: an editor may be in the middle of its writing.
        """
        found = await self.read()
        if found.mark == self.seen:
            return False
        if found.mark != self._doubted:
            self._doubted = found.mark
            return False
        await self.take(found)
        return True

    async def take(self, found: Found, origin: Origin = _EDITOR, *, retry: bool = False) -> Done | None:
        """Apply what was found on the disk; what is wrong with it is kept in `problems` and in the log."""
        try:
            return await self.apply_found(found, origin, retry=retry)
        except ConfigError as wrong:
            self._refuse(found, wrong)
            return None

    def _refuse(self, found: Found, wrong: ConfigError) -> None:
        self.seen, self.problems, self.problems_at = found.mark, wrong.problems, self.clock()
        told = "; ".join(str(problem) for problem in wrong.problems)
        log.error("%s is refused, what was there before stays in force: %s", self.path, told)

    async def apply_found(self, found: Found, origin: Origin, *, retry: bool = False) -> Done:
        """Apply what was found on the disk, or raise ConfigError and leave all as it is."""
        async with self._one:
            if found.problem is not None:
                raise ConfigError([found.problem])
            prepared = await self._prepared(found.content, retry=retry)
            self._commit(prepared, origin)
            version = None
            if prepared.current.said.file is not None:
                version = await self._keep(found.content, origin, _keys(prepared.plan))
            return await self._booked(Done(prepared.plan, version), origin)

    async def write(self, make: Make, origin: Origin, base: str | None = None) -> Done:
        """Let `make` write another text from the file's, apply it, and put it in the file's place.

        The file is written after all that is new runs, and before any of it is used. ConfigError and
        BadRequest 409 leave both as they were.
        """
        async with self._one:
            for _ in range(_MOST_TRIES):
                found = await self.read()
                before = found.content
                content = await asyncio.to_thread(self.made, make, before, base)
                prepared = await self._prepared(content)
                if content == before and prepared.plan.is_empty:
                    return Done(prepared.plan)
                try:
                    version = await _whole(asyncio.to_thread(self._write, before, content, origin, prepared))
                except BaseException as error:
                    await prepared.abandon()
                    if base is None and isinstance(error, BadRequest):
                        continue  # somebody else was faster: the same change to what he has made of it
                    raise
                self._commit(prepared, origin)
                return await self._booked(Done(prepared.plan, version), origin)
            raise changed_meanwhile()

    async def wanted(self, content: bytes) -> Config:
        """Read a text as a configuration; nothing is done with it."""
        return (await self._loaded(content, retry=False))[0]

    async def read(self) -> Found:
        """Give what is on the disk."""
        return await asyncio.to_thread(self._read)

    def plugins(self) -> Plugins:
        """What the reading must know of the providers that are installed."""
        return self._known_of(self.gateway.plugins)

    def _known_of(self, found: Sequence[Plugin]) -> Plugins:
        """Look through the installed distributions once for each set of providers."""
        if self._known is None or self._known[0] is not found:
            self._known = found, settings_of(found, self.gateway.environ)
        return self._known[1]

    async def _prepared(self, content: bytes, *, retry: bool = False) -> Prepared:
        wanted, found = await self._loaded(content, retry=retry)
        return await prepare(self.gateway, wanted, found, base=version_of(content), retry=retry)

    async def _loaded(self, content: bytes, *, retry: bool) -> tuple[Config, Sequence[Plugin]]:
        """Read a text; with the providers that have been installed since, if it names one, or to `retry`."""
        return await asyncio.to_thread(self._load, content, retry=retry)

    def _load(self, content: bytes, *, retry: bool) -> tuple[Config, Sequence[Plugin]]:
        gateway, found = self.gateway, self.gateway.plugins
        file = parse_file(self.path, content, _mode(self.path))
        if retry or _names_unknown(file, self.plugins()):
            found = rediscover(found, gateway.environ)
        exists = bool(content) or self.said.file is not None
        wanted = config_of(file if exists else None, gateway.environ, self._known_of(found))
        return wanted.with_flags(self.said.flags), found

    def _commit(self, prepared: Prepared, origin: Origin) -> None:
        prepared.commit()
        if self.problems:
            log.info("%s is good again", self.path)
        self.applied_at, self.problems, self.problems_at = self.clock(), (), None
        self.seen = self._doubted = self.version
        if not prepared.plan.is_empty:
            told = "; ".join(str(prepared.plan).splitlines())
            log.info("configuration applied (%s): %s", origin.actor, told)
        for warning in prepared.plan.warnings:
            log.warning("%s", warning)

    async def _booked(self, done: Done, origin: Origin) -> Done:
        if done.version is not None:
            await asyncio.to_thread(self._audit, done.version, origin)
        return done

    async def _keep(self, content: bytes, origin: Origin, keys: tuple[str, ...]) -> Version | None:
        """Keep what an editor has written; of several workers the first one does."""
        version = self._version(content, origin, keys)
        try:
            return await _whole(asyncio.to_thread(self._keep_locked, content, version))
        except (OSError, ConfigError) as error:
            log.warning("the history of the configuration cannot be written: %s", error)
            return None

    def _keep_locked(self, content: bytes, version: Version) -> Version | None:
        with locked(self.data / "config" / "lock"):
            return self.history.keep(content, version)

    def _write(self, before: bytes, content: bytes, origin: Origin, prepared: Prepared) -> Version | None:
        """Write the history and the file, both or none."""
        keys, history = _keys(prepared.plan), self.history
        with locked(self.data / "config" / "lock"):
            try:
                version = history.keep(content, self._version(content, origin, keys))
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                told = f"cannot hold the history of the configuration: {reason}."
                raise ConfigError([Problem("data.dir", told, "Make room there.")]) from None
            try:
                if content != before:
                    replace_file(self.path, content, before)
            except BaseException:
                if version is not None:
                    history.drop(version)
                raise
            return version

    def _version(self, content: bytes, origin: Origin, keys: tuple[str, ...]) -> Version:
        return Version(
            id=0, at=self.clock(), actor=origin.actor, action=origin.action, digest=version_of(content),
            keys=keys, path=str(self.path),
        )  # fmt: skip

    def _audit(self, version: Version, origin: Origin) -> None:
        store = self.gateway.store
        if store is None:
            return
        detail = {"version": version.id, "keys": list(version.keys)}
        try:
            with store.writing() as connection:
                action = f"settings.{origin.action.partition(' ')[0]}"
                write_audit(connection, self.clock(), origin.actor, action, str(self.path), **detail)
        except Exception as error:
            if not store_failed(error):
                raise
            log.warning("the change of the configuration is not in the audit log: the database is not usable")

    def made(self, make: Make, before: bytes, base: str | None = None) -> bytes:
        """Let `make` write another text from this one; it blocks for some milliseconds."""
        if base is not None and base != version_of(before):
            raise changed_meanwhile()
        return make(_lenient(self.path, before))

    def _read(self) -> Found:
        """Read the file, wherever it has turned up if there was none."""
        path, had = self.path, self.said.file is not None
        try:
            with path.open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
        except FileNotFoundError:
            cure = "Put it back; an empty file is one without settings."
            told = f"{path} is gone; what it said last stays in force."
            return Found(b"", Problem("", told, cure)) if had else Found(b"")
        except OSError as error:
            return Found(b"", Problem("", f"{path} cannot be read: {error.strerror or error}."))
        if len(content) > _MOST_BYTES:
            return Found(b"", Problem("", f"{path} is longer than {_MOST_BYTES} bytes."))
        return Found(content)


def _keys(plan: Plan) -> tuple[str, ...]:
    return tuple(change.key for change in plan.changes)


def _lenient(path: Path, content: bytes) -> ConfigFile:
    """Whoever replaces the whole file need not be able to read it as TOML."""
    try:
        return parse_file(path, content)
    except ConfigError:
        return ConfigFile(path, {}, 0o600, content)


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        return 0o600


def _names_unknown(file: ConfigFile, known: Plugins) -> bool:
    """Whether a section is of a provider that is not loaded."""
    sections = file.table.get("providers")
    items = sections.items() if isinstance(sections, dict) else ()
    names = {s.get("provider", name) if isinstance(s, dict) else name for name, s in items}
    return any(not isinstance(name, str) or name not in known.schemas for name in names)


async def _whole(work: Awaitable[T]) -> T:
    """Wait for what must not be left half done: a cancellation takes effect when it has ended."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
