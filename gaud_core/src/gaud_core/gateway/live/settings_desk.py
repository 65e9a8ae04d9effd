"""All that can be done with the settings of a running gateway: for the admin API and the dashboard.

Mistakes in values or in the file are a ConfigError with every one of them (`problems`); what stands against a
change for another reason is a BadRequest with status 409: `held_by_environment` names the variable,
`settings_changed` says that somebody else has changed the file in between. In both cases nothing has changed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from gaud_core.config import (
    ConfigFile,
    Plan,
    Setting,
    Version,
    edited,
    edits_of,
    list_settings,
    make_plan,
    parse_file,
    why_not_writable,
)
from gaud_core.errors import BadRequest, ConfigError, Problem
from gaud_core.gateway.guests.plugins import schemas_of
from gaud_core.gateway.live.muster import Muster, WorkerState
from gaud_core.gateway.live.road import Done, Origin, Road

if TYPE_CHECKING:
    from gaud_core.gateway.gateway import Gateway

__all__ = ["Applied", "LiveState", "SettingsDesk", "WorkerState"]

_FOLLOW_SECS = 3.0


@attrs.frozen(kw_only=True)
class LiveState:
    """Where the configuration stands in this process; made for a banner on a page."""

    path: str | None
    """The file, or None as long as there is none."""
    version: str
    """The digest of what is in force; empty without a file."""
    applied_at: int
    """Milliseconds since 1970."""
    problems: tuple[Problem, ...] = ()
    """Why the file on the disk is refused; the last good state is in force then. Empty if all is well."""
    problems_at: int | None = None
    waits: tuple[str, ...] = ()
    """Keys whose new value waits for a restart."""
    draining: int = 0
    """Replaced instances whose last calls still run."""
    writable: str = ""
    """Why the file cannot be written by Gaud; empty if it can."""
    workers: tuple[WorkerState, ...] = ()
    warnings: tuple[Problem, ...] = ()


@attrs.frozen(kw_only=True)
class Applied:
    """What has been done: the plan that was carried out and what is in force now."""

    plan: Plan
    version: str
    history_id: int | None = None
    """The entry in the history; None if nothing had to be written."""
    workers: tuple[WorkerState, ...] = ()
    """What every worker process runs on now; one with an `error` has refused."""


@attrs.define(eq=False)
class SettingsDesk:
    """The one way to read and change the settings of a gateway; use it in the gateway's event loop."""

    gateway: Gateway
    road: Road = attrs.field(init=False)
    _looked: int = 0
    _hears: bool = False

    def __attrs_post_init__(self) -> None:
        self.road = Road(self.gateway)

    def state(self, *, whole: bool = True) -> LiveState:
        """Say where the configuration stands; without `whole` nothing is looked up on the disk."""
        road, said = self.road, self.gateway.current.said
        path = said.path
        return LiveState(
            path=str(path) if path else None,
            version=road.version,
            applied_at=road.applied_at,
            problems=road.problems,
            problems_at=road.problems_at,
            waits=tuple(setting.key for setting in self.list_settings() if setting.waits),
            draining=len(self.gateway.crew.leaving),
            writable=self._why_not() if whole else "",
            workers=tuple(self._muster.living()) if whole else (),
            warnings=said.warnings,
        )

    def list_settings(self) -> Sequence[Setting]:
        """List every setting of the core and of each installed provider, in the order of a settings page."""
        current = self.gateway.current
        schemas, flags = schemas_of(self.gateway.plugins), current.said.flags
        listed = list_settings(current.said, current.config, schemas, self.gateway.environ)
        return [_held_by_flag(one) if one.key in flags else one for one in listed]

    async def plan(
        self,
        changes: Mapping[str, Any] | None = None,
        *,
        text: str | None = None,
        rollback: int | None = None,
    ) -> Plan:
        """Say what changes by key, or a whole text, or going back to a version would do; nothing is done.

        Mistakes do not raise, they are in `Plan.problems`. Without any argument it is about what is on the
        disk now.
        """
        road, current = self.road, self.gateway.current
        found = await road.read()
        base = found.mark
        try:
            if found.problem and text is None and rollback is None:
                raise ConfigError([found.problem])
            content = found.content
            if rollback is not None:
                content = (await asyncio.to_thread(road.history.get, rollback))[1]
            elif text is not None:
                content = text.encode()
            elif changes:
                content = await asyncio.to_thread(road.made, self._editing(changes), content)
            wanted = await road.wanted(content)
        except ConfigError as wrong:
            return Plan(problems=wrong.problems, base=base)
        except BadRequest as refusal:
            return Plan(problems=(Problem(refusal.param or "", refusal.message),), base=base)
        return make_plan(current.config, current.said, wanted, base)

    async def change(self, key: str, value: Any, *, actor: str) -> Applied:
        """Set one setting and apply it, as `change_many`."""
        return await self.change_many({key: value}, actor=actor)

    async def change_many(self, changes: Mapping[str, Any], *, actor: str) -> Applied:
        """Write several settings into the file in one step and apply them; the comments stay.

        A value is typed (`true`, `120`, a list) or the text that a variable would have (`"true"`, `"120"`,
        `"a,b"`). `********` leaves a secret as it is. None or an empty text takes the setting out of the
        file; of the setting that makes a provider's section (`providers.acme.url`) it takes the whole
        section, and so does None for `providers.acme`. `providers.work.provider` makes a further instance.
        """
        self._refuse_unloaded()
        return await self._applied(await self.road.write(self._editing(changes), Origin(actor, "change")))

    async def apply(self, text: str, *, actor: str, base: str | None = None) -> Applied:
        """Put a whole text in the place of the file and apply it.

        With `base`, a `Plan.base`, it is refused with 409 `settings_changed` if the file is another one now.
        """
        self._refuse_unloaded()
        content = text.encode()
        return await self._applied(await self.road.write(lambda _: content, Origin(actor, "apply"), base))

    async def reload(self, *, actor: str) -> Applied:
        """Look for newly installed providers and apply what is on the disk, without waiting for the watch."""
        self._refuse_unloaded()
        found = await self.road.read()
        done = await self.road.apply_found(found, Origin(actor, "reload"), retry=True)
        return await self._applied(done)

    async def history(self, page: int = 1, per_page: int = 50) -> tuple[Sequence[Version], int]:
        """Give one page of the versions that were applied, the newest first, and how many there are."""
        return await asyncio.to_thread(self.road.history.page, page, per_page)

    async def rollback(self, id: int | None = None, *, actor: str) -> Applied:
        """Put a version of the history back, without an id the one before the newest; else NotFound."""
        self._refuse_unloaded()
        version, content = await asyncio.to_thread(self.road.history.get, id)
        origin = Origin(actor, f"rollback to {version.id}")
        return await self._applied(await self.road.write(lambda _: content, origin))

    async def opened(self, *, hears: bool) -> None:
        """The gateway has started: from now on others see this worker."""
        self._hears = hears
        await self.road.begin()
        await self._report()

    async def closed(self) -> None:
        """The gateway stops."""
        await asyncio.to_thread(self._muster.leave)

    async def look(self) -> None:
        """Look at the file, as the watch does every second."""
        if await self.road.look():
            await self._report()

    async def asked(self) -> None:
        """Look at the file because of a signal; when nothing in it is new, look for new providers too."""
        found = await self.road.read()
        retry = found.mark == self.road.seen
        await self.road.take(found, Origin("file", "edit"), retry=retry)
        self._looked += 1
        await self._report()

    @property
    def _muster(self) -> Muster:
        return Muster.of(self.road.data)

    def _editing(self, changes: Mapping[str, Any]) -> _Editing:
        return _Editing(self, changes)

    def _refuse_unloaded(self) -> None:
        if not self.gateway.current.said.loaded:
            told = "This gateway was made by a program without a file, so there is nothing to change."
            raise BadRequest(told, status=409, code="no_configuration_file")

    def _why_not(self) -> str:
        return why_not_writable(self.road.path) if self.gateway.current.said.loaded else "There is no file."

    async def _applied(self, done: Done) -> Applied:
        """Let the other workers follow at once, and say how far they are."""
        await self._report()
        version = self.road.version
        workers = await asyncio.to_thread(self._call_others, version)
        kept = done.version.id if done.version else None
        return Applied(plan=done.plan, version=version, history_id=kept, workers=tuple(workers))

    def _call_others(self, version: str) -> list[WorkerState]:
        muster = self._muster
        behind = [state for state in muster.living() if state.saw != version]
        if not behind:
            return muster.living()
        muster.call(behind)
        return muster.follow(lambda state: state.saw == version, _FOLLOW_SECS)

    async def _report(self) -> None:
        road = self.road
        error = ConfigError(road.problems) if road.problems else ""
        state = WorkerState(
            pid=os.getpid(),
            version=road.version,
            error=str(error),
            saw=road.seen,
            looked=self._looked,
            hears=self._hears,
        )
        await asyncio.to_thread(self._muster.report, state)


@attrs.frozen
class _Editing:
    """Makes the new text of the file from changes by key."""

    desk: SettingsDesk
    changes: Mapping[str, Any]

    def __call__(self, file: ConfigFile) -> bytes:
        gateway = self.desk.gateway
        for key in self.changes.keys() & gateway.current.said.flags.keys():
            told = f"`{key}` is held by {_flag(key)} on Gaud's command line. Start it without to change this."
            raise BadRequest(told, status=409, code="held_by_command_line", param=key)
        file = parse_file(file.path, file.content)  # what is no TOML is not overwritten by one setting
        edits = edits_of(self.changes, file.table, gateway.environ, self.desk.road.plugins())
        return edited(file.text, edits).encode()


def _held_by_flag(setting: Setting) -> Setting:
    return attrs.evolve(setting, overridden=True, env=_flag(setting.key))


def _flag(key: str) -> str:
    return f"--{key.rpartition('.')[2]}"
