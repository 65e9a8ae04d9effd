"""One call in words: where its time went, where its cost comes from, why its provider was chosen, its end."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from gaud_core.gateway.gateway import Gateway
from gaud_core.ledger.usage import Row
from gaud_core.ui.words import ms

__all__ = ["Span", "Story", "story_of"]

_SOURCES = {
    "provider": "The provider itself said what the call has cost.",
    "priced": "Counted from the tokens, at the prices that were known when the call was made.",
    "estimated": "An estimate: nobody counted the tokens, so the worst case or the provider's guess stands.",
    "subscription": "A subscription pays for this model; a call costs nothing more.",
    "none": "Nobody knows: the model has no price here, or the call never reached the provider.",
}
_ENDS = {
    "client_left": "The client closed the connection before the answer was complete.",
    "gateway_stopped": "Gaud was stopped while the call ran.",
    "upstream_failed": "The provider refused the connection, broke it, or sent something that is no answer.",
    "upstream_broke_off": "The provider broke off in the middle of its answer.",
    "upstream_timeout": "The provider was too slow.",
    "upstream_unavailable": "The provider knew that its upstream was down.",
    "circuit_breaker_open": "The circuit breaker was open, so the provider was not asked.",
    "provider_not_serving": "The provider was still starting, or could not start.",
    "provider_crashed": "The provider's own code failed; Gaud's log has the traceback.",
    "login_required": "Nobody is logged in at the provider. Connect it on the page Providers.",
}
_CHOSEN = {
    "prefix": "The name began with the prefix “{instance}:”, which decides alone.",
    "listed": "The name had no prefix, and “{instance}” lists a model of exactly this name.",
    "pattern": "The name had no prefix and is listed nowhere; “{instance}” takes names of this pattern.",
    "maker": "The request goes on from something that “{instance}” has made for the same user.",
    "only": "A header names “{instance}”, or nobody else serves this endpoint.",
}


@attrs.frozen
class Span:
    """A part of a call's time, as a share of 100 from `start` on."""

    name: str
    millis: int
    start: float
    share: float
    style: str

    @property
    def text(self) -> str:
        """How long it took."""
        return ms(self.millis)


@attrs.frozen
class Story:
    """What a page says of a call beside its numbers."""

    spans: Sequence[Span]
    source: str
    chosen: str
    ending: str
    tone: str


def story_of(row: Row, gateway: Gateway) -> Story:
    """Tell a call."""
    return Story(_spans(row), _source(row), _chosen(row, gateway), _ending(row), _tone(row))


def _spans(row: Row) -> Sequence[Span]:
    """Split the time: in Gaud until the call went out, waiting for the first byte, the rest of the answer."""
    total = row.total_ms
    if not total:
        return ()
    first = min(row.first_byte_ms if row.first_byte_ms is not None else total, total)
    sent = min(row.sent_ms or 0, first)
    named = (
        ("Gaud: checks, books, routing", sent if row.sent_ms is not None else 0, "bar-second"),
        ("Provider: until the first byte", first - sent, "bar-main"),
        ("Answer: from the first byte to the last", total - first, "bar-good"),
    )
    spans, start = [], 0
    for name, millis, style in named:
        spans.append(Span(name, millis, round(start / total * 100, 2), round(millis / total * 100, 2), style))
        start += millis
    return spans


def _source(row: Row) -> str:
    if row.state == "open":
        return "The call still runs; until it ends, the worst case is reserved."
    if row.cost_nanos is not None and row.cost_source == "none":
        return "The call never reached the provider, so it has cost nothing."
    return _SOURCES.get(row.cost_source or "none", row.cost_source or "")


def _chosen(row: Row, gateway: Gateway) -> str:
    told = _CHOSEN.get(row.chosen_by or "")
    if told is not None:
        return told.format(instance=row.instance)
    gone = "" if row.instance in gateway.registry.instances else " It is not configured any more."
    return f"The books do not say: the call is older than this version of Gaud.{gone}"


def _ending(row: Row) -> str:
    if row.state == "open":
        return "The call still runs."
    if row.state == "lost":
        return "Its process died while it ran; what it has cost is the worst case."
    if row.error is None and row.status is not None and row.status < 400:
        return "The call ended well."
    return _ENDS.get(row.error or "", "The provider answered with an error; the client got it as it was.")


def _tone(row: Row) -> str:
    if row.state == "open":
        return "info"
    good = row.state == "settled" and row.error is None and row.status is not None and row.status < 400
    return "good" if good else "bad"
