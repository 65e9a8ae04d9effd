"""A month of made-up traffic, booked through the ledger like every call."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Iterator
from typing import Any

import attrs

from gaud_core.access import Budget, KeyLimits, People
from gaud_core.call import Usage
from gaud_core.ledger import Admission, Settlement, Worst, open_ledger
from gaud_core.ledger.prices import cost_of
from gaud_core.provider import Price
from gaud_core.store import Store

from .upstreams import LITELLM_MODELS

__all__ = ["seed"]

_HOUR = 3_600_000
_DAYS = 30
_DOLLAR = 10**9
_PEOPLE = (
    ("Ada Lovelace", "member", 5, 25, "notebook"),
    ("Grace Hopper", "admin", 10, 60, "laptop"),
    ("billing-service", "member", 3, 30, "production"),
    ("support-bot", "member", 2, 15, "production"),
    ("Alan Turing", "member", None, 40, "experiments"),
    ("Margaret Hamilton", "member", None, None, "laptop"),
)
_WEIGHTS = {"gpt-4o": 9, "gpt-4o-mini": 14, "claude-sonnet-4": 11, "claude-haiku-4": 6, "gemini-2.5-pro": 4}
_WEIGHTS |= {"llama-3.3-70b": 3, "house-model": 2, "mistral-large": 1}


@attrs.frozen
class _Caller:
    key_id: str
    digest: None = None


@attrs.define
class _Clock:
    now: int

    def __call__(self) -> int:
        return self.now


def seed(store: Store, until: int, calls: int = 1400) -> None:
    """Make people, keys and budgets, then book calls up to `until` (UTC milliseconds)."""
    random.seed(20261126)
    clock = _Clock(until - _DAYS * 24 * _HOUR)
    callers = _people(People(store, clock))
    times = sorted(_times(until, calls))
    asyncio.run(_book(store, clock, callers, times))


def _people(people: People) -> list[str]:
    keys = []
    for name, role, daily, monthly, label in _PEOPLE:
        user = people.create_user(name, role, actor="seed")
        budget = Budget(daily and daily * _DOLLAR, monthly and monthly * _DOLLAR)
        people.set_budget(user.id, budget, actor="seed")
        limits = KeyLimits(("gpt-*", "claude-*"), 120, 400_000, 8) if "service" in name else KeyLimits()
        keys.append(people.create_key(user.id, label, limits, actor="seed")[0].id)
        if name.startswith("Ada"):
            people.create_key(user.id, "ci", KeyLimits(("gpt-4o-mini",), rpm=20), actor="seed")
            old = people.create_key(user.id, "old laptop", actor="seed")[0]
            people.revoke_key(old.id, actor="seed")
    return keys


def _times(until: int, calls: int) -> Iterator[int]:
    """Busy by day, quiet by night and at weekends, a little more from week to week."""
    made = 0
    while made < calls:
        at = until - int(random.random() ** 1.25 * _DAYS * 24 * _HOUR) - 20_000
        hour, day = at // _HOUR % 24, at // (24 * _HOUR) % 7
        busy = 0.2 + 0.8 * math.exp(-(((hour - 13) / 5.0) ** 2))
        if random.random() < busy * (0.35 if day in (2, 3) else 1.0):
            made += 1
            yield at


async def _book(store: Store, clock: _Clock, callers: list[str], times: list[int]) -> None:
    ledger = open_ledger(store, clock=clock)
    try:
        for number, at in enumerate(times):
            clock.now = at
            await _call(ledger, clock, random.choices(callers, (9, 7, 16, 10, 5, 3))[0], number)
    finally:
        ledger.close()


async def _call(ledger: Any, clock: _Clock, key_id: str, number: int) -> None:
    model = random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    stream = random.random() < 0.7
    admission = Admission(
        f"req_{number:024x}",
        "litellm",
        "litellm",
        model,
        "chat/completions",
        stream,
        key_id,
        None,
        Worst(0, 0),
        chosen_by="prefix",
    )
    try:
        ticket = await ledger.admit(admission)
    except Exception:  # protects the seeding from a budget that is used up: such a call is not in the books
        return
    first = int(random.lognormvariate(6.1, 0.45))
    total = first + int(random.lognormvariate(7.4, 0.6)) if stream else first + 40
    clock.now += total
    await ledger.settle(ticket, _ending(model, first, total))


def _ending(model: str, first: int, total: int) -> Settlement:
    if model == "mistral-large" or random.random() < 0.012:
        return Settlement(
            429 if model == "mistral-large" else 502, 0, "none", 0, 0, 0, 0, None, first, "upstream_error"
        )
    taken, given = int(random.lognormvariate(9.4, 0.9)), int(random.lognormvariate(6.9, 0.8))
    usage = Usage(input_tokens=taken, output_tokens=given, cached_tokens=0, reasoning_tokens=0)
    cost, source = cost_of(usage, _price(model))
    return Settlement(200, cost, source, taken, given, taken // 3, 0, first, total, sent_ms=first // 60)


def _price(model: str) -> Price | None:
    _, taken, given, *_ = LITELLM_MODELS[model]
    if taken is None or given is None:
        return None
    return Price(input=round(taken * 1e15), output=round(given * 1e15))
