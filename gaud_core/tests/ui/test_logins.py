"""Logins on pages: shown to every worker, answered and cancelled from any."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest

from gaud_core import Call, Reply
from gaud_core.errors import LoginFailed
from gaud_core.provider import LoginProvider, Screen, Token
from gaud_core.ui.logins import Logins
from gaud_core.ui.screen import LoginState, is_login_id

pytestmark = pytest.mark.anyio


class Vendor(LoginProvider[Any]):
    """Logs in as the test says."""

    name = "vendor"
    settings_class = object

    def __init__(self, folder: Path, steps: Any) -> None:
        self.steps = steps
        self.ctx = type("Ctx", (), {"name": "vendor", "data_dir": folder})()

    async def login(self, screen: Screen) -> Token:
        """Do the steps."""
        return await self.steps(screen)  # type: ignore[no-any-return]

    async def send(self, call: Call) -> Reply:
        """Nothing."""
        raise NotImplementedError


class Guest:
    """An instance that does not serve, so that nobody asks it for models."""

    name = "vendor"
    stage = "configured"

    def __init__(self, provider: Vendor) -> None:
        self.provider = provider


def instance(folder: Path, steps: Any) -> Any:
    """An instance whose login does these steps."""
    return Guest(Vendor(folder / "vendor", steps))


async def until(logins: Logins, id: str, holds: Any) -> LoginState:
    """Wait until what a login shows is as wanted."""
    async with asyncio.timeout(5):
        while True:
            state = logins.state(id)
            if state is not None and holds(state):
                return state
            await asyncio.sleep(0.01)


def two_workers(folder: Path) -> tuple[Logins, Logins]:
    """The logins of two processes that share a data folder."""
    return Logins(lambda: folder / "logins"), Logins(lambda: folder / "logins")


async def test_a_code_is_shown_by_every_worker(tmp_path: Path) -> None:
    """The one that runs the login may not be the one that is asked how it stands."""
    done = asyncio.Event()

    async def steps(screen: Screen) -> Token:
        screen.show_code("TEST-1", "https://vendor.test/enter", 900)
        screen.say("A sentence.")
        await done.wait()
        return Token("token-test")

    one, other = two_workers(tmp_path)
    made = one.begin(instance(tmp_path, steps))
    state = await until(other, made, lambda state: state.said)
    assert (state.code, state.code_url, state.said) == (
        "TEST-1",
        "https://vendor.test/enter",
        ("A sentence.",),
    )
    done.set()
    await until(other, made, lambda state: state.stage == "done")
    assert "token-test" in (tmp_path / "vendor" / "token.json").read_text()
    assert "token-test" not in "".join(path.read_text() for path in (tmp_path / "logins").iterdir())


async def test_an_answer_may_come_by_another_worker(tmp_path: Path) -> None:
    """It is handed on once and then deleted."""
    heard = []

    async def steps(screen: Screen) -> Token:
        heard.append(await screen.ask("Paste the address:"))
        return Token("token-test")

    one, other = two_workers(tmp_path)
    made = one.begin(instance(tmp_path, steps))
    await until(other, made, lambda state: state.question)
    other.answer(made, "http://127.0.0.1/callback?code=test")
    await until(other, made, lambda state: state.stage == "done")
    assert heard == ["http://127.0.0.1/callback?code=test"]
    assert [path.suffix for path in (tmp_path / "logins").iterdir()] == [".json"]


async def test_a_login_is_cancelled_by_any_worker(tmp_path: Path) -> None:
    """And nothing has changed."""

    async def steps(screen: Screen) -> Token:
        await asyncio.Event().wait()
        raise AssertionError

    one, other = two_workers(tmp_path)
    made = one.begin(instance(tmp_path, steps))
    await until(other, made, lambda state: state.stage == "waiting")
    other.cancel(made)
    await until(other, made, lambda state: state.stage == "cancelled")
    assert not (tmp_path / "vendor" / "token.json").exists()


@pytest.mark.parametrize(
    ("error", "told"),
    [(LoginFailed("It was denied."), "It was denied."), (ZeroDivisionError(), "ZeroDivisionError")],
)
async def test_a_login_that_fails_says_why(tmp_path: Path, error: Exception, told: str) -> None:
    """Also when the plugin itself has failed."""

    async def steps(screen: Screen) -> Token:
        raise error

    one, _ = two_workers(tmp_path)
    made = one.begin(instance(tmp_path, steps))
    state = await until(one, made, lambda state: state.stage == "failed")
    assert told in state.problem


async def test_a_second_login_ends_the_first(tmp_path: Path) -> None:
    """Two of them would quarrel about one port, and about whose token counts."""

    async def steps(screen: Screen) -> Token:
        await asyncio.Event().wait()
        raise AssertionError

    one, _ = two_workers(tmp_path)
    vendor = instance(tmp_path, steps)
    first = one.begin(vendor)
    await until(one, first, lambda state: state.stage == "waiting")
    second = one.begin(vendor)
    await until(one, first, lambda state: state.stage == "cancelled")
    await until(one, second, lambda state: state.stage == "waiting")
    await one.stop()
    await until(one, second, lambda state: state.stage == "cancelled")


async def test_what_is_kept_is_for_the_owner_only(tmp_path: Path) -> None:
    """A code is worth something as long as it lasts."""

    async def steps(screen: Screen) -> Token:
        return Token("token-test")

    one, _ = two_workers(tmp_path)
    await until(one, one.begin(instance(tmp_path, steps)), lambda state: state.stage == "done")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "logins").iterdir()}
    assert modes == {0o600}


@pytest.mark.parametrize("id", ["", "../../etc/passwd", "a/b", "x" * 50, "abc", "aaaaaaaaaa\n"])
def test_what_is_no_id_names_no_file(tmp_path: Path, id: str) -> None:
    """An address cannot lead out of the folder."""
    logins, _ = two_workers(tmp_path)
    assert not is_login_id(id)
    assert logins.state(id) is None
    logins.answer(id, "x")
    logins.cancel(id)
    assert list(tmp_path.iterdir()) == []
