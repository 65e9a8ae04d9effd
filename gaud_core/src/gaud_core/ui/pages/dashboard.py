"""What happens: each provider's state, calls, tokens and spend over time, what is failing now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from starlette.responses import Response

from gaud_core.ledger.trends import Failure, Pace, failures, paces, slices
from gaud_core.ledger.usage import UsageFilter, list_usage
from gaud_core.store import Store
from gaud_core.ui.charts import RANGES, Range, charts_of
from gaud_core.ui.fleet import Tile, look_at
from gaud_core.ui.visit import Visit

__all__ = ["live", "show"]

_RECENT_MS = 3_600_000


@attrs.frozen
class _Books:
    """What the books say."""

    charts: Sequence[Any]
    paces: dict[str, Pace]
    failures: Sequence[Failure]
    running: int


async def show(visit: Visit) -> Response:
    """Show the whole page; a member's own page is his usage."""
    if not visit.is_admin:
        return visit.go("/ui/usage")
    return await visit.page("dashboard.html", **await _values(visit))


async def live(visit: Visit) -> Response:
    """Show the part that is asked for again and again."""
    return await visit.page("parts/dashboard_live.html", **await _values(visit))


async def _values(visit: Visit) -> dict[str, Any]:
    chosen = RANGES.get(visit.asked("range"), RANGES["24h"])
    books = await visit.off(_read, visit.site.store, visit.site.now(), chosen)
    tiles = await look_at(visit.site.gateway, books.paces)
    return {
        "chosen": chosen,
        "ranges": RANGES.values(),
        "books": books,
        "tiles": tiles,
        "troubles": [trouble for tile in tiles for trouble in _troubles(tile)],
        "config": visit.site.settings.state(),
    }


def _read(store: Store, now: int, chosen: Range) -> _Books:
    since, until = chosen.bounds(now)
    running = list_usage(store, UsageFilter(status="open"), per_page=1).total
    return _Books(
        charts_of(slices(store, since, until, chosen.step), chosen),
        paces(store, now - _RECENT_MS),
        failures(store, now - _RECENT_MS),
        running,
    )


def _troubles(tile: Tile) -> Sequence[tuple[str, str, str]]:
    """Give what is wrong with a provider as a whole, each with its name and a place to look."""
    if tile.stage == "broken":
        return [(tile.name, "does not serve", tile.reason)]
    found = []
    if tile.breaker != "closed":
        found.append((tile.name, f"circuit breaker {tile.breaker}", tile.last_error))
    if not tile.connected:
        found.append((tile.name, "is not connected", "Nobody is logged in there. Connect it on its page."))
    elif tile.healthy is False:
        found.append((tile.name, "not healthy", tile.detail))
    if tile.discovery_failed and tile.connected:
        found.append((tile.name, "model discovery fails", tile.last_error))
    return found
