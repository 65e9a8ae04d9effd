"""`gaud ledger` and `gaud db`: proof of the books, what a crash leaves, copies while others write."""

from __future__ import annotations

import asyncio
import functools
import json
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from gaud_core.ledger import Ledger
from gaud_core.ledger.writer import Writer
from gaud_core.store import Store
from gaud_core.store.schema import calls, spend, users, windows, workers

from .calls import add_key, gateway, make, wants
from .conftest import Run

WORKER = """
import asyncio, sys
from pathlib import Path
from gaud_core.config import Config, Database
from gaud_core.ledger import Admission, Worst, open_ledger
from gaud_core.store import open_store

async def main(path, key):
    ledger = open_ledger(open_store(Config(database=Database(path=Path(path)))))
    for number, worst in enumerate((Worst(10, 5_000_000), Worst(10, 7_000_000), Worst(10, None))):
        wants = Admission(f"cut-{number}", "work", "acme", "m", "chat/completions", key_id=key, worst=worst)
        await ledger.admit(wants)
    print("ready", flush=True)
    await asyncio.sleep(3600)

asyncio.run(main(*sys.argv[1:]))
"""


@contextmanager
def _worker(database: Path, key: str) -> Iterator[subprocess.Popen[str]]:
    """A process with three open calls."""
    started = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(database), key], stdout=subprocess.PIPE, text=True
    )
    try:
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
        yield started
    finally:
        started.send_signal(signal.SIGKILL)
        started.communicate(timeout=10)


async def _some(ledger: Ledger, key: str) -> None:
    await make(ledger, key)
    await make(ledger, key)
    await ledger.admit(wants(key))


def _state(store: Store, call: str) -> str:
    with store.reading() as connection:
        state: str = connection.execute(select(calls.c.state).where(calls.c.id == call)).scalar_one()
        return state


def _count(store: Store, table: Any) -> int:
    with store.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


# ---------------------------------------------------------------------------- verify


def test_books_that_are_right(books: Run, store: Store) -> None:
    """One line of what was checked, exit code 0; also for a running gateway and for empty books."""
    assert books("ledger", "verify").out == (
        "The books are right: 0 calls agree with every counter of money, requests and tokens.\n"
    )
    with gateway(store) as ledger:
        asyncio.run(_some(ledger, add_key(store, "alice")))
        ran = books("ledger", "verify")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("The books are right: 3 calls (1 open, 2 settled) agree with ")


PLANTED = {
    "spent of user_": update(spend).values(spent_nanos=spend.c.spent_nanos + 1),
    "reserved of user_": update(spend).values(reserved_nanos=0),
    "requests of key_": update(windows).values(requests=windows.c.requests + 7),
    "tokens of key_": update(windows).values(tokens=windows.c.tokens - 1),
    "the number of ended calls without an end": update(calls)
    .where(calls.c.state == "settled")
    .values(settled_at=None),
    "the number of open calls with an end": update(calls).where(calls.c.state == "open").values(settled_at=1),
    "spent of user_x": update(spend).values(user_id="user_x").where(spend.c.period.like("%-__-__")),
    "spent of ": update(calls).where(calls.c.state == "settled").values(cost_nanos=calls.c.cost_nanos + 1),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_difference_is_named(books: Run, store: Store, what: str) -> None:
    """In each kind of counter, and in the rows themselves; exit code 1."""
    with gateway(store) as ledger:
        asyncio.run(_some(ledger, add_key(store, "alice")))
        with store.writing() as connection:
            connection.execute(PLANTED[what])
        ran = books("ledger", "verify")
    assert ran.code == 1
    assert all(line.endswith(".") and " is " in line for line in ran.out.splitlines())
    assert any(line.startswith(what) and ", but the rows add up to " in line for line in ran.out.splitlines())
    assert "in 3 calls (1 open, 2 settled)." in ran.err
    assert "The books are right" not in ran.out


# ---------------------------------------------------------------------------- recover


def test_nothing_to_recover(books: Run, store: Store) -> None:
    """Nothing is said to be nothing; the open calls of a gateway that runs are its own."""
    with gateway(store) as ledger:
        asyncio.run(_some(ledger, add_key(store, "alice")))
        for words in ([], ["--dry-run"]):
            ran = books("ledger", "recover", *words)
            assert (ran.code, ran.out) == (0, "Nothing: every open call belongs to a process that runs.\n")
        assert books("ledger", "recover", "--json").out == "[]\n"
        assert ledger.verify().calls == {"open": 1, "settled": 2}
        assert _count(store, workers) == 1


def test_what_a_killed_process_has_left(
    shell: Run, store: Store, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it lives nothing is touched; after SIGKILL its calls are shown, then closed, then gone."""
    patient = functools.partial(Writer, tend_secs=3600)  # else the gateway may come before the commands
    monkeypatch.setattr("gaud_core.ledger.ledger.Writer", patient)
    key = add_key(store, "alice")
    with gateway(store) as ledger:
        asyncio.run(_some(ledger, key))
        with _worker(database, key):
            assert shell("ledger", "recover").out.startswith("Nothing")
        dry = shell("ledger", "recover", "--dry-run")
        assert [line.split()[0] for line in dry.out.splitlines()] == ["CALL", "cut-0", "cut-1", "cut-2"]
        assert [line.split()[-1] for line in dry.out.splitlines()[1:]] == ["0.005", "0.007", "?"]
        assert dry.err == "3 open calls of ended processes would be closed.\n"
        assert _state(store, "cut-0") == "open"
        real = shell("ledger", "recover", "--json")
        assert [call["worst_case_usd"] for call in json.loads(real.out)] == ["0.005", "0.007", None]
        assert _state(store, "cut-0") == "lost"
        assert shell("ledger", "recover").out.startswith("Nothing")
        assert _count(store, workers) == 1  # the gateway; no command has joined it
        report = ledger.verify()
    assert report.clean
    assert report.calls == {"lost": 3, "open": 1, "settled": 2}


def test_recovering_is_safe_while_gateways_serve(shell: Run, store: Store, database: Path) -> None:
    """A gateway settles its calls as if nothing had been."""
    key = add_key(store, "alice")
    with gateway(store) as ledger:
        done = threading.Event()
        writer = threading.Thread(target=asyncio.run, args=(_until(ledger, key, done),))
        writer.start()
        with _worker(database, key):
            pass
        said = [shell("ledger", "recover") for _ in range(4)]
        done.set()
        writer.join()
        report = ledger.verify()
    assert [ran.code for ran in said] == [0] * 4
    assert report.clean
    assert report.calls.keys() == {"lost", "settled"}
    assert report.calls["lost"] == 3


async def _until(ledger: Ledger, key: str, done: threading.Event) -> None:
    while not done.is_set():
        await asyncio.gather(*(make(ledger, key) for _ in range(8)))


# ---------------------------------------------------------------------------- backup


def test_a_backup_while_a_writer_writes(shell: Run, books: Run, store: Store, tmp_path: Path) -> None:
    """Each copy is one state: its books agree, it holds what is said, and it serves as a database."""
    key, paths = add_key(store, "alice"), [tmp_path / f"copy{number}.db" for number in range(3)]
    with gateway(store) as ledger:
        done = threading.Event()
        writer = threading.Thread(target=asyncio.run, args=(_until(ledger, key, done),))
        writer.start()
        try:
            copies = {path: shell("db", "backup", str(path)) for path in paths}
        finally:
            done.set()
            writer.join()
    for path, ran in copies.items():
        assert (ran.code, ran.err) == (0, "")
        _check_copy(books, path, ran.out)


def _check_copy(books: Run, path: Path, said: str) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    restored = {"GAUD_DATABASE_PATH": str(path)}
    verified = books("ledger", "verify", **restored)
    assert verified.code == 0, verified.out
    number = verified.out.split(": ")[1].split(" ")[0]
    assert said.startswith(f"{path} (")
    assert said.endswith(f" holds 1 user, 1 key and {number} calls.\n")
    assert books("keys", "create", "alice", **restored).code == 0


def test_a_backup_overwrites_nothing(books: Run, store: Store, database: Path, tmp_path: Path) -> None:
    """Neither a file nor a folder, not even the database itself, and not what a link points to."""
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for path in (tmp_path / "mine", tmp_path, database, tmp_path / "link"):
        ran = books("db", "backup", str(path))
        assert (ran.code, ran.out) == (1, "")
        assert ran.err == f"{path} is there already, and nothing is overwritten. Name a new file.\n"
    assert (tmp_path / "mine").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()
    assert _count(store, users) == 0


def test_a_backup_into_a_folder_that_is_not_there(books: Run, store: Store, tmp_path: Path) -> None:
    """One sentence, and no folder is made."""
    path = tmp_path / "no" / "copy.db"
    ran = books("db", "backup", str(path))
    assert (ran.code, ran.err) == (1, f"The backup {path} cannot be written: no such file or directory.\n")


def test_a_backup_without_room(store: Store, environ: dict[str, str], database: Path, tmp_path: Path) -> None:
    """One sentence, and no half of a copy is left that somebody could take for a whole one."""
    path = tmp_path / "copy.db"
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "from gaud_core.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "db", "backup", str(path)],
        env={**environ, "GAUD_DATABASE_PATH": str(database)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"The backup {path} cannot be written: ")
    assert done.stderr.count("\n") == 1
    assert not path.exists()
