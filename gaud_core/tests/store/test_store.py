"""The store: file mode, migrations, transactions that exclude each other, backup while serving."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, insert, inspect, select

import gaud_core.store
from gaud_core.config import Config, Data, Database
from gaud_core.errors import ConfigError
from gaud_core.settings import Secret
from gaud_core.store import Store, open_store
from gaud_core.store import migrate as migrating
from gaud_core.store.migrate import REVISIONS
from gaud_core.store.schema import METADATA, users
from gaud_core.store.sqlite import make_engine

OPEN = "import sys; from pathlib import Path; from gaud_core.config import *; from gaud_core.store import *\n"


def _add_user(connection: Connection, number: int) -> None:
    connection.execute(
        insert(users).values(id=f"u{number}", name=f"n{number}", role="member", created_at=number)
    )


def _count(store: Store) -> int:
    with store.reading() as connection:
        return connection.execute(select(func.count()).select_from(users)).scalar_one()


def _config(path: Path) -> Config:
    return Config(database=Database(path=path))


def test_the_default_file_is_in_the_data_folder(tmp_path: Path) -> None:
    """`database.path` is `<data folder>/gaud.db` when it is not set."""
    store = open_store(Config(data=Data(dir=tmp_path)))
    store.close()
    assert (tmp_path / "gaud.db").is_file()


def test_files_are_for_the_owner_only(store: Store, path: Path) -> None:
    """The database, its log and its index have mode 0600."""
    with store.writing() as connection:
        _add_user(connection, 1)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {"gaud.db": 0o600, "gaud.db-wal": 0o600, "gaud.db-shm": 0o600}


def test_a_file_open_to_others_is_closed(path: Path) -> None:
    """A database that others could read is made private at the next start."""
    open_store(_config(path)).close()
    path.chmod(0o644)
    open_store(_config(path)).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_sqlite_is_set_up_for_many_processes(store: Store) -> None:
    """Readers and the writer do not wait for each other, and waiting writers wait."""
    with store.reading() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert found == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 5000}


@pytest.fixture
def migrated(path: Path) -> Iterator[Store]:
    """A store that went through every migration, as one of the first Gaud's has."""
    engine = make_engine(path.with_name("migrated.db"))
    with engine.connect() as connection, connection.begin():
        migrating._upgrade(connection)
    opened = open_store(_config(path.with_name("migrated.db")))
    yield opened
    opened.close()
    engine.dispose()


def _check_schema(store: Store) -> None:
    with store.reading() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, METADATA) == []


def test_migrations_make_the_schema(migrated: Store) -> None:
    """The tables that the migrations make are those of schema.py, and verify finds no difference."""
    _check_schema(migrated)


def test_a_new_file_has_what_the_migrations_make(store: Store, migrated: Store) -> None:
    """It is made at once and without them; no column, key, check, index or condition is another."""
    assert _described(store.engine) == _described(migrated.engine)


def _described(engine: Engine) -> dict[str, list[str]]:
    """Each table with all that SQLite knows of it, apart from the order of columns and constraints."""
    seen = inspect(engine)
    found = {}
    for table in seen.get_table_names():
        kinds: list[Any] = [
            [column | {"type": repr(column["type"])} for column in seen.get_columns(table)],
            [seen.get_pk_constraint(table)],
            seen.get_foreign_keys(table),
            seen.get_unique_constraints(table),
            seen.get_check_constraints(table),
            [_indexed(index) for index in seen.get_indexes(table)],
        ]
        found[table] = sorted(repr(sorted(each.items())) for kind in kinds for each in kind)
    return found


def _indexed(index: Any) -> dict[str, Any]:
    options = index.get("dialect_options", {})
    return {**index, "dialect_options": {name: str(value) for name, value in options.items()}}


def test_the_listed_revisions_are_those_in_the_folder() -> None:
    """`migrate.REVISIONS` names every migration in order, since a usual start looks only there."""
    settings = AlembicConfig()
    settings.set_main_option("script_location", "gaud_core.store:migrations")
    scripts = [script.revision for script in ScriptDirectory.from_config(settings).walk_revisions()]
    assert tuple(reversed(scripts)) == REVISIONS


@pytest.mark.parametrize("is_new", [False, True])
def test_a_start_without_an_upgrade_loads_no_alembic(store: Store, path: Path, is_new: bool) -> None:
    """Only an upgrade pays for Alembic: neither a database that is up to date nor a new one does."""
    start = "open_store(Config(database=Database(path=Path(sys.argv[1]))))"
    code = f"{OPEN}{start}\nprint('alembic' in sys.modules)"
    path = path.with_name("new.db") if is_new else path
    found = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_processes_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    """Six processes on a new file or on an old one all start, and the schema is there once."""
    code = f"{OPEN}print('ready', flush=True)\nfor line in sys.stdin:\n"
    code += (
        "    open_store(Config(database=Database(path=Path(line.strip()))))\n    print('open', flush=True)"
    )
    pipe = subprocess.PIPE
    with contextlib.ExitStack() as stack:
        command = [sys.executable, "-c", code]
        started = [
            stack.enter_context(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True))
            for _ in range(6)
        ]
        for process in started:
            stack.callback(process.kill)
        assert _say(started) == ["ready"] * 6  # all of them are past their imports when the lines come
        for trial in range(4):
            path = tmp_path / str(trial) / "gaud.db"
            if trial == 3:
                _make_old(path)
            assert _say(started, path) == ["open"] * 6
            _check_migrated_once(path)


def _say(processes: Sequence[subprocess.Popen[str]], path: Path | None = None) -> list[str]:
    """Tell all of them a path, and give what they say."""
    for process in processes if path else ():
        assert process.stdin is not None
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
    return [process.stdout.readline().strip() for process in processes if process.stdout is not None]


def _check_migrated_once(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        versions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    assert versions == [(REVISIONS[-1],)]


COUNTERS = {"spend": ("user_1", "2026-11", 5, 4, 3), "windows": ("key_1", 1_800_000_000, 2, 1)}


def test_counters_lie_in_their_index(store: Store) -> None:
    """A change of one then touches one page; so it is in a new file, and in one that was upgraded."""
    with store.reading() as connection:
        made = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE sql LIKE '%WITHOUT ROWID%'")
        assert {name for (name,) in made} == {"spend", "windows"}


def _make_old(path: Path) -> None:
    """Make a file of the first schema, with a user."""
    store = open_store(_config(path))
    with store.writing() as connection:
        _add_user(connection, 1)
        for column in ("milliunits", "quantity", "unit", "chosen_by", "sent_ms"):
            connection.exec_driver_sql(f"ALTER TABLE calls DROP COLUMN {column}")
        connection.exec_driver_sql("DROP TABLE made")
        for table, row in COUNTERS.items():
            connection.exec_driver_sql(f"INSERT INTO {table} VALUES {row}")  # noqa: S608
            connection.exec_driver_sql(f"CREATE TABLE older AS SELECT * FROM {table}")  # noqa: S608
            connection.exec_driver_sql(f"DROP TABLE {table}")
            connection.exec_driver_sql(f"ALTER TABLE older RENAME TO {table}")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    store.close()


def test_an_older_database_is_upgraded_with_its_rows(path: Path) -> None:
    """A file of the first schema keeps its users, and gets what came later."""
    _make_old(path)
    store = open_store(_config(path))
    assert _count(store) == 1
    with store.reading() as connection:
        for table, row in COUNTERS.items():
            assert connection.exec_driver_sql(f"SELECT * FROM {table}").all() == [row]  # noqa: S608
    _check_schema(store)
    test_counters_lie_in_their_index(store)
    store.close()


def test_a_newer_database_is_refused(store: Store, path: Path) -> None:
    """An older program does not touch what it does not understand, and says so in a sentence."""
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError, match="has the schema 9999 of a newer Gaud") as caught:
        open_store(_config(path))
    assert caught.value.problems[0].path == "database.path"


@pytest.mark.parametrize("content", [b"this is no database, however long it goes on" * 100])
def test_a_file_that_is_no_database_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    """The error names the file and the setting."""
    path = tmp_path / "gaud.db"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be used as the database: file is not a database"):
        open_store(_config(path))
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    """The same for a path below a file."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be used as the database"):
        open_store(_config(tmp_path / "file" / "gaud.db"))


def test_a_url_is_refused_without_its_password() -> None:
    """PostgreSQL is not there yet; the message must not repeat the URL."""
    url = Secret("postgresql://gaud:hunter2@db/gaud")
    with pytest.raises(ConfigError, match="cannot be used yet") as caught:
        open_store(Config(database=Database(url=url)))
    assert "hunter2" not in str(caught.value)


def test_writers_exclude_each_other_from_their_first_read(store: Store) -> None:
    """Read, add one, write: no update of eight threads is lost."""

    def add_some() -> None:
        for _ in range(25):
            with store.writing() as connection:
                _add_user(
                    connection, connection.execute(select(func.count()).select_from(users)).scalar_one()
                )

    threads = [threading.Thread(target=add_some) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _count(store) == 200


def test_what_raises_writes_nothing(store: Store) -> None:
    """A transaction is whole or not there."""

    def fail() -> None:
        with store.writing() as connection:
            _add_user(connection, 1)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert _count(store) == 0


def test_a_reader_keeps_its_state_and_waits_for_no_writer(store: Store) -> None:
    """What is written meanwhile is not seen, and neither side is held up."""
    with store.reading() as reading:
        assert reading.execute(select(func.count()).select_from(users)).scalar_one() == 0
        with store.writing() as writing:
            _add_user(writing, 1)
        assert reading.execute(select(func.count()).select_from(users)).scalar_one() == 0
    assert _count(store) == 1


def test_a_backup_while_writing_is_one_state(store: Store, tmp_path: Path) -> None:
    """Users are written in pairs, so that a torn copy would hold an odd number."""
    done = threading.Event()

    def write_pairs() -> None:
        number = 0
        while not done.is_set():
            with store.writing() as connection:
                _add_user(connection, number)
                _add_user(connection, number + 1)
            number += 2

    writer = threading.Thread(target=write_pairs)
    writer.start()
    try:
        for number in range(10):
            _check_backup(store, tmp_path / f"copy{number}.db")
    finally:
        done.set()
        writer.join()


def _check_backup(store: Store, path: Path) -> None:
    store.backup(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    copy = open_store(_config(path))
    assert _count(copy) % 2 == 0
    with copy.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    copy.close()


def test_a_backup_overwrites_nothing(store: Store, tmp_path: Path) -> None:
    """A file that is there stays as it is."""
    path = tmp_path / "copy.db"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        store.backup(path)
    assert path.read_text() == "mine"


def test_only_one_module_knows_sqlite() -> None:
    """Every statement that PostgreSQL would not understand is in store/sqlite.py."""
    folder = Path(gaud_core.store.__file__).parents[1]
    knowing = {
        path.name
        for path in folder.rglob("*.py")
        if any(
            word in path.read_text(encoding="utf-8")
            for word in ("PRAGMA", "dialects.sqlite", "import sqlite3")
        )
    }
    assert knowing == {"sqlite.py"}
