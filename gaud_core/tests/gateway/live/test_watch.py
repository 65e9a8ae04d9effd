"""The file on the disk: every way of saving is noticed, and a broken one changes nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import signal

import pytest

from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.live.watch import Watch

from .support import TOY, World, look, said, toy

pytestmark = pytest.mark.anyio

LOUDER = TOY.replace("info", "error")


async def test_what_is_saved_is_applied(world: World) -> None:
    """At the second look, because an editor may be in the middle of it."""
    gateway = await world.start()
    world.write(LOUDER)
    await gateway.desk.look()
    assert gateway.config.logging.level == "info"
    await gateway.desk.look()
    assert gateway.config.logging.level == "error"
    versions, _ = await gateway.desk.history()
    assert (versions[0].actor, versions[0].action, versions[0].keys) == ("file", "edit", ("logging.level",))


async def test_half_a_file_is_not_believed(world: World) -> None:
    """One that is being written, and is whole at the next look, never removes a provider."""
    gateway = await world.start()
    before = toy(gateway)
    for content in ("", TOY[:40], LOUDER):
        world.path.write_text(content)
        await gateway.desk.look()
    await gateway.desk.look()
    assert gateway.config.logging.level == "error"
    assert toy(gateway) is before


async def test_a_link_to_the_file_is_followed(world: World) -> None:
    """As Kubernetes mounts a configuration: the link comes to point elsewhere."""
    for name, text in (("one", TOY), ("two", LOUDER)):
        (world.folder / name).write_text(text)
    world.path.symlink_to(world.folder / "one")
    gateway = await world.start(None)
    world.path.unlink()
    world.path.symlink_to(world.folder / "two")
    await look(gateway)
    assert gateway.config.logging.level == "error"
    await gateway.desk.change("logging.level", "debug", actor="test")
    assert world.path.is_symlink()
    assert "debug" in (world.folder / "two").read_text()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nonsense", "this is not TOML"),
        ("[logging]\nlevel = 'loud'\n", "logging.level: must be one of"),
        ("[providers.toy]\nurl = 'http://a'\ntimeout_secs = 0\n", "timeout_secs: must be above 0"),
        ("[providers.toy]\nurl = 'http://a'\nmood = 'no start'\n", "did not start"),
        (None, "is gone"),
    ],
)
async def test_a_broken_file_changes_nothing(
    world: World, caplog: pytest.LogCaptureFixture, text: str | None, told: str
) -> None:
    """The last good state stays in force; the log says it once, the state until the file is good again."""
    caplog.set_level(logging.INFO)
    gateway = await world.start()
    before = gateway.current
    if text is None:
        world.path.unlink()
    else:
        world.write(text)
    for _ in range(4):
        await gateway.desk.look()
    assert gateway.current is before
    state = gateway.desk.state()
    assert told in str(state.problems[0])
    assert state.problems_at is not None
    assert [told in line for line in caplog.messages if "is refused" in line] == [True]
    assert told in state.workers[0].error
    world.write(TOY)
    await look(gateway)
    assert gateway.desk.state().problems == ()
    assert "is good again" in caplog.text


async def test_a_change_does_not_wipe_out_a_broken_file(world: World) -> None:
    """What an editor is in the middle of is not overwritten by a change of one setting."""
    gateway = await world.start()
    world.write(TOY + "\nnonsense")
    plan = await gateway.desk.plan({"logging.level": "error"})
    assert "not TOML" in str(plan.problems[0])
    assert world.path.read_text().endswith("nonsense")


async def test_an_asked_look_is_at_once(world: World) -> None:
    """After a signal nothing is doubted, and with nothing new what is broken is tried again."""
    gateway = await world.start()
    world.write(LOUDER)
    await gateway.desk.asked()
    assert gateway.config.logging.level == "error"
    before = toy(gateway)
    await gateway.desk.asked()
    assert toy(gateway) is before
    assert gateway.desk.state().workers[0].looked == 2


async def test_signal(world: World) -> None:
    """SIGHUP wakes the watch; after its end the signal harms nobody."""
    gateway = await world.start()
    world.write(LOUDER)
    assert gateway.desk.state().workers[0].hears
    os.kill(os.getpid(), signal.SIGHUP)
    async with asyncio.timeout(10):
        while gateway.config.logging.level != "error":  # noqa: ASYNC110  a signal has no event
            await asyncio.sleep(0.01)
    await gateway.stop()
    world.gateways.clear()
    os.kill(os.getpid(), signal.SIGHUP)


async def test_the_watch_survives_a_mistake_of_gauds_own(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong in a look is in the log, and the next look comes."""
    gateway = await world.start()
    ticks: asyncio.Queue[None] = asyncio.Queue()

    async def sleep(secs: float) -> None:
        assert secs == 1.0
        await ticks.get()

    looks: asyncio.Queue[None] = asyncio.Queue()

    async def broken() -> None:
        looks.put_nowait(None)
        raise RuntimeError("a mistake")

    monkeypatch.setattr(type(gateway.desk), "look", lambda self: broken())
    watch = Watch(gateway.desk)
    await watch.start(sleep)
    for _ in range(2):
        ticks.put_nowait(None)
        await asyncio.wait_for(looks.get(), 5)
    await watch.stop()
    assert "could not be looked at" in caplog.text


async def test_a_gateway_that_a_program_made_watches_nothing(world: World) -> None:
    """Without a loaded configuration there is no file to look at."""
    loaded = await world.start()
    config = type(loaded.config)(data=loaded.config.data)
    gateway = Gateway(config, [], loaded.store)
    await gateway.start()
    assert gateway.desk.state().path is None
    await gateway.stop()


async def test_a_file_that_turns_up_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that started without one takes it when it is there."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(world.folder / "etc"))
    monkeypatch.chdir(world.folder)
    gateway = await world.start(None, named=False)
    assert gateway.registry.instances == {}
    world.write(TOY)
    await look(gateway)
    assert said(gateway).url == "http://localhost:4000"
    assert gateway.desk.state().path == str(world.path)


async def test_workers_follow_each_other(world: World) -> None:
    """What one changes, another one has after its next looks, without a second entry in the history."""
    one, other = await world.start(), await world.start()
    await one.desk.change("logging.level", "error", actor="test")
    await look(other)
    assert other.config.logging.level == "error"
    assert (await other.desk.history())[1] == 2
