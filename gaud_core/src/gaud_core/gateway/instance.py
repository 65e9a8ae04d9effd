"""A provider at work: one section of the configuration, its connections, its breaker, what is known of it."""

from __future__ import annotations

import asyncio
import logging
import statistics
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Any, Literal

import attrs

from gaud_core.call import Call, Reply
from gaud_core.errors import ApiError, ProviderError, Unavailable, UpstreamFailed, UpstreamTimeout
from gaud_core.gateway.breaker import CircuitBreaker, Permit
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

    message: str
    hint: str | None = None
    at: float = attrs.field(factory=time.time)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


@attrs.define(eq=False)
class Instance:
    """One running provider; every call into the plugin goes through here, so that none escapes its guard."""

    name: str
    provider: Provider[Any]
    breaker: CircuitBreaker
    stage: Stage = "configured"
    reason: str = ""
    models: tuple[Model, ...] = ()
    model_ids: frozenset[str] = frozenset()
    discovered_at: float | None = None
    health: Health | None = None
    last_error: Mishap | None = None
    latencies_ms: deque[float] = attrs.field(factory=lambda: deque(maxlen=_LATENCIES_KEPT))

    def __attrs_post_init__(self) -> None:
        try:
            self.learn(self.provider.known_models())
        except Exception as error:  # protects the other providers from this one's settings
            self._break("settings", error)

    @property
    def label(self) -> str:
        """The instance's name for people: "LiteLLM provider", or "LiteLLM provider `work`"."""
        label = self.provider.label or self.provider.name
        return f"{label} provider" + ("" if self.name == self.provider.name else f" `{self.name}`")

    def learn(self, models: Iterable[Model]) -> None:
        """Keep a list of models; the first of a name counts."""
        by_id: dict[str, Model] = {}
        for model in models:
            by_id.setdefault(model.id, model)
        self.models = tuple(by_id.values())
        self.model_ids = frozenset(by_id)

    async def start(self) -> None:
        """Start the provider, or note why it cannot be."""
        if self.stage == "broken":
            return
        self.stage = "starting"
        try:
            async with asyncio.timeout(START_SECS):
                await self.provider.start()
        except Exception as error:  # protects the other providers from this one's start
            self._break("start", error)
        else:
            self.stage = "serving"

    async def stop(self) -> None:
        """Stop the provider; a failure is logged and forgotten."""
        try:
            async with asyncio.timeout(START_SECS):
                await self.provider.stop()
        except Exception:  # protects the shutdown of everything else
            log.exception("%s: stop failed", self.name)

    async def send(self, call: Call) -> Reply:
        """Do one call; whatever goes wrong is an ApiError."""
        if self.stage != "serving":
            raise UpstreamFailed(self._not_serving(), code="provider_not_serving", status=503, retry_after=5)
        try:
            reply = await self.provider.send(call)
        except ApiError:
            raise
        except Exception as error:  # protects the gateway from the plugin's mistakes
            raise self._crashed(error) from error
        if isinstance(reply.content, bytes):
            return reply
        return attrs.evolve(reply, content=self._guarded(reply.content))

    def explain(self, failure: ProviderError) -> str | None:
        """Ask the provider for a failure's cure."""
        try:
            hint = self.provider.explain(failure)
        except Exception:  # protects the error that is being reported
            log.exception("%s: explain failed", self.name)
            return None
        return " ".join(hint.split()) if hint else None

    async def discover(self) -> None:
        """Ask for the models; a failure is a ProviderError that carries its cure in `hint`."""
        try:
            async with asyncio.timeout(DISCOVERY_SECS):
                found = await self.provider.models()
                self.learn([*found, *self.provider.known_models()])
        except TimeoutError:
            raise UpstreamTimeout(f"no list of models within {DISCOVERY_SECS:g} s") from None
        except ApiError as error:
            error.hint = error.hint or (self.explain(error) if isinstance(error, ProviderError) else None)
            raise
        except Exception as error:  # protects the gateway from the plugin's mistakes
            raise self._crashed(error) from error
        self.discovered_at = time.time()

    async def check_health(self) -> None:
        """Ask whether the upstream is up, and keep the answer."""
        try:
            async with asyncio.timeout(HEALTH_SECS):
                self.health = await self.provider.health()
        except TimeoutError:
            self.health = Health(healthy=False, detail=f"no answer within {HEALTH_SECS:g} s")
        except ApiError as error:
            self.health = Health(healthy=False, detail=error.message)
        except Exception as error:  # protects the gateway from the plugin's mistakes
            self.health = Health(healthy=False, detail=self._crashed(error).message)

    def admit(self) -> Permit:
        """Let a call through, or raise Unavailable that says why and what to do."""
        try:
            return self.breaker.admit()
        except Unavailable as refusal:
            if self.last_error:
                refusal.message += f" The last error was: {self.last_error.message}"
            refusal.hint = self.explain(refusal)
            raise

    def settle(self, permit: Permit, outcome: Outcome, latency_ms: float, *, finished: bool) -> None:
        """Keep what a call has shown; one that was cut short says nothing about the upstream."""
        if outcome.error is not None:
            self.last_error = Mishap(outcome.error.message, outcome.hint)
        elif finished:
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

    async def _guarded(self, content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            async for piece in content:
                yield piece
        except ProviderError:
            raise
        except Exception as error:  # protects the client from a stream that would end without a word
            raise self._crashed(error) from error

    def _crashed(self, error: Exception) -> UpstreamFailed:
        log.error("%s: the provider raised an exception", self.name, exc_info=error)
        return UpstreamFailed(
            f"The provider `{self.name}` failed with {type(error).__name__}; Gaud's log has the details.",
            code="provider_crashed",
        )

    def _break(self, stage: str, error: Exception) -> None:
        what = f"no end within {START_SECS:g} s" if isinstance(error, TimeoutError) else str(error)
        self.stage, self.reason = "broken", f"{stage}: {what or type(error).__name__}"
        log.error("%s init failed: %s", self.label, self.reason, exc_info=error)

    def _not_serving(self) -> str:
        if self.stage == "broken":
            return f"The provider `{self.name}` cannot be used: {self.reason}."
        return f"The provider `{self.name}` is still starting."
