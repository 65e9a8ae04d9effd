"""The running gateway: builds the instances of a configuration, starts them, keeps them fresh, stops them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

import attrs

from gaud_core._version import __version__
from gaud_core.access import Door
from gaud_core.config import Config
from gaud_core.config import Instance as Section
from gaud_core.errors import PluginError, brief
from gaud_core.gateway.blame import Suspect, suspect
from gaud_core.gateway.breaker import CircuitBreaker
from gaud_core.gateway.instance import Instance
from gaud_core.gateway.loop_watch import LoopWatch
from gaud_core.gateway.plugins import Plugin, install_hint, objection_to
from gaud_core.gateway.registry import Registry
from gaud_core.gateway.reports import BlockReports
from gaud_core.gateway.supervise import look_for_leaks, supervise
from gaud_core.gateway.upstream import Upstream
from gaud_core.gateway.visits import note_tasks, stop_noting_tasks
from gaud_core.ledger import Ledger, Policy, open_ledger
from gaud_core.provider import Context
from gaud_core.store import Store, usable

if TYPE_CHECKING:
    import httpx

__all__ = ["Gateway", "build_instance"]

_START_GRACE_SECS = 2.0  # providers that are slower go on starting while the others serve already

log = logging.getLogger("gaud.providers")


@attrs.define
class Connections:
    """What an instance holds open; made at the first use, closed once."""

    upstream: Upstream
    _http: Any = None

    def http(self) -> httpx.AsyncClient:
        """Make the client for logins and discovery."""
        if self._http is None:
            import httpx  # here, because it costs 0.1 s of the start and most calls never need it

            self._http = httpx.AsyncClient(timeout=10.0, headers={"user-agent": f"gaud/{__version__}"})
        client: httpx.AsyncClient = self._http
        return client

    async def aclose(self) -> None:
        """Close both clients."""
        await self.upstream.aclose()
        if self._http is not None:
            await self._http.aclose()


@attrs.define(eq=False)
class Gateway:
    """Everything that a request needs; `registry` is replaced as a whole when the configuration changes.

    Without a store it serves nobody, but can ask its providers. With `strict` the first provider that cannot
    be used is a PluginError, for the tests of its author; otherwise it is left out.
    """

    config: Config
    plugins: Sequence[Plugin]
    store: Store | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    strict: bool = False
    registry: Registry = attrs.field(factory=Registry)
    door: Door = attrs.field(init=False)
    ledger: Ledger = attrs.field(init=False)
    _connections: list[Connections] = attrs.field(factory=list)
    _tasks: list[asyncio.Task[None]] = attrs.field(factory=list)
    _watch: LoopWatch | None = None

    async def start(self) -> None:
        """Open the books, then start every usable instance; a slow one does not keep the others waiting.

        ConfigError if the database cannot be used now.
        """
        note_tasks(asyncio.get_running_loop())
        if self.store is not None:
            self.door = Door(self.store, self.config)
            budget, ledger = self.config.budget, self.config.ledger
            policy = Policy(budget.unpriced == "refuse", ledger.retention_days)
            with usable(self.config):
                self.ledger = await asyncio.to_thread(open_ledger, self.store, policy)
        try:
            await self._start_instances()
        except PluginError:  # with `strict` only
            await self.stop()
            raise
        self._tasks.append(asyncio.create_task(look_for_leaks(self._instances, self.sleep), name="leaks"))
        self._watch = LoopWatch(self._suspect, BlockReports())
        self._watch.start()

    async def _start_instances(self) -> None:
        self.registry = Registry(*self.build(), install_hint)
        started = []
        for instance in self.registry.instances.values():
            ready = asyncio.Event()
            self._tasks.append(
                asyncio.create_task(supervise(instance, self.sleep, ready), name=instance.name)
            )
            started.append(asyncio.create_task(ready.wait()))
        if started:
            _, late = await asyncio.wait(started, timeout=None if self.strict else _START_GRACE_SECS)
            for task in late:
                task.cancel()
        self._refuse_broken()

    async def stop(self) -> None:
        """Stop every instance, after the last call has ended."""
        if self._watch is not None:
            self._watch.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(instance.stop() for instance in self.registry.instances.values()))
        await asyncio.gather(*(connections.aclose() for connections in self._connections))
        stop_noting_tasks(asyncio.get_running_loop())
        if self.store is not None:
            await asyncio.to_thread(self.ledger.close)

    def _instances(self) -> Collection[Instance]:
        return self.registry.instances.values()

    def _suspect(self, stack: FrameType, task: asyncio.Task[Any] | None) -> Suspect:
        return suspect(stack, [instance.guard for instance in self._instances()], task)

    def _refuse_broken(self) -> None:
        """With `strict`, raise for the first that did not start."""
        broken = [instance for instance in self._instances() if instance.stage == "broken"]
        if self.strict and broken:
            stage, _, reason = broken[0].reason.partition(": ")
            raise PluginError(broken[0].name, stage, reason)

    def build(self) -> tuple[dict[str, Instance], dict[str, str]]:
        """Make every instance that can be made, not started yet, and say why the others cannot."""
        providers = {plugin.name: plugin for plugin in self.plugins if plugin.provider is not None}
        instances: dict[str, Instance] = {}
        broken: dict[str, str] = {}
        for section in self.config.instances.values():
            if section.settings is None:
                broken[section.name] = " ".join(str(problem) for problem in section.problems)
                if self.strict:
                    raise PluginError(section.name, "settings", broken[section.name])
                log.error("%s is left out: %s", section.name, broken[section.name])
                continue
            built = self._build_one(section, providers)
            if isinstance(built, Instance):
                instances[section.name] = built
            else:
                broken[section.name] = built
        return instances, broken

    def _build_one(self, section: Section, providers: Mapping[str, Plugin]) -> Instance | str:
        connections = Connections(Upstream(section.name))
        try:
            instance = build_instance(
                section, providers[section.provider], connections, self.config, self.clock
            )
        except (Exception, SystemExit) as error:  # protects the other providers from this one's constructor
            if self.strict:
                raise PluginError(section.name, "settings", brief(error)) from error
            reason = brief(error)
            log.exception("%s is left out: %s", section.name, reason)
            return reason
        self._connections.append(connections)
        return instance


def build_instance(
    section: Section, plugin: Plugin, connections: Connections, config: Config, clock: Callable[[], float]
) -> Instance:
    """Make one instance of a provider, not started yet."""
    reason = plugin.reason or objection_to(plugin.name, plugin.provider)
    if plugin.provider is None or reason:
        raise PluginError(plugin.name, "import", reason)
    context = Context(
        name=section.name,
        send=connections.upstream.send,
        http=connections.http,
        data_dir=config.data.folder / section.name,
        log=logging.getLogger(f"gaud.provider.{section.name}"),
    )
    limits = config.breaker
    breaker = CircuitBreaker(
        section.name, limits.failure_threshold, limits.open_secs, limits.success_threshold, clock
    )
    return Instance(section.name, plugin.provider(section.settings, context), breaker)
