"""A provider at work: one section of the configuration, its connections, its breaker, what is known of it."""

from __future__ import annotations

import asyncio
import logging
import statistics
import time
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Literal
from weakref import WeakSet

import attrs
from msgspec import Struct

from gaud_core.errors import ApiError, ProviderError, Unavailable, UpstreamTimeout, brief, one_line, with_hint
from gaud_core.gateway.guests.guard import Guard
from gaud_core.gateway.guests.visits import Visit, described, within
from gaud_core.gateway.instances.breaker import CircuitBreaker, Permit
from gaud_core.gateway.outcome import Outcome
from gaud_core.provider import Health, Model, Provider

__all__ = ["Instance", "Lease", "Mishap"]

Stage = Literal["configured", "starting", "serving", "broken"]

START_SECS = 30.0
DISCOVERY_SECS = 60.0
HEALTH_SECS = 8.0  # a provider that limits itself to less says more about why
_LATENCIES_KEPT = 256
_LEAKS_TOLD = 100
_GRACE_SECS = 0.1

log = logging.getLogger("gaud.providers")


@attrs.frozen
class Mishap:
    """What went wrong last, what to do about it, and when it was (seconds since 1970)."""

    message: str = attrs.field(converter=one_line)
    hint: str | None = None
    at: float = attrs.field(factory=time.time)

    def __str__(self) -> str:
        return with_hint(self.message, self.hint)


@attrs.define(eq=False)
class Instance:
    """One running provider; every call into the plugin goes through its guard."""

    name: str
    provider: Provider[Any]
    breaker: CircuitBreaker
    stage: Stage = "configured"
    reason: str = ""
    models: tuple[Model, ...] = ()
    by_id: Mapping[str, Model] = attrs.field(factory=dict)
    listed_patterns: tuple[str, ...] = ()
    """Listed ids such as `vendor/*`; not a bare `*`, which would swallow every mistyped name."""
    discovered_at: float | None = None
    health: Health | None = None
    last_error: Mishap | None = None
    discovery_failed: bool = False
    first_discovery: asyncio.Event = attrs.field(factory=asyncio.Event)
    """Set when the first discovery has ended, well or not: before that, what is not known may exist."""
    latencies_ms: deque[float] = attrs.field(factory=lambda: deque(maxlen=_LATENCIES_KEPT))

    guard: Guard = attrs.field(init=False)
    _overdue: WeakSet[asyncio.Task[Any]] = attrs.field(factory=WeakSet)
    _leaks_told: set[str] = attrs.field(factory=set)
    _health_asked: int = 0
    _health_told: int = 0
    _leases: int = 0
    _returned: asyncio.Event = attrs.field(factory=asyncio.Event)

    def __attrs_post_init__(self) -> None:
        self.guard = Guard(self.name, self.provider)
        try:
            self.learn(self.guard.known_models())
        except ApiError as error:
            self._break("settings", error)

    @property
    def label(self) -> str:
        """The instance's name for people: "Acme provider", or "Acme provider `work`"."""
        label = self.provider.label or self.provider.name
        return f"{label} provider" + ("" if self.name == self.provider.name else f" `{self.name}`")

    @property
    def is_looking(self) -> bool:
        """Whether it serves and its first discovery has not ended yet."""
        return self.stage == "serving" and not self.first_discovery.is_set()

    @property
    def is_listed(self) -> bool:
        """Whether its models are known: it has been asked for them, and has answered."""
        return self.discovered_at is not None

    def learn(self, models: Iterable[Model]) -> None:
        """Keep a list of models; the first of a name counts."""
        by_id: dict[str, Model] = {}
        for model in models:
            by_id.setdefault(model.id, model)
        self.models = tuple(by_id.values())
        self.listed_patterns = tuple(m.id for m in self.models if m.is_pattern and m.id != "*")
        self.by_id = by_id

    def serves(self, model: str) -> frozenset[str]:
        """Give the endpoints that the upstream itself has for a model, listed or not."""
        own, listed = self.provider.endpoints, self.by_id.get(model)
        return own if listed is None or listed.endpoints is None else own & listed.endpoints

    async def start(self) -> None:
        """Start the provider, or note why it cannot be."""
        if self.stage == "broken":
            return
        self.stage = "starting"
        try:
            await within(START_SECS, self.guard.start())
        except (ApiError, TimeoutError) as error:
            self._break("start", error)
            await self._evict()
        else:
            self.stage = "serving"

    async def stop(self) -> None:
        """Stop the provider and whatever it has left running; a failure is logged and forgotten."""
        try:
            await within(START_SECS, self.guard.stop())
        except (ApiError, TimeoutError) as error:
            log.warning("%s did not stop as it should: %s", self.name, _in_words(error))
        await self._evict()

    async def discover(self) -> None:
        """Ask for the models; a failure is an ApiError that carries its cure in `hint`."""
        try:
            found = await within(DISCOVERY_SECS, self.guard.models())
            self.learn([*found, *self.guard.known_models()])
        except TimeoutError:
            raise UpstreamTimeout(f"no list of models within {DISCOVERY_SECS:g} s") from None
        except ProviderError as error:
            error.hint = error.hint or self.guard.explain(error)
            raise
        self.discovered_at, self.discovery_failed = time.time(), False

    async def check_health(self) -> None:
        """Ask whether the upstream is up, and keep the answer unless a later question has been answered."""
        self._health_asked += 1
        question = self._health_asked
        try:
            health = await within(HEALTH_SECS, self.guard.health())
        except TimeoutError:
            health = Health(healthy=False, detail=f"no answer within {HEALTH_SECS:g} s")
        except ApiError as error:
            health = Health(healthy=False, detail=error.message)
        if question > self._health_told:
            self.health, self._health_told = health, question

    def admit(self) -> Permit:
        """Let a call through, or raise Unavailable that says why and what to do."""
        if self.stage != "serving":
            raise Unavailable(self._not_serving(), code="provider_not_serving", retry_after=5)
        try:
            return self.breaker.admit()
        except Unavailable as refusal:
            if self.last_error:
                refusal.message += f" The last error was: {self.last_error.message}"
            refusal.hint = self.guard.explain(refusal)
            raise

    def settle(self, permit: Permit, outcome: Outcome, latency_ms: float, *, finished: bool) -> None:
        """Keep what a call has shown; one that was cut short says nothing about the upstream.

        Nor does a crash of the plugin: else one input that a plugin cannot take would close it for everybody.
        """
        error = outcome.error
        if error is None:
            if finished:
                self.latencies_ms.append(latency_ms)
            before = permit.settle(True if finished else None)
        else:
            failed, ours = outcome.upstream_failed, outcome.plugin_failed
            if failed or ours or error.hint:
                self.last_error = Mishap(error.message, error.hint)  # not a caller's mistake
            before = permit.settle(not failed if failed or (finished and not ours) else None)
        if before is not None:
            self._tell_breaker(before)

    def _tell_breaker(self, before: str) -> None:
        state = self.breaker.state
        if state == "closed":
            log.info("%s answers again: its circuit breaker is closed", self.name)
        elif before != "open":
            told = "%s: circuit breaker open for %g s. The last error was: %s"
            log.warning(told, self.name, self.breaker.open_secs, self.last_error)

    @property
    def latency_ms(self) -> float | None:
        """The median time to the first byte of the last calls."""
        return round(statistics.median(self.latencies_ms), 1) if self.latencies_ms else None

    @property
    def leases(self) -> int:
        """How many calls run on it."""
        return self._leases

    def lease(self) -> Lease:
        """Take it for a call, with `with`: meanwhile it is not stopped for other settings' sake.

        Await nothing between finding an instance and this, so that it cannot be replaced in between.
        """
        return Lease(self)

    def take(self) -> None:
        """Note that one more call runs on it."""
        self._leases += 1

    def give_back(self) -> None:
        """Note that one call less does."""
        self._leases -= 1
        if not self._leases:
            self._returned.set()

    async def drained(self, secs: float) -> bool:
        """Wait until the last lease has been returned, so long and no longer; tell whether it was."""
        with suppress(TimeoutError):
            async with asyncio.timeout(secs):
                while self._leases:
                    self._returned.clear()
                    await self._returned.wait()
        return not self._leases

    def look_for_leaks(self) -> None:
        """Report tasks whose call was over at the last look already, and is still."""
        over = {task for task, visit in self._unfinished() if visit.over}
        for task in over & set(self._overdue):
            self._tell_leak(task)
        self._overdue = WeakSet(over)

    def _unfinished(self) -> list[tuple[asyncio.Task[Any], Visit]]:
        return [(task, visit) for task, visit in self.guard.tasks.items() if not task.done()]

    async def _evict(self) -> None:
        """Cancel what the provider has left running; what is about to end may end."""
        for task in await _after_grace(task for task, _ in self._unfinished()):
            self._tell_leak(task)
            task.cancel()
        for task in await _after_grace(task for task, _ in self._unfinished()):
            log.error("%s: a task of the provider's refuses to be cancelled: %s", self.name, described(task))

    def _tell_leak(self, task: asyncio.Task[Any]) -> None:
        which = described(task)
        self.guard.conduct.note("leaked", f"left a task behind: {which}")
        if which not in self._leaks_told and len(self._leaks_told) < _LEAKS_TOLD:
            self._leaks_told.add(which)
            log.warning("%s: the provider left a task behind: %s", self.name, which)

    def _break(self, stage: str, error: ApiError | TimeoutError) -> None:
        what = _in_words(error)
        # what the plugin raised says more than that it crashed
        cause = error.__cause__ if isinstance(error, ApiError) else None
        self.stage, self.reason = "broken", f"{stage}: {brief(cause) if cause else what}"
        log.error("%s init failed: %s", self.label, self.reason)

    def _not_serving(self) -> str:
        if self.stage == "broken":
            return f"The provider `{self.name}` cannot be used: {self.reason}."
        return f"The provider `{self.name}` is still starting."


class Lease(Struct, frozen=True, eq=False):
    """One call's hold of an instance."""

    instance: Instance

    def __enter__(self) -> None:
        self.instance.take()

    def __exit__(self, *raised: object) -> None:
        self.instance.give_back()


async def _after_grace(tasks: Iterable[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """Give those that are still there after a moment."""
    left = set(tasks)
    return (await asyncio.wait(left, timeout=_GRACE_SECS))[1] if left else left


def _in_words(error: ApiError | TimeoutError) -> str:
    return error.message if isinstance(error, ApiError) else f"no end within {START_SECS:g} s"
