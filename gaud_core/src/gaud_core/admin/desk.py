"""What the admin API works with, and what one request asks of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import attrs

from gaud_core.access import Identity, People
from gaud_core.errors import BadRequest
from gaud_core.gateway.live.settings_desk import SettingsDesk
from gaud_core.store import Clock, Store, utc_millis

__all__ = ["Ask", "Desk", "Operation", "Scope"]

Scope = MutableMapping[str, Any]


@attrs.frozen(eq=False)
class Desk:
    """The register, the books, and `administrator`, which says who asks.

    It raises InvalidKey or NotAllowed, and is awaited before anything else of a request is read.
    """

    people: People
    store: Store
    administrator: Callable[[Scope], Awaitable[Identity]]
    clock: Clock = utc_millis
    gateway_settings: SettingsDesk | None = None

    @property
    def settings(self) -> SettingsDesk:
        """The settings of the gateway; BadRequest where it was made without any."""
        if self.gateway_settings is None:
            told = "This API was made by a program without a gateway, so there are no settings."
            raise BadRequest(told, status=409, code="no_configuration_file")
        return self.gateway_settings


@attrs.frozen
class Ask:
    """One checked request: `query` and `body` are of the classes that its operation names.

    `given` holds the names of the query parameters that were sent, `headers` has names in lower case.
    """

    desk: Desk
    actor: str
    id: str = ""
    query: Any = None
    given: frozenset[str] = frozenset()
    body: Any = None
    headers: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Operation:
    """One method of one path: what it takes, what it does, what it answers.

    `handle` blocks and runs in a thread, or is a coroutine function. It gives an `answer`, None where there
    is none, or a whole Response for another media type. `errors` are the statuses that only this operation
    can have.
    """

    method: str
    path: str
    name: str
    summary: str
    handle: Callable[[Ask], Any]
    answer: type | None = None
    status: int = 200
    query: type | None = None
    body: type | None = None
    errors: tuple[int, ...] = ()
    media_types: tuple[str, ...] = ("application/json",)
