"""What is in force: replaced as a whole, by one assignment, when the configuration changes."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from gaud_core.access import Door
from gaud_core.config import Config
from gaud_core.gateway.guests.plugins import Plugin
from gaud_core.gateway.instances.registry import Registry

__all__ = ["Current"]


@attrs.frozen(eq=False)
class Current:
    """One state of the gateway: whoever needs two things of it takes them from the same one.

    `config` is in force, `said` is what the file and the environment say: they differ in what waits for a
    restart. The `door` is there once the gateway has started with a store.
    """

    config: Config
    said: Config
    plugins: Sequence[Plugin] = ()
    registry: Registry = attrs.field(factory=Registry)
    door: Door | None = None
