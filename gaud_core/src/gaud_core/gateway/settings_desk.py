"""All that can be done with the settings of a running gateway: for the admin API and the dashboard.

Mistakes in values or in the file are a ConfigError with every one of them (`problems`); what stands against a
change for another reason is a BadRequest with status 409: `held_by_environment` names the variable,
`settings_changed` says that somebody else has changed the file in between. In both cases nothing has changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from gaud_core.config.history import Version
from gaud_core.config.listing import Setting
from gaud_core.config.plan import Plan
from gaud_core.errors import Problem
from gaud_core.gateway.gateway import Gateway

__all__ = ["Applied", "LiveState", "SettingsDesk", "WorkerState"]


@attrs.frozen(kw_only=True)
class WorkerState:
    """What one worker process of this machine runs on."""

    pid: int
    version: str
    """The digest of the file's text that it has applied."""
    error: str = ""
    """Why it has refused what is on the disk now; empty if it has not."""


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


@attrs.frozen(eq=False)
class SettingsDesk:
    """The one way to read and change the settings of a gateway; use it in the gateway's event loop."""

    gateway: Gateway

    def state(self) -> LiveState:
        """Say where the configuration stands."""
        raise NotImplementedError

    def list_settings(self) -> Sequence[Setting]:
        """List every setting of the core and of each installed provider, in the order of a settings page."""
        raise NotImplementedError

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
        raise NotImplementedError

    async def change(self, key: str, value: Any, *, actor: str) -> Applied:
        """Set one setting and apply it, as `change_many`."""
        raise NotImplementedError

    async def change_many(self, changes: Mapping[str, Any], *, actor: str) -> Applied:
        """Write several settings into the file in one step and apply them; the comments stay.

        A value is typed (`true`, `120`, a list) or the text that a variable would have (`"true"`, `"120"`,
        `"a,b"`). `********` leaves a secret as it is. None or an empty text takes the setting out of the
        file; of the setting that makes a provider's section (`providers.litellm.url`) it takes the whole
        section, and so does None for `providers.litellm`. `providers.work.provider` makes a further instance.
        """
        raise NotImplementedError

    async def apply(self, text: str, *, actor: str, base: str | None = None) -> Applied:
        """Put a whole text in the place of the file and apply it.

        With `base`, a `Plan.base`, it is refused with 409 `settings_changed` if the file is another one now.
        """
        raise NotImplementedError

    async def reload(self, *, actor: str) -> Applied:
        """Look for newly installed providers and apply what is on the disk, without waiting for the watch."""
        raise NotImplementedError

    async def history(self, page: int = 1, per_page: int = 50) -> tuple[Sequence[Version], int]:
        """Give one page of the versions that were applied, the newest first, and how many there are."""
        raise NotImplementedError

    async def rollback(self, id: int | None = None, *, actor: str) -> Applied:
        """Put a version of the history back, without an id the one before the newest; else NotFound."""
        raise NotImplementedError
