"""`GET /metrics`, for administrators and for whoever has the key of the section [metrics]."""

from __future__ import annotations

import asyncio
import hmac
import resource
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from gaud_core.access.keyring import presented_key
from gaud_core.gateway.gateway import Gateway
from gaud_core.observe.metrics.meter import Meter
from gaud_core.observe.metrics.text import CONTENT_TYPE, rendered, series

__all__ = ["keep_published", "metrics_page"]

_EVERY_SECS = 1.0
_STATM = Path("/proc/self/statm")


def metrics_page(gateway: Gateway, meter: Meter) -> Callable[[Request], Awaitable[Response]]:
    """Make the page, and let the meter see the gateway."""
    meter.gauges = lambda: _gauges(gateway)

    async def page(request: Request) -> Response:
        if not _has_own_key(gateway, request):
            await gateway.door.administrator(request.scope)
        return Response(rendered(meter.totals()), headers={"content-type": CONTENT_TYPE})

    return page


async def keep_published(meter: Meter) -> None:
    """Show the other workers each second what this one has counted, until cancelled."""
    while meter.board is not None:
        await asyncio.sleep(_EVERY_SECS)
        meter.publish()


def _has_own_key(gateway: Gateway, request: Request) -> bool:
    key = gateway.config.metrics.key
    shown = presented_key(request.scope["headers"])
    return key is not None and shown is not None and hmac.compare_digest(shown, key.reveal().encode())


def _gauges(gateway: Gateway) -> Iterator[tuple[str, float]]:
    for name, instance in gateway.registry.instances.items():
        yield series("gaud_breakers", provider=name, state=instance.breaker.state), 1
        yield series("gaud_healthy", provider=name), int(bool(instance.health and instance.health.healthy))
        for quota in instance.guard.quotas():
            if quota.left is not None:
                yield series("gaud_quota_left", provider=name, quota=quota.name), quota.left
            if quota.limit is not None:
                yield series("gaud_quota_limit", provider=name, quota=quota.name), quota.limit
    yield "gaud_ledger_waiting", gateway.ledger.writer.waiting
    if _STATM.exists():
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
        yield "process_resident_memory_bytes", pages * resource.getpagesize()
