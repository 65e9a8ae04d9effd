"""The file of a token: whole or not there, for one user only, and an error in words when it is broken."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gaud_core import LoginNeeded, Mistake, Token, TokenFileError, TokenStore

from .support import Time, token

pytestmark = pytest.mark.anyio

SAVER = """
import sys
from pathlib import Path
from gaud_core.provider.login.file import TokenFile
from gaud_core import Token
file, number = TokenFile(Path(sys.argv[1])), 0
print("ready", flush=True)
while True:
    number += 1
    text = f"{number:08d}-" + "test" * 5000
    file.save(Token(text, text, extra={"number": number}))
"""


async def test_save_and_load(store: TokenStore) -> None:
    """The token comes back with what is unknown here."""
    kept = token(expires_at=5.5, scope="read", extra={"host": "https://acme.test", "list": [1, None]})
    await store.save(kept)
    assert store.load() == kept


async def test_modes(store: TokenStore) -> None:
    """0600 in a folder of 0700, whatever the umask allows, and nothing else is left there but the lock."""
    before = os.umask(0)
    try:
        await store.save(token())
    finally:
        os.umask(before)
    folder = store.path.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {
        "token.json": 0o600,
        "token.json.lock": 0o600,
    }


async def test_no_file(store: TokenStore) -> None:
    """It is no error, and makes no folder."""
    assert store.load() is None
    assert not store.path.parent.exists()


async def test_delete(store: TokenStore) -> None:
    """It tells whether there was one, and takes what a killed process has left along."""
    await store.save(token())
    draft = store.path.with_name(".token.json.new")
    draft.write_text("half a token")
    assert await store.delete() is True
    assert await store.delete() is False
    assert not draft.exists()
    assert store.load() is None


BROKEN = {
    "empty": b"",
    "half": b'{"access_token": "secret-test-9',
    "list": b'["secret-test-9"]',
    "binary": b"\xff\xfe secret-test-9",
    "number": b'{"access_token": 12345}',
    "no token": b'{"refresh_token": "secret-test-9"}',
    "bad time": b'{"access_token": "secret-test-9", "expires_at": "secret-test-9"}',
    "deep": b"[" * 100_000,
    "long": b'{"access_token": "' + b"secret-test-9" * 100_000 + b'"}',
}


@pytest.mark.parametrize("name", BROKEN)
async def test_broken_file(store: TokenStore, name: str) -> None:
    """The error names the file and the cure and shows nothing of what stands in it."""
    store.path.parent.mkdir()
    store.path.write_bytes(BROKEN[name])
    with pytest.raises(TokenFileError) as wrong:
        store.load()
    assert str(store.path) in str(wrong.value)
    assert str(wrong.value).endswith("Delete the file, then: gaud login acme")
    assert "secret-test" not in str(wrong.value)


async def test_broken_file_in_a_call(store: TokenStore, caplog: pytest.LogCaptureFixture) -> None:
    """A caller is told that a login is needed; the file is named in the log, once for many calls."""
    store.path.parent.mkdir()
    store.path.write_text("{}")
    for _ in range(3):
        with pytest.raises(LoginNeeded, match="stored token of `acme` cannot be used") as wrong:
            await store.fresh(_no_renewal)
        assert str(store.path) not in wrong.value.body().decode()
        assert "gaud login acme" in wrong.value.body().decode()
    assert caplog.text.count(str(store.path)) == 1


async def test_broken_file_is_replaced(store: TokenStore) -> None:
    """A login and a logout work all the same."""
    store.path.parent.mkdir()
    store.path.write_text("{")
    await store.save(token())
    assert store.load() == token()
    store.path.write_text("{")
    assert await store.delete() is True


async def test_unreadable_file(store: TokenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no missing file: the error says what to do, and a call fails."""
    await store.save(token())

    def refuses(*args: object, **more: object) -> None:
        raise PermissionError(13, "Permission denied")

    for method in ("open", "stat"):
        monkeypatch.setattr(Path, method, refuses)
        with pytest.raises(LoginNeeded, match="cannot be used"):
            await store.fresh(_no_renewal)
    with pytest.raises(TokenFileError, match=r"Permission denied.*Make it readable"):
        store.load()


async def test_a_folder_in_its_place(store: TokenStore) -> None:
    """It cannot be read, written or deleted, and each says so."""
    store.path.mkdir(parents=True)
    with pytest.raises(TokenFileError, match="cannot be read"):
        store.load()
    with pytest.raises(TokenFileError, match="cannot be written"):
        await store.save(token())
    with pytest.raises(TokenFileError, match="cannot be deleted"):
        await store.delete()


async def test_a_link_stays_a_link(store: TokenStore, tmp_path: Path) -> None:
    """The file that it leads to is replaced."""
    real = tmp_path / "elsewhere" / "token.json"
    real.parent.mkdir()
    store.path.parent.mkdir()
    store.path.symlink_to(real)
    await store.save(token())
    assert store.path.is_symlink()
    assert json.loads(real.read_text())["access_token"] == "access-test-1"


async def test_a_file_of_another_program(tmp_path: Path, time: Time) -> None:
    """It is read and written in that program's spelling, and what is unknown here stays."""
    path = tmp_path / "theirs.json"
    path.write_text('{"accessToken": "access-test-1", "region": "eu", "kept": [1]}')

    def read(fields: object) -> Token:
        assert isinstance(fields, dict)
        text = fields.pop("accessToken")
        if text.endswith("..."):
            raise Mistake("`accessToken` is only the beginning of one")
        return Token(text, extra=fields)

    store = TokenStore(
        path, clock=time, read=read, write=lambda t: {"accessToken": t.access_token.reveal(), **t.extra}
    )
    given = await store.fresh(_second, force_if=Token("access-test-1"))
    assert given.access_token.reveal() == "access-test-2"
    assert json.loads(path.read_text()) == {"accessToken": "access-test-2", "region": "eu", "kept": [1]}
    path.write_text('{"accessToken": "aoa..."}')
    with pytest.raises(TokenFileError, match="is only the beginning of one"):
        store.load()


def test_kill_while_saving(tmp_path: Path) -> None:
    """Killed at any moment, a process leaves a whole token, and one draft of mode 0600 at most."""
    path = tmp_path / "acme" / "token.json"
    chance = random.Random(7)
    last = 0
    for _ in range(12):
        process = subprocess.Popen([sys.executable, "-c", SAVER, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.0, 0.03))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        loaded = TokenStore(path).load()
        if loaded is not None:
            last += 1
            number = loaded.extra["number"]
            assert loaded.access_token.reveal().startswith(f"{number:08d}-test")
            assert loaded.access_token == loaded.refresh_token
        left = {each.name for each in path.parent.iterdir()} if path.parent.exists() else set()
        assert left <= {"token.json", ".token.json.new"}
        assert all(stat.S_IMODE(each.stat().st_mode) == 0o600 for each in path.parent.glob("*token*"))
    assert last  # the test has seen something


@pytest.mark.parametrize("step", ["open", "write", "fsync", "replace"])
async def test_failure_at_any_step(store: TokenStore, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """A disk that is full or gone leaves the old token, and an error in words."""
    await store.save(token())

    def fails(*args: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    where: dict[str, tuple[object, str]] = {
        "open": (os, "open"),
        "write": (os, "fdopen"),
        "fsync": (os, "fsync"),
        "replace": (Path, "replace"),
    }
    with monkeypatch.context() as patch:
        patch.setattr(*where[step], fails)
        with pytest.raises(TokenFileError, match="No space left on device"):
            await store.save(token("access-test-2"))
    assert store.load() == token()


async def _no_renewal(old: Token) -> Token:
    raise AssertionError("there is nothing to renew")


async def _second(old: Token) -> Token:
    return Token("access-test-2")
