"""Tasks that a provider starts: those that it should have ended are named and cancelled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gaud_core import Body, Call, Provider, ProviderError, Reply, UpstreamRequest
from gaud_core.gateway.client import Pool, Unreachable
from gaud_core.gateway.client.request import Address
from gaud_core.gateway.guests.visits import away, note_tasks, stop_noting_tasks, within
from gaud_core.gateway.instances import instance as module
from gaud_core.gateway.upstream import Upstream

from ..support import instance_of
from .providers import EVENTS, JSON, Guest, Mishap

pytestmark = pytest.mark.anyio

CALL = Call("req_test", "chat/completions", "m", Body.parse(b'{"model":"m"}'))
Told = Callable[[], list[str]]


@pytest.fixture
def anyio_backend() -> str:
    """Tasks are asyncio's."""
    return "asyncio"


@pytest.fixture(autouse=True)
async def _noted() -> AsyncIterator[None]:
    note_tasks(asyncio.get_running_loop())
    yield
    stop_noting_tasks(asyncio.get_running_loop())


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Told:
    """What is said of tasks."""
    caplog.set_level(logging.WARNING)
    return lambda: [record.getMessage() for record in caplog.records if "task" in record.getMessage()]


class Poller(Guest):
    """Starts a task in `start` or in `send`, and ends it in `stop` if it is told to."""

    task: asyncio.Task[None]
    starts_in = "start"
    ends = False

    async def start(self) -> None:
        """Begin to poll."""
        if self.starts_in == "start":
            self.task = asyncio.create_task(self.poll())

    async def send(self, call: Call) -> Reply:
        """Begin to poll."""
        if self.starts_in == "send":
            self.task = asyncio.create_task(self.poll())
        return Reply(200, JSON, b"{}")

    async def stop(self) -> None:
        """End it, without waiting for its end."""
        if self.ends:
            self.task.cancel()

    async def poll(self) -> None:
        """Go on for ever."""
        await asyncio.Event().wait()


def _poller(**members: Any) -> type[Provider[Any]]:
    return type("Poller", (Poller,), members)


async def test_task_that_stop_ends(told: Told) -> None:
    """A background task from `start` to `stop` is what they are there for."""
    instance = instance_of(_poller(ends=True))
    await instance.start()
    instance.look_for_leaks()
    instance.look_for_leaks()
    await instance.stop()
    assert told() == []


async def test_task_that_outlives_stop(told: Told) -> None:
    """It is named with its line, and cancelled."""
    instance = instance_of(_poller())
    await instance.start()
    await instance.stop()
    assert instance.provider.task.cancelled()  # type: ignore[attr-defined]
    (line,) = told()
    assert line.startswith(
        "guest: the provider left a task behind: Poller.poll() in guests/test_leaks.py, line"
    )


async def test_task_of_a_failed_start() -> None:
    """What a start has begun before it failed does not stay."""

    async def start(self: Poller) -> None:
        self.task = asyncio.create_task(self.poll())
        raise Mishap

    instance = instance_of(_poller(start=start))
    await instance.start()
    assert instance.stage == "broken"
    assert instance.provider.task.cancelled()  # type: ignore[attr-defined]


async def test_task_that_outlives_its_call(told: Told) -> None:
    """It is told when it is there at a second look, once, and noted each time."""
    instance = instance_of(_poller(starts_in="send"))
    await instance.guard.send(CALL)
    instance.look_for_leaks()
    assert told() == []
    for _ in range(3):
        instance.look_for_leaks()
    assert len(told()) == 1
    (note,) = instance.guard.conduct.notes.values()
    assert (note.kind, note.count) == ("leaked", 3)
    await instance.stop()


async def test_task_of_a_stream_that_goes_on(told: Told) -> None:
    """As long as the stream lasts the task may; afterwards it is too long."""

    async def send(self: Poller, call: Call) -> Reply:
        async def pieces() -> AsyncIterator[bytes]:
            self.task = asyncio.create_task(self.poll())
            yield b"data: 1\n\n"
            yield b"data: 2\n\n"

        return Reply(200, EVENTS, pieces())

    instance = instance_of(_poller(send=send))
    reply = await instance.guard.send(CALL)
    assert not isinstance(reply.content, bytes)
    await anext(reply.content)
    for _ in range(3):
        instance.look_for_leaks()
    assert told() == []
    await reply.aclose()
    for _ in range(2):
        instance.look_for_leaks()
    assert len(told()) == 1
    await instance.stop()


async def test_tasks_of_tasks_count(told: Told) -> None:
    """Whoever starts it, also when the code in it is somebody else's."""

    async def poll(self: Poller) -> None:
        self.child = asyncio.create_task(asyncio.sleep(60))  # type: ignore[attr-defined]

    instance = instance_of(_poller(poll=poll))
    await instance.start()
    await instance.stop()
    assert [line for line in told() if "sleep()" in line]


async def test_task_that_refuses_to_be_cancelled(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, and nobody waits for it."""
    monkeypatch.setattr(module, "_GRACE_SECS", 0.01)
    freed = asyncio.Event()

    async def poll(self: Poller) -> None:
        while not freed.is_set():
            try:
                await freed.wait()
            except asyncio.CancelledError:
                continue

    instance = instance_of(_poller(poll=poll))
    await instance.start()
    await instance.stop()
    assert "refuses to be cancelled" in told()[-1]
    freed.set()


async def test_gateways_own_tasks_are_not_the_plugins() -> None:
    """What the gateway starts outside of the calls into a plugin, or on its behalf, is not noted."""

    async def send(self: Poller, call: Call) -> Reply:
        with away():
            self.task = asyncio.create_task(self.poll())
        return Reply(200, JSON, b"{}")

    instance = instance_of(_poller(send=send))
    await instance.guard.send(CALL)
    ours = asyncio.create_task(asyncio.sleep(60))
    assert list(instance.guard.tasks) == []
    ours.cancel()
    instance.provider.task.cancel()  # type: ignore[attr-defined]


async def test_tasks_of_the_gateways_client_are_not_the_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up of a host name may outlive the call that asked for it, and no plugin can help it."""
    begun = []

    async def look_up(self: Pool, address: Address) -> None:
        begun.append(asyncio.create_task(asyncio.sleep(60)))
        raise Unreachable from OSError()

    async def send(self: Poller, call: Call) -> Reply:
        return await Upstream("guest").send(UpstreamRequest("http://guest.test", {}, b""))

    monkeypatch.setattr(Pool, "connect", look_up)
    instance = instance_of(_poller(send=send))
    with pytest.raises(ProviderError):
        await instance.guard.send(CALL)
    assert list(instance.guard.tasks) == []
    begun[0].cancel()


async def test_factory_of_somebody_else_stays() -> None:
    """A loop whose tasks another library makes is left as it is."""
    loop = asyncio.get_running_loop()

    def factory(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=loop, **options)

    loop.set_task_factory(factory)
    note_tasks(loop)
    stop_noting_tasks(loop)
    assert loop.get_task_factory() is factory
    loop.set_task_factory(None)


async def test_waiting_ends_in_time() -> None:
    """Also for work that does not let itself be cancelled, and also for whoever waits and is cancelled."""
    freed = asyncio.Event()

    async def stubborn() -> None:
        while not freed.is_set():
            try:
                await freed.wait()
            except asyncio.CancelledError:
                continue

    with pytest.raises(TimeoutError):
        await within(0.01, stubborn())
    waiting = asyncio.create_task(within(60, stubborn()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    async with asyncio.timeout(2):
        await asyncio.wait({waiting})
    assert waiting.cancelled()
    freed.set()


async def test_waiting_gives_results_and_errors() -> None:
    """As if there were nobody in between."""

    async def fails() -> None:
        raise Mishap("no luck")

    assert await within(1, asyncio.sleep(0, "result")) == "result"
    with pytest.raises(Mishap, match="no luck"):
        await within(1, fails())
