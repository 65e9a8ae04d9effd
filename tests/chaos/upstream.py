"""The upstream: plays LiteLLM, does what each plan says, and remembers every call that it has seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

import attrs

from gaud_core.testing import (
    DONE,
    Answer,
    Cut,
    Framing,
    Pause,
    ScriptedUpstream,
    Seen,
    Signal,
    Step,
    chat_chunk,
    chat_completion,
    sse,
)

from .plan import MODEL, PRICES, Plan

__all__ = ["Crowd", "Journal", "Visit", "make_upstream"]

_STALL_SECS = 60.0
_SPOILT = {"garbage", "torn", "reset", "stalled"}


@attrs.define(eq=False)
class Visit:
    """A call that the upstream has seen."""

    id: str
    plan: Plan
    began: int
    ended: int | None = None
    told: bool = False
    """Whether everything was handed over, usage and cost included."""


@attrs.frozen
class Crowd:
    """More calls of a key at a time than it may make."""

    key: str
    at: int
    visits: tuple[Visit, ...]


@attrs.define(eq=False)
class Journal:
    """What the upstream has seen; `clock` gives milliseconds, `limits` the calls at a time of each key."""

    clock: Callable[[], int]
    limits: dict[str, int] = attrs.field(factory=dict)
    visits: list[Visit] = attrs.field(factory=list)
    crowds: list[Crowd] = attrs.field(factory=list)
    gate: Signal | None = None
    """Holds every answer back until it is set."""
    _running: dict[str, set[Visit]] = attrs.field(factory=lambda: defaultdict(set))

    def begin(self, call_id: str, plan: Plan) -> Visit:
        """Note a call's arrival."""
        visit = Visit(call_id, plan, self.clock())
        self.visits.append(visit)
        self._running[plan.key].add(visit)
        return visit

    def running(self, key: str) -> int:
        """How many calls of a key are at work."""
        return len(self._running[key])

    def end(self, visit: Visit) -> None:
        """Note that the work on a call is over: just before its last byte, or when it is broken off."""
        if visit.ended is None:
            visit.ended = self.clock()
            self._running[visit.plan.key].discard(visit)

    def is_crowded(self, visit: Visit) -> bool:
        """Whether more calls of this key run than may."""
        limit = self.limits.get(visit.plan.key)
        return limit is not None and len(self._running[visit.plan.key]) > limit

    def note_crowd(self, visit: Visit) -> None:
        """Note that it is so."""
        running = tuple(self._running[visit.plan.key])
        self.crowds.append(Crowd(visit.plan.key, self.clock(), running))


def make_upstream(journal: Journal) -> ScriptedUpstream:
    """Make the server, not started yet."""
    upstream = ScriptedUpstream()
    upstream.on("/v1/chat/completions", lambda seen: _answer(seen, journal))
    upstream.on("/v1/models", Answer.json({"data": [{"id": MODEL, "object": "model"}]}))
    upstream.on("/model/info", Answer.json({"data": [_info()]}))
    upstream.on("/health/liveliness", Answer.json("I'm alive!"))
    return upstream


def _info() -> dict[str, object]:
    info = {
        "input_cost_per_token": float(PRICES["input"]),
        "output_cost_per_token": float(PRICES["output"]),
        "cache_read_input_token_cost": float(PRICES["cached"]),
        "max_output_tokens": 4096,
    }
    return {"model_name": MODEL, "litellm_params": {"model": f"openai/{MODEL}"}, "model_info": info}


def _answer(seen: Seen, journal: Journal) -> Answer:
    plan = Plan.of(seen.body)
    visit = journal.begin(seen.header("x-litellm-call-id") or "", plan)
    answer = _planned(plan)
    steps = tuple(answer.steps)
    claims = answer.claims
    if claims is None and answer.framing is Framing.LENGTH:
        claims = sum(len(step) for step in steps if isinstance(step, bytes))
    told = plan.fault not in _SPOILT and not plan.is_free
    seen.disconnected = _Leaving(visit, journal)
    watched = _Steps(steps, visit, journal, tells=told)
    return attrs.evolve(answer, before=_before(visit, journal), steps=watched, claims=claims)


def _before(visit: Visit, journal: Journal) -> Iterator[Step]:
    """Everything before the answer's first byte."""
    plan = visit.plan
    for _ in range(3):  # who has left already may be noticed a moment after who has come
        if journal.is_crowded(visit):
            yield Pause(0)
    if journal.is_crowded(visit):
        journal.note_crowd(visit)
    if journal.gate is not None:
        yield journal.gate
    yield Pause(plan.wait_secs)
    if plan.fault == "stalled" and not plan.stream:
        yield Pause(_STALL_SECS)
    if plan.fault == "reset":
        journal.end(visit)
        yield Cut.RESET


def _planned(plan: Plan) -> Answer:
    if plan.is_free:
        return Answer.error(429 if plan.fault == "refused" else 500)
    if plan.fault == "garbage":
        return Answer.whole(b"<html>no JSON, no event", content_type="text/html")
    if plan.stream:
        return Answer.stream(tuple(_events(plan)))
    whole = chat_completion("x" * plan.completion, usage=plan.usage)
    if plan.fault != "torn":
        return whole
    body = b"".join(step for step in whole.steps if isinstance(step, bytes))
    return Answer.short(body[: len(body) // 2], len(body))


def _events(plan: Plan) -> Iterator[Step]:
    for number in range(plan.pieces):
        yield sse(chat_chunk({"content": f"piece {number}"}))
        yield Pause(plan.wait_secs / 2)
        if plan.fault == "stalled":
            yield Pause(_STALL_SECS)
        if plan.fault == "torn" and number == plan.pieces // 2:
            yield Cut.CLOSE
    yield sse(chat_chunk({}, "stop"))
    yield sse(chat_chunk(None, usage=plan.usage)) + DONE


@attrs.frozen
class _Steps:
    """Steps of which the last one is the end of the upstream's work."""

    steps: tuple[Step, ...]
    visit: Visit
    journal: Journal
    tells: bool

    def __iter__(self) -> Iterator[Step]:
        for number, step in enumerate(self.steps, 1):
            self.visit.told = self.tells and number == len(self.steps)
            if number == len(self.steps) or isinstance(step, Cut):
                self.journal.end(self.visit)
            yield step


class _Leaving(Signal):
    """Set when the gateway leaves; then the upstream's work is at its end, too."""

    def __init__(self, visit: Visit, journal: Journal) -> None:
        super().__init__()
        self._visit, self._journal = visit, journal

    def set(self) -> None:
        """Note it."""
        self._journal.end(self._visit)
        super().set()
