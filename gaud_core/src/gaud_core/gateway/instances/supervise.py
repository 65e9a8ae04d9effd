"""What goes on around an instance while it serves: its start, its models, its health."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Collection

from gaud_core.errors import ApiError
from gaud_core.gateway.instances.instance import Instance, Mishap

__all__ = ["look_for_leaks", "supervise"]

HEALTH_INTERVAL_SECS = 15.0
LEAKS_INTERVAL_SECS = 30.0
_FIRST_RETRY_SECS = 1.0
_LAST_RETRY_SECS = 10.0
_SHORTEST_INTERVAL_SECS = 1.0
_USUAL_INTERVAL_SECS = 300.0

Sleep = Callable[[float], Awaitable[None]]

log = logging.getLogger("gaud.providers")


async def supervise(
    instance: Instance, sleep: Sleep, started: asyncio.Event, prepare: Callable[[], Awaitable[None]]
) -> None:
    """Start an instance and keep what is known of it fresh, until cancelled.

    `prepare` makes ready what it asks its upstream with, if it asks anything.
    """
    await instance.start()
    started.set()
    if instance.stage == "serving":
        if instance.guard.asks:
            await prepare()
        await asyncio.gather(_keep_models_fresh(instance, sleep), _keep_health_fresh(instance, sleep))


async def look_for_leaks(instances: Callable[[], Collection[Instance]], sleep: Sleep) -> None:
    """Look again and again for tasks that calls have left behind, until cancelled."""
    while True:
        await sleep(LEAKS_INTERVAL_SECS)
        for instance in instances():
            instance.look_for_leaks()


async def _keep_models_fresh(instance: Instance, sleep: Sleep) -> None:
    retry, told, ready = _FIRST_RETRY_SECS, "", False
    while True:
        try:
            await instance.discover()
        except ApiError as error:
            instance.first_discovery.set()
            told, ready = _warn(instance, error, told), False
            await sleep(retry)
            retry = min(retry * 2, _LAST_RETRY_SECS)
            continue
        instance.first_discovery.set()
        if not ready:
            await _welcome(instance, back=bool(told))
        retry, told, ready = _FIRST_RETRY_SECS, "", True
        await sleep(_interval(instance))


async def _welcome(instance: Instance, *, back: bool) -> None:
    """Say that an instance can be used; one that has just come back need not wait to be called healthy."""
    log.info("%s is ready: %d models", instance.name, len(instance.models))
    if back:
        await instance.check_health()


def _warn(instance: Instance, error: ApiError, told: str) -> str:
    """Say once what is wrong, not at each try."""
    instance.discovery_failed = True
    instance.last_error = Mishap(error.message, error.hint)
    reason = str(instance.last_error)
    if reason != told:
        what = "model discovery" if instance.discovered_at else "init"
        log.warning("%s %s failed: %s", instance.label, what, reason)
    return reason


async def _keep_health_fresh(instance: Instance, sleep: Sleep) -> None:
    while True:
        await instance.check_health()
        await sleep(HEALTH_INTERVAL_SECS)


def _interval(instance: Instance) -> float:
    try:
        seconds = instance.guard.models_interval()
    except ApiError:
        return _USUAL_INTERVAL_SECS
    return max(seconds, _SHORTEST_INTERVAL_SECS) if math.isfinite(seconds) else _USUAL_INTERVAL_SECS
