"""One change of the configuration: start what is new, swap one reference, let what is old end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from gaud_core.access import Door, bootstrap, has_administrator
from gaud_core.access.proxies import Proxies
from gaud_core.config import Config, Plan, in_force, make_plan, same_instance
from gaud_core.config import Instance as Section
from gaud_core.errors import ConfigError, Problem
from gaud_core.gateway.guests.plugins import Plugin, install_hint
from gaud_core.gateway.instances.crew import Post, make_posts, why_left_out
from gaud_core.gateway.instances.registry import Registry
from gaud_core.gateway.live.current import Current
from gaud_core.ledger import Policy

if TYPE_CHECKING:
    from gaud_core.gateway.gateway import Gateway

__all__ = ["Prepared", "prepare"]

_DISCOVERY_GRACE_SECS = 5.0


@attrs.frozen(eq=False)
class Prepared:
    """Another state of the gateway: everything in it runs, and nobody uses it yet."""

    gateway: Gateway
    current: Current
    posts: Mapping[str, Post]
    fresh: Sequence[Post]
    plan: Plan

    def commit(self) -> None:
        """Put it in force, in one step: nothing is awaited and nothing can fail here."""
        gateway, config = self.gateway, self.current.config
        limits = config.breaker
        for post in self.posts.values():
            post.instance.breaker.tune(limits.failure_threshold, limits.open_secs, limits.success_threshold)
        if gateway.store is not None:
            gateway.ledger.use(Policy(config.budget.unpriced == "refuse", config.ledger.retention_days))
        gateway.current = self.current
        gateway.crew.take_over(self.posts, config.server.drain_secs)
        gateway.tell(gateway.changed, config)

    async def abandon(self) -> None:
        """End what was started for nothing."""
        await _end(self.gateway, self.fresh)


async def prepare(
    gateway: Gateway, wanted: Config, plugins: Sequence[Plugin], *, base: str, retry: bool = False
) -> Prepared:
    """Check a configuration against what runs and start what it needs; ConfigError, and then nothing runs.

    With `retry`, instances that could not start before are tried once more; they may stay broken.
    """
    current = gateway.current
    plan = make_plan(current.config, current.said, wanted, base)
    if plan.problems:
        raise ConfigError(plan.problems, source=str(wanted.path or ""))
    config = in_force(wanted, current.config)
    gateway.tell(gateway.preparing, config)
    kept = _kept(gateway, config, retry=retry)
    broken = _still_broken(current, config, retry=retry)
    new = [one for name, one in config.instances.items() if name not in kept and name not in broken]
    made, failed = make_posts(new, plugins, config, gateway.clock)
    gateway.crew.coming = fresh = list(made.values())
    try:
        problems = [*_not_made(failed, current), *await _start(fresh, gateway)]
        if problems:
            raise ConfigError(problems, source=str(wanted.path or ""))
        await _let_administrators_in(gateway, config)
    except BaseException:
        await _end(gateway, fresh)
        raise
    everybody = kept | made
    posts = {name: everybody[name] for name in config.instances if name in everybody}
    instances = {name: post.instance for name, post in posts.items()}
    registry = Registry(instances, broken | failed, install_hint)
    state = Current(config, wanted, plugins, registry, _door(current.door, config))
    return Prepared(gateway, state, posts, fresh, plan)


def _kept(gateway: Gateway, config: Config, *, retry: bool) -> dict[str, Post]:
    """The posts whose settings stay: they keep their connections, their breaker and what they know."""
    return {
        name: post
        for name, post in gateway.crew.posts.items()
        if _stays(post.section, config) and not (retry and post.instance.stage == "broken")
    }


def _still_broken(current: Current, config: Config, *, retry: bool) -> dict[str, str]:
    """What is left out as it was before, with the reason."""
    wrong = {name: why_left_out(one) for name, one in config.instances.items() if one.settings is None}
    unmade = {
        name: reason
        for name, reason in current.registry.broken.items()
        if not retry and name not in wrong and _stays(current.config.instances[name], config)
    }
    return wrong | unmade


def _stays(section: Section, config: Config) -> bool:
    return section.name in config.instances and same_instance(section, config.instances[section.name])


def _not_made(failed: Mapping[str, str], current: Current) -> list[Problem]:
    """What could not be made and was not as broken before."""
    before = current.registry.broken
    return [
        Problem(f"providers.{name}", f"cannot be used: {reason}.")
        for name, reason in failed.items()
        if before.get(name) != reason
    ]


async def _start(fresh: Sequence[Post], gateway: Gateway) -> list[Problem]:
    """Start them, wait for a first look at their models, and say which did not start."""
    for post in fresh:
        post.start(gateway.sleep)
    await asyncio.gather(*(post.ready() for post in fresh))
    looking = [post.instance.first_discovery for post in fresh if post.instance.is_looking]
    if looking:
        looks = [asyncio.create_task(look.wait()) for look in looking]
        _, late = await asyncio.wait(looks, timeout=_DISCOVERY_GRACE_SECS)
        for task in late:
            task.cancel()
    return [
        Problem(f"providers.{post.instance.name}", f"did not start: {post.instance.reason}.")
        for post in fresh
        if post.instance.stage == "broken" and not _was_broken(post, gateway)
    ]


def _was_broken(post: Post, gateway: Gateway) -> bool:
    """Whether the same did not start before either."""
    old = gateway.crew.posts.get(post.section.name)
    return old is not None and old.instance.stage == "broken" and same_instance(old.section, post.section)


async def _end(gateway: Gateway, posts: Sequence[Post]) -> None:
    await asyncio.gather(*(post.leave() for post in posts))
    await asyncio.gather(*(post.end() for post in posts))
    gateway.crew.coming = ()


async def _let_administrators_in(gateway: Gateway, config: Config) -> None:
    """Let a new `auth.bootstrap_key` open; ConfigError if it is somebody else's, or nobody could come in."""
    before, after = gateway.config.auth, config.auth
    if gateway.store is None or not after.enabled or before == after:
        return
    if after.bootstrap_key is not None:
        await asyncio.to_thread(bootstrap, gateway.store, config)
    elif not await asyncio.to_thread(has_administrator, gateway.store):
        cure = "Set auth.bootstrap_key too, or make a key first: gaud keys create."
        raise ConfigError([Problem("auth.enabled", "would let nobody in: there is no administrator.", cure)])


def _door(door: Door | None, config: Config) -> Door | None:
    """The same door, with its memory of keys and of who tried wrong ones, under other rules."""
    if door is None:
        return None
    return attrs.evolve(door, config=config, proxies=Proxies(config.server.trusted_proxies))
