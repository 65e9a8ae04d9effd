"""The catalogue: every listed model with prices, limits and lines to paste."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
from starlette.responses import Response

from gaud_core.errors import NotFound
from gaud_core.gateway.instances.instance import Instance
from gaud_core.provider import Model
from gaud_core.ui.snippets import snippets
from gaud_core.ui.visit import Visit

__all__ = ["Entry", "catalogue", "one", "show"]

_PER_PAGE = 100


@attrs.frozen
class Entry:
    """One listed model under its full name."""

    name: str
    instance: Instance
    model: Model

    @property
    def prices(self) -> Mapping[str, int | None]:
        """Nano-dollars per million tokens by what they are for."""
        price = self.model.price
        if price is None:
            return {}
        named = {"Input": price.input, "Output": price.output, "Cached input": price.cache_read}
        named |= {"Cache write": price.cache_write, "Reasoning": price.reasoning}
        return {name: nanos for name, nanos in named.items() if nanos is not None}

    @property
    def subscription(self) -> bool:
        """Whether a flat fee pays for it."""
        return self.model.price is not None and self.model.price.subscription

    def fits(self, words: Sequence[str]) -> bool:
        """Whether every word is in its name, its owner or its provider."""
        text = f"{self.name} {self.model.owned_by} {self.instance.label}".lower()
        return all(word in text for word in words)


def catalogue(visit: Visit) -> Sequence[Entry]:
    """Give the models that whoever looks may use."""
    identity = visit.identity
    return [
        Entry(name, instance, model)
        for name, instance, model in visit.site.gateway.registry.listed()
        if identity is None or identity.may_use(instance.name, model.id)
    ]


async def show(visit: Visit) -> Response:
    """Show those that a search finds."""
    everything = catalogue(visit)
    provider, asked = visit.asked("provider"), visit.asked("q")
    words = asked.lower().split()
    found = [entry for entry in everything if entry.fits(words) and provider in ("", entry.instance.name)]
    page = visit.page_number()
    template = "parts/models_table.html" if visit.is_htmx else "models.html"
    return await visit.page(
        template,
        entries=found[(page - 1) * _PER_PAGE : page * _PER_PAGE],
        found=len(found),
        total=len(everything),
        page_now=page,
        per_page=_PER_PAGE,
        q=asked,
        provider=provider,
        providers=list(visit.site.gateway.registry.instances),
    )


async def one(visit: Visit) -> Response:
    """Show one model with all that is known of it."""
    entry = next((entry for entry in catalogue(visit) if entry.name == visit.id), None)
    if entry is None:
        raise NotFound("No provider lists this model now. Search the catalogue for it.")
    url = str(visit.request.base_url).rstrip("/") + "/v1"
    url = url.replace("http://", "https://", 1) if visit.is_secure else url
    extra = {str(key): value for key, value in list(entry.model.extra.items())[:50]}
    return await visit.page("model.html", entry=entry, snippets=snippets(url, entry.name), extra=extra)
