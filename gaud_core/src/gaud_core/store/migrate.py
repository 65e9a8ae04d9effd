"""Brings a database to this program's schema, once, however many processes start together."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from gaud_core.errors import ConfigError, Problem
from gaud_core.store.schema import METADATA
from gaud_core.store.sqlite import READS

__all__ = ["REVISIONS", "migrate"]

REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005", "0006")
"""Every revision in `migrations/`, the newest last; written here so that a usual start loads no Alembic."""

_VERSION: Final = Table(  # as Alembic makes it
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def migrate(engine: Engine, name: str) -> None:
    """Upgrade the schema under the write lock; ConfigError if a newer Gaud has written to it.

    Nothing waits for that lock when there is nothing to upgrade.
    """
    with engine.connect().execution_options(**{READS: True}) as connection, connection.begin():
        if _revision(connection) == REVISIONS[-1]:
            return
    with engine.connect() as connection, connection.begin():
        found = _revision(connection)
        if found == REVISIONS[-1]:
            return
        if found is not None and found not in REVISIONS:
            raise ConfigError([_newer(name, found)])
        if found is None and engine.dialect.name == "sqlite":
            _make(connection)
        else:
            _upgrade(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION.name):
        return None
    found: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return found


def _make(connection: Connection) -> None:
    """Make the newest schema at once, which is what all the migrations come to, without loading Alembic."""
    for table in (*METADATA.sorted_tables, _VERSION):
        connection.execute(CreateTable(table))
        for index in table.indexes:
            connection.execute(CreateIndex(index))
    connection.execute(insert(_VERSION).values(version_num=REVISIONS[-1]))


def _upgrade(connection: Connection) -> None:
    from alembic import command  # here, because it costs 0.2 s of a start and only an upgrade needs it
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", "gaud_core.store:migrations")
    settings.attributes["connection"] = connection
    command.upgrade(settings, "head")


def _newer(name: str, found: str) -> Problem:
    return Problem(
        "database.path",
        f"{name} has the schema {found} of a newer Gaud; this one knows up to {REVISIONS[-1]}.",
        "Start the newer Gaud, or restore the backup from before the upgrade.",
    )
