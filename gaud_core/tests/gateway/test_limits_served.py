"""What a caller hears of his limits and budgets, and that they hold."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import pytest
from sqlalchemy import select

from gaud_core.access import Budget, KeyLimits
from gaud_core.config import Budget as BudgetSettings
from gaud_core.gateway.limits import LIMIT_HEADERS
from gaud_core.provider.base import dollars
from gaud_core.store.schema import users
from gaud_core.testing import ScriptedUpstream, Signal, chat_completion, chat_stream

from ..clock import NOON
from ..clock import Clock as WallClock
from .books import (
    ADMIN,
    COST,
    at,
    bearer,
    key_id,
    member,
    orphan,
    people,
    priced,
    rows,
    settled,
    store_of,
    worst,
)
from .support import Served, Starter, eventually
from .wire import Answered, chat, post

MIDNIGHT = NOON + 12 * 3_600_000
DECEMBER = MIDNIGHT + 7 * 86_400_000
TURNS = [("daily", NOON, MIDNIGHT), ("monthly", NOON, DECEMBER), ("daily", MIDNIGHT - 1, MIDNIGHT)]


@pytest.fixture
def wall() -> WallClock:
    """Noon of a day in November."""
    return WallClock()


@pytest.fixture
def limited(serve: Starter, upstream: ScriptedUpstream, wall: WallClock) -> Served:
    """A gateway with keys and prices that lives by `wall`."""
    upstream.default = chat_completion()
    return at(priced(serve, upstream.url), wall)


def _limits(answered: Answered) -> dict[str, str]:
    """The headers about limits."""
    return {name: value.decode() for name, value in answered.headers if name in LIMIT_HEADERS}


def _statuses(gaud: Served, key: str, count: int) -> list[int]:
    return [gaud.chat(headers=bearer(key)).status for _ in range(count)]


def _reserved(gaud: Served, upstream: ScriptedUpstream) -> tuple[int, int]:
    """What a plain call takes: tokens and nano-dollars."""
    gaud.chat(headers=bearer(ADMIN))
    return worst(upstream)


def test_requests_in_a_minute(limited: Served, wall: WallClock) -> None:
    """The third of two is 429 with all that a client needs, and the minute gives them back."""
    key = member(limited, KeyLimits(rpm=2))
    first, second, third = (limited.chat(headers=bearer(key)) for _ in range(3))
    assert _limits(first) == {
        "x-ratelimit-limit-requests": "2",
        "x-ratelimit-remaining-requests": "1",
        "x-ratelimit-reset-requests": "61s",
    }
    assert _limits(second)["x-ratelimit-remaining-requests"] == "0"
    assert (third.status, third.error["type"]) == (429, "rate_limit_error")
    assert third.error["code"] == "rate_limit_exceeded"
    assert third.message == "This key may make 2 requests in a minute, and it has made them."
    assert third.header("retry-after") == "61"
    assert _limits(third)["x-ratelimit-remaining-requests"] == "0"
    wall.now += 60_999
    assert _statuses(limited, key, 1) == [429]
    wall.now += 1
    assert _statuses(limited, key, 3) == [200, 200, 429]


def test_tokens_in_a_minute(limited: Served, upstream: ScriptedUpstream) -> None:
    """The worst case is reserved, and the answer gives back what it did not use."""
    tokens, _ = _reserved(limited, upstream)
    key = member(limited, KeyLimits(tpm=tokens + 20))
    first, second, third = (limited.chat(headers=bearer(key)) for _ in range(3))
    assert [first.status, second.status, third.status] == [200, 200, 429]  # 12 and 12 of 20 are used
    assert _limits(first)["x-ratelimit-remaining-tokens"] == "20"
    assert _limits(second)["x-ratelimit-remaining-tokens"] == "8"
    assert _limits(third)["x-ratelimit-limit-tokens"] == str(tokens + 20)
    assert third.header("retry-after") == "61"
    assert f"{tokens - 4} are left, and this call may take {tokens}." in third.message


def test_calls_at_a_time(limited: Served, upstream: ScriptedUpstream) -> None:
    """The place is free again when the answer has ended, and for a refused call at once."""
    gate = Signal()
    upstream.add(attrs.evolve(chat_completion(), before=[gate]))
    key = member(limited, KeyLimits(concurrency=1))
    with limited.wire() as wire:
        wire.send(post(chat(), bearer(key)))
        upstream.wait_call()
        refused = limited.chat(headers=bearer(key))
        gate.set()
        first = wire.answer()
    assert (refused.status, refused.header("retry-after")) == (429, "1")
    assert refused.message == "This key may make 1 calls at a time, and they are running."
    assert _limits(first) == {
        "x-ratelimit-limit-concurrency": "1",
        "x-ratelimit-remaining-concurrency": "0",
    }
    assert _statuses(limited, key, 3) == [200, 200, 200]


@pytest.mark.parametrize("limit", ["rpm", "concurrency", "budget"])
def test_limits_hold_under_load(limited: Served, upstream: ScriptedUpstream, limit: str) -> None:
    """Of 40 calls at once not one more goes through than may."""
    _, nanos = _reserved(limited, upstream)
    gate = Signal()
    upstream.default = attrs.evolve(chat_completion(), before=[gate])
    if limit == "budget":
        key = member(limited, budget=Budget(daily_nanos=7 * nanos + nanos - 1))
    else:
        key = member(limited, KeyLimits(rpm=7) if limit == "rpm" else KeyLimits(concurrency=7))
    wires = [limited.wire(10) for _ in range(40)]
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(40) as pool:
        for wire in wires:
            stack.enter_context(wire)
            wire.send(post(chat(), bearer(key)))
        answers = [pool.submit(wire.answer) for wire in wires]
        upstream.wait_call(8)  # the first is the administrator's
        eventually(lambda: sum(answer.done() for answer in answers) == 33)
        gate.set()
        statuses = Counter(answer.result().status for answer in answers)
    assert statuses == {200: 7, 429: 33}
    assert len(upstream.calls) == 8
    settled(limited, 8)


@pytest.mark.parametrize(("name", "now", "turn"), TURNS)
def test_a_budget_that_is_spent(
    limited: Served, upstream: ScriptedUpstream, wall: WallClock, name: str, now: int, turn: int
) -> None:
    """It is 429 until the day or the month turns, to the millisecond."""
    _, nanos = _reserved(limited, upstream)
    wall.now = now
    key = member(limited, budget=Budget(**{f"{name}_nanos": nanos + COST}))
    assert _statuses(limited, key, 2) == [200, 200]  # the worst case fits in twice
    refused = limited.chat(headers=bearer(key))
    assert (refused.status, refused.error["type"]) == (429, "insufficient_quota")
    assert refused.error["code"] == "insufficient_quota"
    assert refused.message == (
        f"Your {name} budget has no room for this call: it may cost up to {dollars(nanos)} USD, "
        f"and {dollars(nanos - COST)} USD are left. A lower `max_tokens` makes it cost less."
    )
    assert refused.header("retry-after") == str(-((now - turn) // 1000))
    wall.now = turn - 1
    assert _statuses(limited, key, 1) == [429]
    wall.now = turn
    assert _statuses(limited, key, 1) == [200]


def test_a_call_counts_in_the_day_that_let_it_begin(
    limited: Served, upstream: ScriptedUpstream, wall: WallClock
) -> None:
    """One that ends after midnight takes nothing from the new day."""
    _, nanos = _reserved(limited, upstream)
    wall.now, gate = MIDNIGHT - 1, Signal()
    key = member(limited, budget=Budget(daily_nanos=nanos))
    upstream.add(attrs.evolve(chat_completion(), before=[gate]))
    with limited.wire() as wire:
        wire.send(post(chat(), bearer(key)))
        upstream.wait_call(2)
        wall.now = MIDNIGHT
        gate.set()
        wire.answer()
    assert _statuses(limited, key, 2) == [200, 429]
    settled(limited, 3)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "used", [{}, {"daily": 79}, {"daily": 80}, {"monthly": 100}, {"daily": 90, "monthly": 85}]
)
def test_warnings(limited: Served, upstream: ScriptedUpstream, stream: bool, used: dict[str, int]) -> None:
    """From 80 % on an answer says in dollars what is used, the running call's worst case included."""
    upstream.default = chat_stream() if stream else chat_completion()
    limited.chat(headers=bearer(ADMIN), stream=stream)
    _, nanos = worst(upstream)
    limits = {name: nanos * 100 // percent for name, percent in used.items()}
    key = member(limited, budget=Budget(**{f"{name}_nanos": limit for name, limit in limits.items()}))
    said = [
        f"{used[name]}% of the {name} budget of ${dollars(limit)} is used, ${dollars(limit - nanos)} is left"
        for name, limit in limits.items()
        if used[name] >= 80
    ]
    warning = limited.chat(headers=bearer(key), stream=stream).header("x-budget-warning")
    assert warning == ("; ".join(said) or None)


@pytest.mark.parametrize("percent", [1, 100])
def test_the_threshold_is_configured(serve: Starter, upstream: ScriptedUpstream, percent: int) -> None:
    """And counts inclusively."""
    upstream.default = chat_completion()
    gaud = priced(serve, upstream.url, budget=BudgetSettings(warning_threshold_percent=percent))
    _, nanos = _reserved(gaud, upstream)
    at_it, below = (nanos * 100 // percent + extra for extra in (0, 100))
    for number, (limit, warned) in enumerate([(at_it, True), (below, False)]):
        key = member(gaud, name=f"user {number}", budget=Budget(monthly_nanos=limit))
        assert (gaud.chat(headers=bearer(key)).header("x-budget-warning") is not None) is warned


def test_a_refusal_warns_too(limited: Served) -> None:
    """Who has no budget at all is told so."""
    refused = limited.chat(headers=bearer(member(limited, budget=Budget(daily_nanos=0))))
    assert refused.status == 429
    assert refused.header("x-budget-warning") == "100% of the daily budget of $0 is used, $0 is left"
    assert refused.message == "Your daily budget is used up."


def test_models_without_a_price_under_a_budget(serve: Starter, upstream: ScriptedUpstream) -> None:
    """They may be refused; who has no budget may use them all the same."""
    upstream.default = chat_completion()
    gaud = priced(serve, upstream.url, budget=BudgetSettings(unpriced="refuse"))
    poor, rich = member(gaud, name="A", budget=Budget(daily_nanos=10**12)), member(gaud, name="B")
    refused = gaud.chat("acme:free", bearer(poor))
    assert (refused.status, refused.error["code"], refused.error["param"]) == (403, "model_unpriced", "model")
    assert gaud.chat("acme:free", bearer(rich)).status == 200
    assert gaud.chat("acme:m", bearer(poor)).status == 200


def test_models_without_a_price_end_with_the_budget(limited: Served, upstream: ScriptedUpstream) -> None:
    """By default they are allowed as long as anything is left."""
    key = member(limited, budget=Budget(daily_nanos=0))
    assert limited.chat("acme:free", bearer(key)).status == 429
    people(limited).set_budget(_user(limited), Budget(daily_nanos=1), actor="test")
    assert limited.chat("acme:free", bearer(key)).status == 200
    assert len(upstream.calls) == 1


def _user(gaud: Served) -> str:
    with store_of(gaud).reading() as connection:
        return str(connection.execute(select(users.c.id).where(users.c.name == "Ada")).scalar_one())


UPSTREAM_LIMITS = {
    "x-ratelimit-limit-requests": "9999",
    "x-ratelimit-remaining-requests": "9998",
    "x-ratelimit-reset-requests": "6ms",
    "x-ratelimit-remaining-tokens": "77",
    "x-ratelimit-other": "5",
    "x-budget-warning": "all is lost",
}


@pytest.mark.parametrize("stream", [False, True])
def test_headers_of_the_upstreams_own_limits(
    limited: Served, upstream: ScriptedUpstream, stream: bool
) -> None:
    """They pass, save for those limits that the key has: of these it hears its own, once."""
    answer = chat_stream if stream else chat_completion
    upstream.default = answer(headers=UPSTREAM_LIMITS)
    free, bound = member(limited, name="A"), member(limited, KeyLimits(rpm=5), name="B")
    for key, expected in ((free, "9999"), (bound, "5")):
        answered = limited.chat(headers=bearer(key), stream=stream)
        assert answered.all("x-ratelimit-limit-requests") == [expected]
        assert len(answered.all("x-ratelimit-reset-requests")) == 1
        assert answered.all("x-ratelimit-remaining-tokens") == ["77"]
        assert answered.all("x-ratelimit-other") == ["5"]
        assert answered.all("x-budget-warning") == []


@pytest.mark.parametrize(
    ("globs", "model", "allowed"),
    [
        ((), "acme:m", True),
        (("m",), "acme:m", True),
        (("m*",), "acme:m", True),
        (("acme:m",), "acme:m", True),
        (("acme:*",), "acme:other", True),
        (("*",), "acme:other", True),
        (("n", "o*"), "acme:other", True),
        (("m",), "acme:other", False),
        (("work:*",), "acme:m", False),
        (("M",), "acme:m", False),
        (("ac*",), "acme:m", False),
        (("acme:m",), "acme:m2", False),
        (("work:*",), "acme:work:m", False),
        (("work:m",), "acme:work:m", False),
        (("*:work:m",), "acme:work:m", True),
    ],
)
def test_models_of_a_key(
    limited: Served, upstream: ScriptedUpstream, globs: tuple[str, ...], model: str, allowed: bool
) -> None:
    """Globs with and without the prefix; the refused model is named and is neither booked nor asked."""
    key = member(limited, KeyLimits(globs))
    answered = limited.chat(model, bearer(key))
    assert answered.status == (200 if allowed else 403)
    assert len(upstream.calls) == len(rows(limited)) == allowed
    if not allowed:
        assert (answered.error["code"], answered.error["param"]) == ("model_not_allowed", "model")


def test_the_list_of_models_is_the_keys_own(limited: Served) -> None:
    """What it may not use is not listed, and is 403 by name."""
    key = member(limited, KeyLimits(("m", "acme:other")))
    listed = [model["id"] for model in limited.get("/v1/models", bearer(key)).json["data"]]
    assert listed == ["acme:m", "acme:other"]
    assert limited.get("/v1/models/acme:m", bearer(key)).status == 200
    assert limited.get("/v1/models/acme:free", bearer(key)).status == 403
    assert limited.get("/v1/models/acme:unlisted", bearer(key)).status == 403
    assert len(limited.get("/v1/models", bearer(ADMIN)).json["data"]) == 3


def test_a_wrong_name_tells_nothing_of_other_models(limited: Served) -> None:
    """Of the names that are near, a key hears those that it may use."""
    key = member(limited, KeyLimits(("acme:other",)))
    assert "Did you mean `acme:other`?" in limited.chat("otter:other", bearer(key)).message
    for answered in (limited.chat("acne:m", bearer(key)), limited.get("/v1/models/acne:m", bearer(key))):
        assert answered.status == 404
        assert "acme:m" not in answered.message


def _revoked(gaud: Served, wall: WallClock) -> None:
    people(gaud).revoke_key(key_id(gaud), actor="test")


def _expired(gaud: Served, wall: WallClock) -> None:
    people(gaud).patch_key(key_id(gaud), {"expires_at": wall() + 1}, actor="test")
    wall.now += 1


def _rotated(gaud: Served, wall: WallClock) -> None:
    people(gaud).rotate_key(key_id(gaud), actor="test")


def _after_grace(gaud: Served, wall: WallClock) -> None:
    people(gaud).rotate_key(key_id(gaud), 60, actor="test")
    wall.now += 60_000


def _deleted(gaud: Served, wall: WallClock) -> None:
    people(gaud).delete_user(_user(gaud), actor="test")


def _orphaned(gaud: Served, wall: WallClock) -> None:
    """Whatever has deleted the user and has not thought of his keys."""
    orphan(gaud)


@pytest.mark.parametrize("ends", [_revoked, _expired, _rotated, _after_grace, _deleted, _orphaned])
def test_a_key_that_ends_ends_at_once(
    limited: Served, wall: WallClock, upstream: ScriptedUpstream, ends: Callable[..., Any]
) -> None:
    """The very next call is refused, also in the two seconds in which the key is remembered."""
    key = member(limited)
    assert limited.chat(headers=bearer(key)).status == 200
    ends(limited, wall)
    for answered in (limited.chat(headers=bearer(key)), limited.get("/v1/models", bearer(key))):
        assert (answered.status, answered.message) == (401, "This key is not valid.")
    assert len(upstream.calls) == 1
