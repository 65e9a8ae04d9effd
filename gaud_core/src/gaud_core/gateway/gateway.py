"""The running gateway: what is in force, how it starts and stops, and how another state takes its place."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from types import FrameType
from typing import Any

import attrs

from gaud_core.access import Door
from gaud_core.config import Config
from gaud_core.errors import PluginError
from gaud_core.gateway.guests.blame import Suspect, suspect
from gaud_core.gateway.guests.loop_watch import LoopWatch
from gaud_core.gateway.guests.plugins import Plugin, install_hint
from gaud_core.gateway.guests.reports import BlockReports
from gaud_core.gateway.guests.visits import note_tasks, stop_noting_tasks
from gaud_core.gateway.instances.crew import Connections, Crew, build_instance, make_posts
from gaud_core.gateway.instances.instance import Instance
from gaud_core.gateway.instances.registry import Registry
from gaud_core.gateway.instances.supervise import look_for_leaks
from gaud_core.gateway.live.current import Current
from gaud_core.gateway.live.settings_desk import SettingsDesk
from gaud_core.gateway.live.watch import Watch
from gaud_core.ledger import Ledger, Policy, open_ledger
from gaud_core.store import Store, usable

__all__ = ["Connections", "Gateway", "build_instance"]

_START_GRACE_SECS = 2.0  # providers that are slower go on starting while the others serve already

log = logging.getLogger("gaud.config")

Told = Callable[[Config], None]


@attrs.define(eq=False)
class Gateway:
    """Everything that a request needs; `current` is replaced as a whole when the configuration changes.

    Without a store it serves nobody, but can ask its providers. With `strict` the first provider that cannot
    be used is a PluginError, for the tests of its author; otherwise it is left out. `preparing` is told of a
    configuration before anything is started for it, `changed` when it is in force.
    """

    _config: Config
    _plugins: Sequence[Plugin]
    store: Store | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    strict: bool = False
    environ: Mapping[str, str] = attrs.field(factory=lambda: os.environ, repr=False)
    preparing: list[Told] = attrs.field(factory=list)
    changed: list[Told] = attrs.field(factory=list)
    current: Current = attrs.field(init=False)
    crew: Crew = attrs.field(init=False, factory=Crew)
    desk: SettingsDesk = attrs.field(init=False)
    ledger: Ledger = attrs.field(init=False)
    _tasks: list[asyncio.Task[None]] = attrs.field(init=False, factory=list)
    _loop_watch: LoopWatch | None = attrs.field(init=False, default=None)
    _watch: Watch = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.current = Current(self._config, self._config, tuple(self._plugins))
        self.desk = SettingsDesk(self)
        self._watch = Watch(self.desk)

    @property
    def config(self) -> Config:
        """The configuration that is in force."""
        return self.current.config

    @property
    def plugins(self) -> Sequence[Plugin]:
        """The providers that are installed."""
        return self.current.plugins

    @property
    def registry(self) -> Registry:
        """The instances that serve."""
        return self.current.registry

    @property
    def door(self) -> Door:
        """Who may come in; there once the gateway has started with a store."""
        if self.current.door is None:
            raise AttributeError("the gateway has not started, or has no store")
        return self.current.door

    @door.setter
    def door(self, door: Door) -> None:
        self.current = attrs.evolve(self.current, door=door)

    async def start(self) -> None:
        """Open the books, then start every usable instance; a slow one does not keep the others waiting.

        ConfigError if the database cannot be used now.
        """
        note_tasks(asyncio.get_running_loop())
        if self.store is not None:
            self.current = attrs.evolve(self.current, door=Door(self.store, self.config))
            with usable(self.config):
                self.ledger = await asyncio.to_thread(open_ledger, self.store, policy_of(self.config))
        try:
            await self._start_instances()
        except PluginError:  # with `strict` only
            await self.stop()
            raise
        self._tasks.append(asyncio.create_task(look_for_leaks(self._instances, self.sleep), name="leaks"))
        self._loop_watch = LoopWatch(self._suspect, BlockReports())
        self._loop_watch.start()
        if self.store is not None and self.config.loaded:
            await self._watch.start(self.sleep)

    async def _start_instances(self) -> None:
        self.build()
        posts = self.crew.posts.values()
        for post in posts:
            post.start(self.sleep)
        started = [asyncio.create_task(post.ready()) for post in posts]
        if started:
            _, late = await asyncio.wait(started, timeout=None if self.strict else _START_GRACE_SECS)
            for task in late:
                task.cancel()
        self._refuse_broken()

    async def stop(self) -> None:
        """Stop every instance, after the last call has ended."""
        await self._watch.stop()
        if self._loop_watch is not None:
            self._loop_watch.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.crew.stop()
        stop_noting_tasks(asyncio.get_running_loop())
        if self.store is not None:
            await asyncio.to_thread(self.ledger.close)

    def build(self) -> tuple[dict[str, Instance], dict[str, str]]:
        """Make every instance that can be made, not started yet, and say why the others cannot."""
        sections = self.config.instances.values()
        posts, broken = make_posts(sections, self.plugins, self.config, self.clock, strict=self.strict)
        self.crew.posts = posts
        instances = {name: post.instance for name, post in posts.items()}
        self.current = attrs.evolve(self.current, registry=Registry(instances, broken, install_hint))
        return instances, broken

    def tell(self, whom: Sequence[Told], config: Config) -> None:
        """Tell of a configuration; a listener that fails does not keep it from being applied."""
        for told in whom:
            try:
                told(config)
            except Exception:  # protects the change, which is half done here
                log.exception("a part of Gaud did not take the new configuration")

    def _instances(self) -> Collection[Instance]:
        return self.crew.everybody()

    def _suspect(self, stack: FrameType, task: asyncio.Task[Any] | None) -> Suspect:
        return suspect(stack, [instance.guard for instance in self._instances()], task)

    def _refuse_broken(self) -> None:
        """With `strict`, raise for the first that did not start."""
        broken = [instance for instance in self._instances() if instance.stage == "broken"]
        if self.strict and broken:
            stage, _, reason = broken[0].reason.partition(": ")
            raise PluginError(broken[0].name, stage, reason)


def policy_of(config: Config) -> Policy:
    """Give what the books decide by."""
    return Policy(config.budget.unpriced == "refuse", config.ledger.retention_days)
