"""What goes on around an instance, with a sleep that the test ends."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Sequence

import attrs
import pytest

from gaud_core import Health, Model, UpstreamFailed
from gaud_core.gateway.instances.instance import Instance
from gaud_core.gateway.instances.supervise import HEALTH_INTERVAL_SECS, supervise

from ..guests.providers import Guest, Mishap
from ..support import instance_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Supervision lives in asyncio."""
    return "asyncio"


@attrs.define
class Script:
    """What the upstream is at the moment, and how often it was asked."""

    failure: Exception | None = None
    asked: int = 0
    health_asked: int = 0
    interval: float = 300.0


class Upstreamed(Guest):
    """Asks the script."""

    script: Script

    async def models(self) -> Sequence[Model]:
        """Fail or give one model."""
        self.script.asked += 1
        if self.script.failure:
            raise self.script.failure
        return [Model("m")]

    async def health(self) -> Health:
        """Be as well as the script."""
        self.script.health_asked += 1
        return Health(healthy=self.script.failure is None)

    def models_interval(self) -> float:
        """Ask as often as the script says."""
        return self.script.interval


class Sleeper:
    """A sleep that lasts until the test goes on; health's own rhythm sleeps for ever."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._wake = asyncio.Event()
        self.asleep = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        """Sleep."""
        if seconds == HEALTH_INTERVAL_SECS:
            await asyncio.Event().wait()
        self.slept.append(seconds)
        self.asleep.set()
        await self._wake.wait()
        self._wake.clear()

    async def until_asleep(self) -> None:
        """Wait until the next sleep begins."""
        async with asyncio.timeout(2):
            await self.asleep.wait()

    async def again(self) -> None:
        """End this sleep and wait for the next."""
        self.asleep.clear()
        self._wake.set()
        await self.until_asleep()


async def _nothing() -> None:
    """There is nothing to prepare."""


@contextlib.asynccontextmanager
async def _supervised(script: Script) -> AsyncIterator[tuple[Instance, Sleeper]]:
    instance = instance_of(type("Scripted", (Upstreamed,), {"script": script, "label": "Acme"}))
    sleeper, started = Sleeper(), asyncio.Event()
    task = asyncio.create_task(supervise(instance, sleeper, started, _nothing))
    try:
        await sleeper.until_asleep()
        assert started.is_set()
        yield instance, sleeper
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_models_are_asked_for_again_and_again() -> None:
    """At start, and then as often as the provider says."""
    script = Script()
    async with _supervised(script) as (instance, sleeper):
        await sleeper.again()
        await sleeper.again()
        assert sleeper.slept == [300.0] * 3
        assert script.asked == 3
        assert set(instance.by_id) == {"m"}


async def test_retries_come_later_and_later() -> None:
    """1, 2, 4, 8 and then every 10 seconds."""
    async with _supervised(Script(UpstreamFailed("down"))) as (_, sleeper):
        for _ in range(6):
            await sleeper.again()
        assert sleeper.slept == [1, 2, 4, 8, 10, 10, 10]


async def test_warning_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """The same failure is one line, whatever the number of tries; another one is told again."""
    script = Script(UpstreamFailed("down"))
    async with _supervised(script) as (_, sleeper):
        for _ in range(3):
            await sleeper.again()
        assert caplog.text.count("Acme provider init failed: down") == 1
        script.failure = UpstreamFailed("another")
        await sleeper.again()
        assert caplog.text.count("Acme provider init failed: another") == 1


async def test_recovery(caplog: pytest.LogCaptureFixture) -> None:
    """When the upstream comes up it is found by itself, called healthy at once, and said so."""
    caplog.set_level("INFO")
    script = Script(UpstreamFailed("down"))
    async with _supervised(script) as (instance, sleeper):
        assert instance.health == Health(healthy=False)
        script.failure = None
        await sleeper.again()
        assert instance.health == Health(healthy=True)
        assert set(instance.by_id) == {"m"}
        assert "guest is ready: 1 models" in caplog.text
        script.failure = UpstreamFailed("down")
        await sleeper.again()
        assert "Acme provider model discovery failed: down" in caplog.text
        assert sleeper.slept == [1, 300, 1]
        assert set(instance.by_id) == {"m"}


async def test_crash_is_a_failure_like_any(caplog: pytest.LogCaptureFixture) -> None:
    """An exception of the plugin is retried, and does not end the supervision."""
    async with _supervised(Script(Mishap("bug"))) as (_, sleeper):
        await sleeper.again()
        assert sleeper.slept == [1, 2]
    assert "failed with Mishap" in caplog.text


async def test_the_client_is_made_before_the_first_question() -> None:
    """Its import must not fall into the first question, which the event loop would wait for."""
    script, sleeper, started = Script(), Sleeper(), asyncio.Event()
    seen: list[tuple[bool, int, int]] = []

    async def prepare() -> None:
        seen.append((started.is_set(), script.asked, script.health_asked))

    instance = instance_of(type("Scripted", (Upstreamed,), {"script": script}))
    task = asyncio.create_task(supervise(instance, sleeper, started, prepare))
    await sleeper.until_asleep()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert seen == [(True, 0, 0)]


async def test_who_asks_nothing_needs_no_client() -> None:
    """A provider that knows its models by itself does not pay for an HTTP client."""
    sleeper, started = Sleeper(), asyncio.Event()

    async def prepare() -> None:
        raise AssertionError("prepared for nothing")

    task = asyncio.create_task(supervise(instance_of(Guest), sleeper, started, prepare))
    await sleeper.until_asleep()
    task.cancel()
    [ended] = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError)
    assert sleeper.slept == [300.0]


async def test_broken_start_is_not_supervised() -> None:
    """A provider that did not start is not asked for anything."""

    async def start(self: object) -> None:
        raise Mishap("no")

    script, started = Script(), asyncio.Event()
    instance = instance_of(type("Broken", (Upstreamed,), {"script": script, "start": start}))
    await supervise(instance, asyncio.sleep, started, _nothing)
    assert started.is_set()
    assert (script.asked, script.health_asked) == (0, 0)


@pytest.mark.parametrize(
    ("interval", "seconds"), [(0.0, 1.0), (-5, 1.0), ("soon", 300.0), (None, 300.0), ("7", 7.0)]
)
async def test_odd_intervals(interval: object, seconds: float) -> None:
    """Nobody can make it ask without a pause."""
    async with _supervised(Script(interval=interval)) as (_, sleeper):  # type: ignore[arg-type]
        assert sleeper.slept == [seconds]


@pytest.mark.parametrize("interval", [math.nan, math.inf])
async def test_intervals_that_are_no_time(interval: float) -> None:
    """Nor make it sleep in a way that no loop can."""
    async with _supervised(Script(interval=interval)) as (_, sleeper):
        assert math.isfinite(sleeper.slept[0])


@pytest.mark.parametrize("failure", [None, UpstreamFailed("down")])
async def test_the_first_discovery_ends_well_or_not(failure: Exception | None) -> None:
    """Calls that wait for it go on when it has failed, too."""
    async with _supervised(Script(failure)) as (instance, _):
        assert instance.first_discovery.is_set()
        assert not instance.is_looking
