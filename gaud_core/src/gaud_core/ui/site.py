"""What all pages share: the gateway, the books, the register, the settings, the sessions."""

from __future__ import annotations

import asyncio

import attrs

from gaud_core.access import People
from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.live.settings_desk import SettingsDesk
from gaud_core.store import Store, utc_millis
from gaud_core.ui.logins import Logins
from gaud_core.ui.renderer import Renderer
from gaud_core.ui.secret import signing_secret
from gaud_core.ui.session import Sessions
from gaud_core.ui.static_files import StaticFiles

__all__ = ["Site"]


@attrs.define(eq=False)
class Site:
    """The dashboard of one gateway; nothing is read or loaded before the first page."""

    gateway: Gateway
    store: Store
    static: StaticFiles = attrs.field(factory=StaticFiles)
    renderer: Renderer = attrs.field(init=False)
    logins: Logins = attrs.field(init=False)
    _sessions: Sessions | None = None

    def __attrs_post_init__(self) -> None:
        self.renderer = Renderer(self.static)
        self.logins = Logins(lambda: self.gateway.config.data.folder / "ui-logins")

    def now(self) -> int:
        """Give the time by the clock of the door, in UTC milliseconds."""
        door = getattr(self.gateway, "door", None)  # there once the gateway has started
        return utc_millis() if door is None else door.clock()

    @property
    def settings(self) -> SettingsDesk:
        """The one way to read and change settings."""
        return self.gateway.desk

    @property
    def people(self) -> People:
        """The register of users and keys."""
        return People(self.store, self.now)

    async def sessions(self) -> Sessions:
        """Give the sessions, whose secret is read at the first page."""
        if self._sessions is None:
            folder = self.gateway.config.data.folder
            self._sessions = Sessions(await asyncio.to_thread(signing_secret, folder), self.now)
        return self._sessions
