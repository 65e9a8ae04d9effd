"""`gaud usage`: calls and sums as tables, CSV and JSON; what is unknown is not 0."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gaud_core.access import People
from gaud_core.ledger import Ledger, Settlement
from gaud_core.store import Store

from .calls import add_key, gateway, make, wants
from .conftest import Run

UNPRICED = Settlement(200, None, "none", 7, 8)
FAILED = Settlement(502, 0, "priced", 0, 0, error="The upstream failed.")


@pytest.fixture
def calls(books: Run, store: Store) -> Iterator[None]:
    """Four calls of alice, one of them open and one of no known cost, and one of bob that failed."""
    with gateway(store) as ledger:
        asyncio.run(_call(ledger, add_key(store, "alice"), add_key(store, "bob")))
        yield


async def _call(ledger: Ledger, alice: str, bob: str) -> None:
    await make(ledger, alice, call="one")
    await make(ledger, alice, call="two")
    await make(ledger, alice, UNPRICED, call="three", model="=cmd()")
    await make(ledger, bob, FAILED, call="four", model="\x1b[2Jgpt")
    await ledger.admit(wants(alice, call="five"))


def _ids(books: Run, *words: str) -> list[str]:
    return [row["id"] for row in json.loads(books("usage", "--json", *words).out)]


@pytest.mark.usefixtures("calls")
def test_filters(books: Run, store: Store) -> None:
    """Each leaves out what does not fit; the newest call comes first."""
    assert sorted(_ids(books)) == ["five", "four", "one", "three", "two"]
    assert _ids(books, "--user", "bob") == ["four"]
    assert _ids(books, "--user", People(store).find_user("bob").id) == ["four"]
    assert _ids(books, "--key", "bob's") == ["four"]
    assert _ids(books, "--model", "=cmd()") == ["three"]
    assert _ids(books, "--status", "error") == ["four"]
    assert _ids(books, "--status", "502", "--provider", "work") == ["four"]
    assert _ids(books, "--status", "open", "--provider", "acme") == ["five"]
    assert _ids(books, "--provider", "other") == []
    assert len(_ids(books, "--from", "1h", "--to", "0s")) == 5
    assert _ids(books, "--to", "1h") == []
    assert _ids(books, "--from", "2126-01-01") == []
    assert len(_ids(books, "--limit", "2")) == 2


@pytest.mark.usefixtures("calls")
def test_the_table(books: Run) -> None:
    """It fits 80 columns, right-aligns numbers, marks what is not known, and steers no terminal."""
    out = books("usage", COLUMNS="80").out
    head, *rows = out.splitlines()
    assert head.split() == ["TIME", "(UTC)", "USER", "MODEL", "STATUS", "IN", "OUT", "COST", "$"]
    assert max(map(len, rows)) <= 80
    assert "0.0015" in out
    assert "\x1b" not in out
    assert "work:�[2Jgpt" in out
    assert rows[-1] == "? is not known."
    [unpriced] = [row for row in rows if "=cmd()" in row]
    assert unpriced.split()[-3:] == ["7", "8", "?"]
    assert len({len(row) for row in rows[:-1]}) == 1  # the last column ends in one line
    assert "2 of 5 calls; --limit shows more." in books("usage", "--limit", "2").out
    assert books("usage", "--status", "lost").out == "No call is in the books that fits.\n"


def test_units_have_a_column_where_there_are_any(books: Run, store: Store) -> None:
    """Premium requests, for instance: in the table, in sums, and by name in JSON."""
    paid = Settlement(200, 0, "subscription", 7, 8, milliunits=1250)
    with gateway(store) as ledger:
        asyncio.run(make(ledger, add_key(store, "alice"), paid))
        asyncio.run(make(ledger, add_key(store, "bob")))
    head, *rows = books("usage").out.splitlines()
    assert head.split()[-1] == "UNITS"
    assert {row.split()[-1] for row in rows} == {"1.25", "-"}
    assert books("usage", "--by", "user").out.splitlines()[0].split()[-1] == "UNITS"
    assert {row["units"] for row in json.loads(books("usage", "--json").out)} == {1.25, None}


@pytest.mark.usefixtures("calls")
def test_csv(books: Run) -> None:
    """Every call with a heading, exact money, nothing for what is unknown, and no formula."""
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(books("usage", "--csv").out))}
    assert len(rows) == 5
    assert (rows["one"]["cost_usd"], rows["one"]["stream"], rows["one"]["user_name"]) == (
        "0.0015",
        "false",
        "alice",
    )
    assert (rows["three"]["cost_usd"], rows["three"]["model"]) == ("", "'=cmd()")
    assert rows["one"]["admitted_at"].endswith("Z")
    assert rows["five"]["settled_at"] == ""


@pytest.mark.usefixtures("calls")
def test_sums(books: Run) -> None:
    """By user the label is the name; unknown costs are counted and not added."""
    sums = {row["label"]: row for row in json.loads(books("usage", "--by", "user", "--json").out)}
    alice = sums["alice"]
    assert (alice["calls"], alice["open"], alice["cost_usd"], alice["unknown_cost"]) == (4, 1, "0.003", 1)
    assert (sums["bob"]["errors"], sums["bob"]["cost_usd"]) == (1, "0")
    table = books("usage", "--by", "user", COLUMNS="80").out.splitlines()
    assert table[0].split() == ["USER", "CALLS", "ERRORS", "OPEN", "IN", "OUT", "COST", "$", "UNPRICED"]
    assert table[1].split() == ["alice", "4", "0", "1", "67", "16", "0.003", "1"]
    for by in ("day", "model", "provider", "key"):
        rows = list(csv.DictReader(io.StringIO(books("usage", "--by", by, "--csv").out)))
        assert sum(int(row["calls"]) for row in rows) == 5
    assert "There are more" in books("usage", "--by", "model", "--limit", "1").out


@pytest.mark.usefixtures("calls")
def test_a_deleted_user_is_still_in_the_books(books: Run) -> None:
    """Also by his name."""
    books("users", "delete", "bob", "--yes")
    assert _ids(books, "--user", "bob") == ["four"]
    assert "bob" in books("usage").out


def test_wrong_words(books: Run, store: Store) -> None:
    """They are sentences."""
    assert books("usage", "--csv", "--json").code == 2
    assert books("usage", "--from", "yesterday").code == 2
    ran = books("usage", "--status", "bad")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "`status` must be" in ran.err


def test_nothing_is_an_array_too(books: Run, store: Store) -> None:
    """For a program that reads it."""
    assert books("usage", "--json").out == "[]\n"
    assert books("usage", "--by", "day", "--json").out == "[]\n"


def test_a_reader_who_has_enough(store: Store, database: Path, folder: Path, environ: dict[str, str]) -> None:
    """`gaud usage --csv | head -1` ends without a word, however many calls there are."""
    with gateway(store) as ledger:
        asyncio.run(_many(ledger))
    pipeline = shlex.join([sys.executable, "-m", "gaud_core", "usage", "--csv"]) + " | head -1"
    done = subprocess.run(
        ["sh", "-c", pipeline],
        env={**environ, "GAUD_DATABASE_PATH": str(database)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout[:15], done.stderr) == ("id,admitted_at,", "")


async def _many(ledger: Ledger) -> None:
    await asyncio.gather(*(make(ledger, None, model="m" * 200) for _ in range(1200)))
