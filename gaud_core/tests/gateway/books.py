"""What the tests of the books share: a provider with a price, people with limits, and the rows."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Sequence
from typing import Any

import attrs
from sqlalchemy import event, func, select, update

from gaud_core import Model, Price
from gaud_core.access import Budget, Door, KeyLimits, People
from gaud_core.gateway.gateway import Gateway
from gaud_core.ledger import prompt_tokens, worst_of
from gaud_core.ledger.shortcut import Shortcut
from gaud_core.store import HastyConnection, Store
from gaud_core.store.schema import calls, keys, users
from gaud_core.testing import ScriptedUpstream

from ..clock import Clock
from .support import Acme, AcmeSettings, Served, Starter, eventually
from .wire import HeaderLines, Wire

ADMIN = "sk-prx-test-administrator"
PRICE = Price(input=1_000_000_000, output=2_000_000_000, cache_read=500_000_000)
"""A token in costs 1000 nano-dollars, one out 2000, a cached one 500."""
COST = 5 * 1000 + 7 * 2000
"""What the usage of the scripted answers costs at that price."""


class Priced(Acme):
    """Knows the price of `m` and of nothing else; tells a cost in `x-acme-cost`."""

    cost_header = "x-acme-cost"

    def known_models(self) -> Sequence[Model]:
        """One with a price, two without."""
        return (Model("m", price=PRICE), Model("free"), Model("other"))


def store_of(gaud: Served) -> Store:
    """The gateway's store."""
    store = gaud.gateway.store
    assert store is not None
    return store


def rows(gaud: Served) -> list[Any]:
    """Every call in the books, the oldest first."""
    with store_of(gaud).reading() as connection:
        return list(connection.execute(select(calls).order_by(calls.c.admitted_at, calls.c.id)).fetchall())


def settled(gaud: Served, count: int = 1) -> list[Any]:
    """Wait until there are so many calls and none of them is open, and give them; the books must agree."""

    def all_ended() -> bool:
        found = rows(gaud)
        return len(found) >= count and all(row.state != "open" for row in found)

    eventually(all_ended, 10)
    found = rows(gaud)
    assert len(found) == count
    assert gaud.gateway.ledger.verify().clean
    return found


def only(gaud: Served) -> Any:
    """The one call that was made, when it is settled."""
    return settled(gaud)[0]


def worst(upstream: ScriptedUpstream) -> tuple[int, int]:
    """The tokens and the cost that are reserved for the last call that the upstream has seen."""
    body = upstream.calls[-1].body
    found = worst_of(prompt_tokens(body), json.loads(body), PRICE)
    assert found.nanos is not None
    return found.tokens, found.nanos


def bearer(key: str) -> HeaderLines:
    """The header of a key."""
    return [("authorization", f"Bearer {key}")]


def people(gaud: Served) -> People:
    """The register of a gateway's users, on its clock."""
    return People(store_of(gaud), gaud.gateway.door.clock)


def member(
    gaud: Served,
    limits: KeyLimits | None = None,
    *,
    name: str = "Ada",
    budget: Budget | None = None,
    expires_at: int | None = None,
) -> str:
    """Make a user and give the text of his key."""
    register = people(gaud)
    user = register.create_user(name, actor="test")
    if budget:
        register.set_budget(user.id, budget, actor="test")
    return register.create_key(user.id, "", limits, expires_at=expires_at, actor="test")[1]


def key_id(gaud: Served, name: str = "Ada") -> str:
    """The id of a user's only key."""
    query = select(keys.c.id).join(users, users.c.id == keys.c.user_id).where(users.c.name == name)
    with store_of(gaud).reading() as connection:
        return str(connection.execute(query).scalar_one())


def orphan(gaud: Served, name: str = "Ada") -> None:
    """Delete a user without his keys."""
    with store_of(gaud).writing() as connection:
        connection.execute(update(users).where(users.c.name == name).values(deleted_at=1))


def at(gaud: Served, clock: Clock) -> Served:
    """Let a gateway live by this clock."""
    gateway: Gateway = gaud.gateway
    gateway.ledger.books.clock = clock
    door = Door(store_of(gaud), gateway.config, clock, gateway.door.patience)
    gateway.current = attrs.evolve(gateway.current, door=door)
    return gaud


def priced(serve: Starter, url: str, **sections: Any) -> Served:
    """Start a gateway with keys in front of a provider with prices."""
    return serve(acme=AcmeSettings(url=url), kind=Priced, key=ADMIN, **sections)


def count_of_rows(store: Store, table: Any) -> int:
    """How many rows a table has."""
    with store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


class Spoiler:
    """Makes a gateway's database fail; to be made before the first call.

    Each transaction begins with `statement`, so that every thread spoils and mends its own connection: SQLite
    allows no other one to touch it. And nobody waits for a lock for longer than 50 ms.
    """

    def __init__(self, gaud: Served) -> None:
        self.statement = "SELECT 1"
        self.store = store_of(gaud)
        engine = self.store.engine
        event.listen(engine, "connect", lambda driver, _: driver.execute("PRAGMA busy_timeout=50"))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(self.statement))
        engine.dispose()
        glances: Any = self.store._glances
        rows = glances.rows
        glances.rows = lambda *asked: rows(*asked) if self.statement == "SELECT 1" else None
        writer = gaud.gateway.ledger.writer
        writer._prune_at = math.inf  # it would leave the thread a connection that is spoiled before it begins
        writer.shortcut = _Spoiled(self.store, writer.books, spoiler=self)


@attrs.define(eq=False, kw_only=True)
class _Spoiled(Shortcut):
    """The way without the thread, spoiled alike."""

    spoiler: Spoiler

    def _connected(self) -> HastyConnection:
        connection = super()._connected()
        connection.connection.execute(self.spoiler.statement)
        return connection


def before_silence(wire: Wire) -> bytes:
    """Give what came and was not read yet, once nothing more comes for a moment."""
    wire.socket.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        while True:
            wire._more()
    wire.socket.settimeout(5)
    return wire._held
