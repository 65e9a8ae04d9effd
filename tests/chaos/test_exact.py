"""Limits of exactly so many calls, with 64 clients at once on two workers; and restarts under load."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from gaud_core.access.values import KeyLimits
from gaud_core.testing import Signal

from .callers import Client, Trial, client_session
from .cast import Actor
from .check import Evidence, inspect, read_rows
from .field import Field, open_field, small_disk
from .plan import Plan
from .run import Options, run
from .workers import until

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc"),
    pytest.mark.anyio,
    pytest.mark.timeout(300),
]

CLIENTS, EACH, PASS = 64, 3, 50


@pytest.fixture
def anyio_backend() -> str:
    """The harness lives in asyncio."""
    return "asyncio"


@attrs.define(eq=False)
class Load:
    """Clients on two workers."""

    field: Field
    client: Client
    trials: list[Trial] = attrs.field(factory=list)

    async def call(self, actor: Actor, like: Plan) -> Trial:
        """Make one call, on the workers in turn; its number is as long as any, so all reserve the same."""
        number = 1_000_000 + len(self.trials)
        slot = self.field.slots[number % 2]
        plan = attrs.evolve(like, number=number, key=actor.id)
        trial = Trial(plan, actor.user, actor.text, slot.life, self.field.journal.clock())
        self.trials.append(trial)
        assert await self.client.call(trial, slot)
        return trial

    async def worst(self) -> Plan:
        """Make a plan that takes exactly what is reserved for it, tokens and money."""
        actor = self.field.cast.add("first")
        plan = Plan(0, "", most=10, completion=10, told=1_000_000)
        while True:  # the plan travels in the request, so its own digits count
            trial = await self.call(actor, plan)
            row = read_rows(self.field.store)[trial.call_id]
            exact = attrs.evolve(plan, prompt=row.reserved_tokens - 10, told=row.reserved_nanos)
            if exact == plan:
                return plan
            plan = exact

    async def storm(self, actor: Actor, like: Plan) -> list[Trial]:
        """Let 64 clients call at once, each three times."""

        async def client() -> list[Trial]:
            return [await self.call(actor, like) for _ in range(EACH)]

        made = await asyncio.gather(*(client() for _ in range(CLIENTS)))
        return [trial for trials in made for trial in trials]

    async def check(self) -> None:
        """End the workers and compare everything."""
        assert [await slot.life.terminate() for slot in self.field.slots[:2]] == [0, 0]
        evidence = Evidence(self.field.journal, self.trials, self.field.cast, 60_000)
        assert [str(found) for found in inspect(self.field.store, evidence, self.field.journal.clock())] == []


@pytest.fixture
async def load(tmp_path: Path) -> AsyncIterator[Load]:
    """Two workers that serve; their clock runs as the wall's does."""
    with small_disk(tmp_path / "data", wanted=False):
        async with open_field(tmp_path, seed=1, speed=1) as field, client_session() as session:
            field.configure(timeout_secs=60)
            for slot in field.slots[:2]:
                slot.start()
                await slot.wait_ready()
            yield Load(field, Client(session, lambda _: None))


@pytest.mark.parametrize("limit", ["daily", "monthly", "rpm", "tpm"])
async def test_a_limit_of_fifty_calls_lets_fifty_through(load: Load, limit: str) -> None:
    """Of 192 calls neither 49 nor 51 come through, whichever worker they go to; the others are told 429."""
    plan = await load.worst()
    assert plan.told is not None
    money: dict[str, Any] = {limit: PASS * plan.told + 1} if limit in {"daily", "monthly"} else {}
    tokens = PASS * (plan.prompt + plan.completion) + plan.prompt
    limits = {"rpm": KeyLimits(rpm=PASS), "tpm": KeyLimits(tpm=tokens)}.get(limit)
    trials = await load.storm(load.field.cast.add(limit, limits, **money), plan)
    statuses = [trial.status for trial in trials]
    assert (statuses.count(200), statuses.count(429)) == (PASS, CLIENTS * EACH - PASS)
    assert sum(trial.complete for trial in trials) == PASS
    await load.check()


async def test_a_limit_of_seven_at_a_time_lets_seven_run(load: Load) -> None:
    """Of 64 calls at once 7 come to the upstream and stay; the other 57 are told 429 while they run."""
    load.field.journal.gate = gate = Signal()
    actor = load.field.cast.add("seven", KeyLimits(concurrency=7))
    calls = [asyncio.create_task(load.call(actor, Plan(0, ""))) for _ in range(CLIENTS)]
    async with asyncio.timeout(60):
        await until(lambda: sum(call.done() for call in calls) >= CLIENTS - 7)
        await until(lambda: load.field.journal.running(actor.id) >= 7)
    assert load.field.journal.running(actor.id) == 7
    gate.set()
    statuses = [trial.status for trial in await asyncio.gather(*calls)]
    assert (statuses.count(200), statuses.count(429)) == (7, CLIENTS - 7)
    await load.check()


@pytest.mark.parametrize("kind", ["restart", "kill"])
async def test_restarts_under_load_lose_nothing(tmp_path: Path, kind: str) -> None:
    """Workers end in order or by SIGKILL under load and come back; the books are right without a hand."""
    options = Options(200, seed=3, kinds={kind: 1}, per_fault=20, calm=1.0, small_disk=False)
    result = await run(tmp_path, options)
    assert [str(finding) for finding in result.findings] == []
    assert result.faults[kind] >= 2
    lost = result.states["lost estimated"]
    assert lost == 0 if kind == "restart" else lost > 0
