"""The commands as a shell sees them: pipes, terminals, two at once, and databases that cannot be used."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from gaud_core.access import People
from gaud_core.config import Config, Database
from gaud_core.store import Store, open_store

from .conftest import Ran, Run

READING = (
    ["users", "list"],
    ["users", "delete", "alice", "--yes"],
    ["keys", "list"],
    ["keys", "create", "alice"],
    ["keys", "revoke", "laptop"],
    ["budgets", "show"],
    ["budgets", "set", "alice", "--daily", "5"],
    ["usage"],
    ["usage", "--by", "day"],
    ["ledger", "verify"],
    ["ledger", "recover"],
    ["db", "backup", "copy.db"],
)
COMMANDS = [*READING, ["users", "create", "bob"]]
_NOBODY = 65534


def _sh(script: str, environ: Mapping[str, str], database: Path) -> Ran:
    done = subprocess.run(
        ["sh", "-c", f'gaud() {{ "{sys.executable}" -m gaud_core "$@"; }}\n{script}'],
        env={**environ, "GAUD_DATABASE_PATH": str(database)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_keys_and_ids_go_into_variables(environ: dict[str, str], database: Path, folder: Path) -> None:
    """Standard output is the value alone, so `KEY=$(…)` and a pipe work."""
    script = """
    ID=$(gaud users create alice) && KEY=$(gaud keys create "$ID") && NEW=$(gaud keys create alice | cat)
    echo "<$ID> <$KEY> <$NEW>"
    """
    ran = _sh(script, environ, database)
    user, first, second = (word.strip("<>") for word in ran.out.split())
    assert user.startswith("user_")
    assert first != second
    assert all(len(key) == len("sk-prx-") + 43 for key in (first, second))
    assert ran.err.count("It is shown this once") == 2


def test_a_key_that_nobody_can_see(environ: dict[str, str], database: Path, folder: Path) -> None:
    """A full disk behind standard output is said, with the command that ends the key."""
    ran = _sh("gaud users create alice >/dev/null; gaud keys create alice >/dev/full", environ, database)
    assert ran.code == 1
    assert (
        "The key cannot be written: no space left on device. Nobody has seen it: gaud keys revoke key_"
        in ran.err
    )
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("words", ["users list", "usage --csv", "keys list --json", "ledger verify"])
def test_no_room_for_the_output(
    environ: dict[str, str], store: Store, database: Path, folder: Path, words: str
) -> None:
    """A full disk behind standard output is a sentence; exit code 1."""
    ran = _sh(f"gaud {words} >/dev/full", environ, database)
    assert (ran.code, ran.err) == (1, "Gaud cannot write any more: no space left on device.\n")


def test_without_a_terminal_nothing_is_deleted(shell: Run, store: Store) -> None:
    """Nobody can be asked, so it is refused in a sentence that names the cure."""
    People(store).create_user("alice", actor="test")
    ran = shell("users", "delete", "alice")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == ("alice was not deleted, because there is no terminal to ask at. Say --yes to do it.\n")
    assert len(People(store).users()) == 1


@pytest.mark.parametrize(("answer", "left", "code"), [("y", 0, 0), ("n", 1, 1), ("", 1, 1)])
def test_at_a_terminal_deleting_is_asked(
    environ: dict[str, str], store: Store, database: Path, answer: str, left: int, code: int
) -> None:
    """The question says what would end; only a yes is one."""
    People(store).create_user("alice", actor="test")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "gaud_core", "users", "delete", "alice"],
        env={**environ, "GAUD_DATABASE_PATH": str(database)},
        stdin=theirs,
        stderr=theirs,
        stdout=subprocess.PIPE,
        text=True,
    )
    os.close(theirs)
    asked = b""
    while b"[y/N]" not in asked:
        asked += os.read(ours, 1000)
    os.write(ours, f"{answer}\n".encode())
    out, _ = process.communicate(timeout=30)
    os.close(ours)
    assert b"0 keys end at once; the calls stay in the books." in asked
    assert (process.returncode, len(People(store).users())) == (code, left)
    assert bool(out) is (code == 0)


def test_two_at_once_on_a_new_database(environ: dict[str, str], database: Path, folder: Path) -> None:
    """All of them find it or make it, and no user is lost."""
    ran = _sh(
        "for n in 1 2 3 4; do gaud users create user$n & done; wait; gaud users list", environ, database
    )
    assert ran.code == 0
    assert "Traceback" not in ran.err
    names = {line.split()[1] for line in ran.out.splitlines() if "member" in line}
    assert names == {"user1", "user2", "user3", "user4"}


def test_one_name_at_once(environ: dict[str, str], database: Path, folder: Path) -> None:
    """One gets it, and the others are told."""
    script = "for n in 1 2 3 4; do gaud users create alice & done; wait; gaud users list"
    ran = _sh(script, environ, database)
    assert ran.err.count("There is a user named alice already.") == 3
    assert ran.out.count("alice") == 1


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_database_that_is_not_there(books: Run, database: Path, words: list[str]) -> None:
    """It is a wrong path, and no command but `users create` makes one; exit code 2."""
    ran = books(*words)
    assert (ran.code, ran.out) == (2, "")
    assert f"database.path: {database} is not there." in ran.err
    assert not database.parent.exists()


def test_a_new_database_is_said(books: Run, database: Path) -> None:
    """So that one at a wrong path is noticed."""
    assert f"Gaud makes a new database, {database}." in books("users", "create", "alice").err
    assert "new database" not in books("users", "create", "bob").err


def test_a_database_that_is_none(books: Run, database: Path) -> None:
    """A text file, a folder, a file below a file; one sentence each, and they stay as they are."""
    database.parent.mkdir()
    database.write_text("this is no database" * 100)
    for words in COMMANDS:
        ran = books(*words)
        assert (ran.code, ran.out) == (2, "")
        assert "cannot be used as the database: file is not a database." in ran.err
        for path in (database.parent, database / "below"):
            ran = books(*words, GAUD_DATABASE_PATH=str(path))
            assert (ran.code, ran.out, "database.path: " in ran.err) == (2, "", True)
    assert database.read_text() == "this is no database" * 100


def test_a_newer_database(books: Run, store: Store) -> None:
    """It is not touched."""
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    for words in COMMANDS:
        ran = books(*words)
        assert (ran.code, ran.out) == (2, "")
        assert "has the schema 9999 of a newer Gaud" in ran.err


@contextmanager
def _nobody_special() -> Iterator[None]:
    """Be somebody for whom file modes count: for the superuser no file is read-only."""
    if os.getuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def _read_only(folder: Path, part: str) -> Path:
    """Make a database whose file or whose folder may not be written to."""
    path = folder / "gaud.db"
    open_store(Config(database=Database(path=path))).close()
    path.chmod(0o444 if part == "file" else 0o600)
    if os.getuid() == 0 and part == "folder":
        os.chown(path, _NOBODY, -1)
    folder.chmod(0o555 if part == "folder" else 0o777)
    return path


@pytest.mark.parametrize("part", ["file", "folder"])
def test_a_database_that_cannot_be_written(
    books: Run, store: Store, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the file nor its folder may be written to; one sentence at once, exit code 2."""
    monkeypatch.setattr("gaud_core.store.sqlite._BUSY_SECS", 3600)  # waiting would not help
    for words in COMMANDS:
        books(*words)  # so that all is imported, also where nobody else may read Python
    with tempfile.TemporaryDirectory() as name:
        path = _read_only(Path(name), part)
        with _nobody_special():
            said = [books(*words, GAUD_DATABASE_PATH=str(path), HOME=name) for words in COMMANDS]
        Path(name).chmod(0o700)
    for ran in said:
        assert (ran.code, ran.out) == (2, "")
        assert f"{path} cannot be used as the database: " in ran.err


def test_a_locked_database(books: Run, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading does not wait for somebody else's long transaction; writing does, and then says a sentence."""
    monkeypatch.setattr("gaud_core.store.sqlite._BUSY_SECS", 0.05)
    People(store).create_user("alice", actor="test")
    with store.writing():
        assert "alice" in books("users", "list").out
        made = books("users", "create", "bob")
        assert (made.code, made.out) == (1, "")
        assert made.err == "Gaud cannot write to its database at the moment.\n"
        recovered = books("ledger", "recover")
        assert (recovered.code, recovered.out) == (1, "")
        assert recovered.err == "Gaud cannot use its database at the moment: database is locked.\n"


def test_a_configuration_with_a_mistake(books: Run, folder: Path) -> None:
    """All mistakes at once; exit code 2. A mistake of a provider is not in the way of the books."""
    path = folder / "named.toml"
    path.write_text('[server]\nport = "x"\n')
    for words in COMMANDS:
        ran = books(*words, "--config", str(path))
        assert (ran.code, ran.out) == (2, "")
        assert "server.port" in ran.err
    path.write_text('[providers.acme]\nurl = "no address"\n')
    assert books("users", "create", "alice", "--config", str(path)).code == 0


def test_a_broken_provider_is_not_in_the_way(books: Run, plugins: Path) -> None:
    """Not even one that ends the process when it is imported."""
    (plugins / "gaud_acme_test.py").write_text("raise SystemExit('no luck')")
    assert books("users", "create", "alice", GAUD_STRICT="1").code == 0


def test_a_terminal_that_knows_few_signs(shell: Run, store: Store) -> None:
    """What it cannot write is written otherwise, and nothing fails."""
    People(store).create_user("用户", actor="test")
    ran = shell("users", "list", PYTHONIOENCODING="latin-1")
    assert (ran.code, ran.err) == (0, "")
    assert "\\u7528\\u6237" in ran.out


def test_a_word_that_is_no_utf8(shell: Run, store: Store) -> None:
    """Bytes that are no text name nobody."""
    ran = shell("users", "create", b"\xff\xfe")
    assert (ran.code, "Traceback" in ran.err) == (1, False)


def test_help_is_cheap(environ: dict[str, str]) -> None:
    """No help loads SQLAlchemy, and the list of commands loads no command."""
    for words in (["--help"], ["users", "--help"], ["keys", "create", "--help"], ["usage", "--help"]):
        code = (
            "import sys\nfrom gaud_core.cli import main\ntry:\n    main()\nexcept SystemExit:\n"
            "    print('sqlalchemy' in sys.modules, 'gaud_core.cli.common' in sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *words], env=environ, capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == f"False {words != ['--help']}"


def test_help_is_fast(environ: dict[str, str]) -> None:
    """The fastest of three takes under half a second of a processor; 0.2 s is usual, busy or not."""
    taken = []
    for _ in range(3):
        begun = os.times()
        subprocess.run(
            [sys.executable, "-m", "gaud_core", "--help"], env=environ, stdout=subprocess.DEVNULL, check=True
        )
        ended = os.times()
        taken.append(
            ended.children_user + ended.children_system - begun.children_user - begun.children_system
        )
    assert min(taken) < 0.5


GROUPS = {
    "users": ["list", "create", "delete"],
    "keys": ["list", "create", "revoke", "rotate", "edit"],
    "budgets": ["show", "set"],
    "ledger": ["verify", "recover"],
    "db": ["backup"],
}


@pytest.mark.parametrize("words", [[group, name] for group, names in GROUPS.items() for name in names])
def test_every_command_explains_itself(gaud: Run, words: list[str]) -> None:
    """In its own help, in its group's and in the list of all; each takes `--config`."""
    assert f"  {words[0]} " in gaud("--help").out
    assert f"  {words[1]} " in gaud(words[0], "--help").out
    assert "--config FILE" in gaud(*words, "--help").out
    assert "--config FILE" in gaud("usage", "--help").out
