"""What a call asks of the database costs the same however many keys, calls and users there are."""

from __future__ import annotations

from typing import Any

import pytest

from gaud_core.ledger.statements import Statements
from gaud_core.store import Prepared, Store

READS = ("keys", "windows")
ONE = ("call", "seconds", "end_call", "touch_key")


def _plan(store: Store, prepared: Prepared) -> list[str]:
    with store.reading() as connection:
        driver: Any = connection.connection.driver_connection
        values = [None] * prepared.sql.count("?")
        return [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {prepared.sql}", values)]


@pytest.mark.parametrize("name", [*READS, *ONE])
@pytest.mark.parametrize("size", [1, 64])
def test_statements_search_and_never_scan(store: Store, name: str, size: int) -> None:
    """Each goes through an index: rows that do not concern the call are not looked at."""
    statements = Statements.compile(store.engine.dialect)
    statement = getattr(statements, name)
    if name in READS:
        statement = Prepared(statement.make(size), store.engine.dialect)
    plan = _plan(store, statement)
    assert any(step.startswith("SEARCH") for step in plan)
    assert [step for step in plan if step.startswith("SCAN")] == []


@pytest.mark.parametrize("name", ["insert_call", "end_call", "add_spend", "add_window"])
def test_writes_make_no_tables(store: Store, name: str) -> None:
    """SQLite makes one for each list of three and more, also of a CHECK, and for each row anew."""
    prepared = getattr(Statements.compile(store.engine.dialect), name)
    with store.reading() as connection:
        driver: Any = connection.connection.driver_connection
        program = driver.execute(f"EXPLAIN {prepared.sql}", [None] * prepared.sql.count("?")).fetchall()
    steps = {row[1] for row in program}
    assert "OpenWrite" in steps
    assert "OpenEphemeral" not in steps
