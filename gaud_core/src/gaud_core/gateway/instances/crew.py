"""The instances of a gateway from their making to their end, each with what it holds open."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from gaud_core._version import __version__
from gaud_core.config import Config
from gaud_core.config import Instance as Section
from gaud_core.errors import PluginError, brief
from gaud_core.gateway.guests.plugins import Plugin, objection_to
from gaud_core.gateway.instances.breaker import CircuitBreaker
from gaud_core.gateway.instances.instance import Instance
from gaud_core.gateway.instances.supervise import supervise
from gaud_core.gateway.upstream import Upstream
from gaud_core.provider import Context

if TYPE_CHECKING:
    import httpx

__all__ = ["Connections", "Crew", "Post", "build_instance", "make_posts", "why_left_out"]

log = logging.getLogger("gaud.providers")

Sleep = Callable[[float], Awaitable[None]]


@attrs.define
class Connections:
    """What an instance holds open; made at the first use, closed once."""

    upstream: Upstream
    _http: Any = None
    _making: threading.Lock = attrs.field(factory=threading.Lock)

    def http(self) -> httpx.AsyncClient:
        """Make the client for logins and discovery."""
        with self._making:
            if self._http is None:
                import httpx  # here, because it costs 0.1 s of the start and most calls never need it

                self._http = httpx.AsyncClient(timeout=10.0, headers={"user-agent": f"gaud/{__version__}"})
            client: httpx.AsyncClient = self._http
            return client

    async def prepare(self) -> None:
        """Make that client in a thread, so that the first answers of a start do not wait for its import."""
        with contextlib.suppress(Exception):  # whoever asks for it then is told
            await asyncio.to_thread(self._warm)

    def _warm(self) -> None:
        """Make it, and import what its first request would: a tenth of a second on the event loop."""
        import anyio

        self.http()
        anyio.run(anyio.sleep, 0)

    async def aclose(self) -> None:
        """Close both clients."""
        await self.upstream.aclose()
        if self._http is not None:
            await self._http.aclose()


@attrs.define(eq=False)
class Post:
    """An instance, the section it is made of, what it holds open, and the task that looks after it."""

    section: Section
    instance: Instance
    connections: Connections
    _ready: asyncio.Event = attrs.field(factory=asyncio.Event)
    _keeper: asyncio.Task[None] | None = None

    def start(self, sleep: Sleep) -> None:
        """Begin to start it."""
        if self._keeper is None:
            work = supervise(self.instance, sleep, self._ready, self.connections.prepare)
            self._keeper = asyncio.create_task(work, name=self.instance.name)

    async def ready(self) -> None:
        """Wait until its start has ended, well or not."""
        await self._ready.wait()

    async def leave(self) -> None:
        """Look no more after it; running calls go on."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    async def end(self) -> None:
        """Stop it and close what it holds open."""
        await self.instance.stop()
        await self.connections.aclose()


@attrs.define(eq=False)
class Crew:
    """The posts that are in force, those that start to be, and those that end with their last calls."""

    posts: Mapping[str, Post] = attrs.field(factory=dict)
    coming: Sequence[Post] = ()
    leaving: dict[Post, asyncio.Task[None]] = attrs.field(factory=dict)

    def everybody(self) -> list[Instance]:
        """Every instance whose code may still run."""
        return [post.instance for post in (*self.posts.values(), *self.coming, *self.leaving)]

    def take_over(self, posts: Mapping[str, Post], drain_secs: float) -> None:
        """Let these be in force; those that are not among them end after their running calls."""
        old, self.posts, self.coming = self.posts, posts, ()
        staying = set(posts.values())
        for post in old.values():
            if post not in staying:
                self.leaving[post] = asyncio.create_task(self._drain(post, drain_secs), name="drain")

    async def stop(self) -> None:
        """End all of them now."""
        for task in self.leaving.values():
            task.cancel()
        await asyncio.gather(*self.leaving.values(), return_exceptions=True)
        posts = [*self.posts.values(), *self.leaving]
        await asyncio.gather(*(post.leave() for post in posts))
        await asyncio.gather(*(post.end() for post in posts))
        self.leaving.clear()

    async def _drain(self, post: Post, secs: float) -> None:
        await post.leave()
        instance = post.instance
        if not await instance.drained(secs):
            told = "%s: %d calls still ran with its old settings after %g s and are ended (server.drain_secs)"
            log.warning(told, instance.name, instance.leases, secs)
        await post.end()
        self.leaving.pop(post, None)
        log.info("%s: its old settings are out of use", instance.name)


def make_posts(
    sections: Iterable[Section],
    plugins: Sequence[Plugin],
    config: Config,
    clock: Callable[[], float] = time.monotonic,
    *,
    strict: bool = False,
) -> tuple[dict[str, Post], dict[str, str]]:
    """Make every instance that can be made, not started yet, and say why the others cannot.

    With `strict` the first that cannot is a PluginError.
    """
    providers = {plugin.name: plugin for plugin in plugins if plugin.provider is not None}
    posts: dict[str, Post] = {}
    broken: dict[str, str] = {}
    for section in sections:
        if section.settings is None:
            broken[section.name] = why_left_out(section)
            if strict:
                raise PluginError(section.name, "settings", broken[section.name])
            log.error("%s is left out: %s", section.name, broken[section.name])
            continue
        connections = Connections(Upstream(section.name))
        try:
            instance = build_instance(section, providers[section.provider], connections, config, clock)
        except (Exception, SystemExit) as error:  # protects the other providers from this one's constructor
            if strict:
                raise PluginError(section.name, "settings", brief(error)) from error
            broken[section.name] = brief(error)
            log.exception("%s is left out: %s", section.name, broken[section.name])
        else:
            posts[section.name] = Post(section, instance, connections)
    return posts, broken


def why_left_out(section: Section) -> str:
    """Give the mistakes of a section."""
    return " ".join(str(problem) for problem in section.problems)


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
