"""A provider at work: one section of the configuration, its connections, its breaker, what is known of it."""

from __future__ import annotations

import asyncio
import logging
import statistics
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import attrs

from gaud_core.errors import ApiError, ProviderError, Unavailable, UpstreamTimeout, brief, one_line, with_hint
from gaud_core.gateway.breaker import CircuitBreaker, Permit
from gaud_core.gateway.guard import Guard
from gaud_core.gateway.outcome import Outcome
from gaud_core.provider import Health, Model, Provider

__all__ = ["Instance", "Mishap"]

Stage = Literal["configured", "starting", "serving", "broken"]

START_SECS = 30.0
DISCOVERY_SECS = 60.0
HEALTH_SECS = 8.0  # a provider that limits itself to less says more about why
_LATENCIES_KEPT = 256

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
    discovered_at: float | None = None
    health: Health | None = None
    last_error: Mishap | None = None
    discovery_failed: bool = False
    first_discovery: asyncio.Event = attrs.field(factory=asyncio.Event)
    """Set when the first discovery has ended, well or not: before that, what is not known may exist."""
    latencies_ms: deque[float] = attrs.field(factory=lambda: deque(maxlen=_LATENCIES_KEPT))

    guard: Guard = attrs.field(init=False)

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

    def learn(self, models: Iterable[Model]) -> None:
        """Keep a list of models; the first of a name counts."""
        by_id: dict[str, Model] = {}
        for model in models:
            by_id.setdefault(model.id, model)
        self.models = tuple(by_id.values())
        self.by_id = by_id

    async def start(self) -> None:
        """Start the provider, or note why it cannot be."""
        if self.stage == "broken":
            return
        self.stage = "starting"
        try:
            async with asyncio.timeout(START_SECS):
                await self.guard.start()
        except (ApiError, TimeoutError) as error:
            self._break("start", error)
        else:
            self.stage = "serving"

    async def stop(self) -> None:
        """Stop the provider; a failure is logged and forgotten."""
        try:
            async with asyncio.timeout(START_SECS):
                await self.guard.stop()
        except (ApiError, TimeoutError):
            log.warning("%s did not stop as it should", self.name)

    async def discover(self) -> None:
        """Ask for the models; a failure is an ApiError that carries its cure in `hint`."""
        try:
            async with asyncio.timeout(DISCOVERY_SECS):
                found = await self.guard.models()
            self.learn([*found, *self.guard.known_models()])
        except TimeoutError:
            raise UpstreamTimeout(f"no list of models within {DISCOVERY_SECS:g} s") from None
        except ProviderError as error:
            error.hint = error.hint or self.guard.explain(error)
            raise
        self.discovered_at, self.discovery_failed = time.time(), False

    async def check_health(self) -> None:
        """Ask whether the upstream is up, and keep the answer."""
        try:
            async with asyncio.timeout(HEALTH_SECS):
                self.health = await self.guard.health()
        except TimeoutError:
            self.health = Health(healthy=False, detail=f"no answer within {HEALTH_SECS:g} s")
        except ApiError as error:
            self.health = Health(healthy=False, detail=error.message)

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
        """Keep what a call has shown; one that was cut short says nothing about the upstream."""
        if outcome.error is not None and (outcome.upstream_failed or outcome.hint):  # not a caller's mistake
            self.last_error = Mishap(outcome.error.message, outcome.hint)
        elif outcome.error is None and finished:
            self.latencies_ms.append(latency_ms)
        before = self.breaker.state
        failed = outcome.upstream_failed
        permit.settle(not failed if finished or failed else None)
        if self.breaker.state != before:
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

    def _break(self, stage: str, error: ApiError | TimeoutError) -> None:
        what = error.message if isinstance(error, ApiError) else f"no end within {START_SECS:g} s"
        # what the plugin raised says more than that it crashed
        cause = error.__cause__ if isinstance(error, ApiError) else None
        self.stage, self.reason = "broken", f"{stage}: {brief(cause) if cause else what}"
        log.error("%s init failed: %s", self.label, self.reason)

    def _not_serving(self) -> str:
        if self.stage == "broken":
            return f"The provider `{self.name}` cannot be used: {self.reason}."
        return f"The provider `{self.name}` is still starting."
