"""Random admits, settlements, kills and clocks against a plain model; verified after each step."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select

from gaud_core.config import Config, Database
from gaud_core.ledger import Policy, Settled, Settlement, Ticket
from gaud_core.ledger.books import Answer, Books, Order
from gaud_core.ledger.periods import day_of, month_of
from gaud_core.ledger.settle import Closing
from gaud_core.ledger.statements import Statements
from gaud_core.ledger.verify import verify
from gaud_core.ledger.workers import Lookout, Worker, this_process
from gaud_core.store import open_store
from gaud_core.store.schema import calls

from ..clock import Clock
from .support import add_key, money, wants

USERS = {"ann": "k1", "ben": "k2"}
limits = st.none() | st.integers(0, 12)
nanos = st.none() | st.integers(0, 60)


@attrs.define
class Modelled:
    """A call as the model knows it."""

    ticket: Ticket
    user: str
    worker: int
    at: int
    worst: int | None
    tokens: int
    cost: int | None = None
    state: str = "open"

    @property
    def id(self) -> str:
        """The call's own."""
        return self.ticket.id


class BooksMachine(RuleBasedStateMachine):
    """Two workers, two users, one key each."""

    @initialize(rpm=limits, concurrency=limits, tpm=nanos, daily=nanos, monthly=nanos)
    def begin(
        self,
        rpm: int | None,
        concurrency: int | None,
        tpm: int | None,
        daily: int | None,
        monthly: int | None,
    ) -> None:
        """Make a store; the first user has limits and the second has none."""
        self.folder = Path(tempfile.mkdtemp())
        self.store = open_store(Config(database=Database(path=self.folder / "gaud.db")))
        self.clock = Clock()
        self.rpm, self.tpm, self.concurrency = rpm, tpm, concurrency
        self.budgets = {"daily": daily, "monthly": monthly}
        add_key(
            self.store, "ann", "k1", rpm=rpm, tpm=tpm, concurrency=concurrency, daily=daily, monthly=monthly
        )
        add_key(self.store, "ben", "k2")
        self.statements = Statements.compile(self.store.engine.dialect)
        self.dead: set[str] = set()
        self.calls: dict[str, Modelled] = {}
        self.pruned: set[str] = set()
        self.births = 0
        self.workers = [self.born(), self.born()]

    def teardown(self) -> None:
        """Leave nothing."""
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.folder)

    def born(self) -> Books:
        """A worker that joins the books, and recovers."""
        self.births += 1
        worker = this_process(f"w{self.births}", self.clock())
        books = Books(worker, self.statements, self.clock, Policy(retention_days=2), Lookout(self.alive))
        with self.store.writing() as connection:
            books.tend(connection)
        return books

    def alive(self, worker: Worker, _now: int) -> bool:
        """Whether the test has not killed it."""
        return worker.id not in self.dead

    def apply(self, worker: int, *orders: Order) -> list[Answer]:
        """One transaction."""
        with self.store.writing() as connection:
            return self.workers[worker].apply(connection, orders)

    @rule(
        worker=st.integers(0, 1),
        batch=st.lists(
            st.tuples(st.sampled_from(["ann", "ben"]), st.integers(0, 20), nanos), min_size=1, max_size=6
        ),
    )
    def admit(self, worker: int, batch: list[tuple[str, int, int | None]]) -> None:
        """A batch is decided like one call after the other."""
        orders = [wants(USERS[user], tokens, worst) for user, tokens, worst in batch]
        for order, (user, tokens, worst), answer in zip(
            orders, batch, self.apply(worker, *orders), strict=True
        ):
            reason = self.refusal(tokens, worst) if user == "ann" else None
            found = None if isinstance(answer, Ticket) else getattr(answer, "limit", repr(answer))
            assert found == reason, (order, answer)
            if isinstance(answer, Ticket):
                self.calls[order.id] = Modelled(answer, user, worker, self.clock(), worst, tokens)

    def refusal(self, tokens: int, worst: int | None) -> str | None:
        """What stands against a call of the first user."""
        own = [call for call in self.calls.values() if call.user == "ann"]
        recent = [call for call in own if call.at // 1000 > self.clock() // 1000 - 61]
        if self.rpm is not None and len(recent) >= self.rpm:
            return "rpm"
        if self.tpm is not None and sum(call.tokens for call in recent) + tokens > self.tpm:
            return "tpm"
        if self.concurrency is not None and sum(c.state == "open" for c in own) >= self.concurrency:
            return "concurrency"
        for name, period_of in (("daily", day_of), ("monthly", month_of)):
            budget = self.budgets[name]
            used = sum(self.counted(own, period_of))
            if budget is not None and budget - used < (1 if worst is None else worst):
                return name
        return None

    def counted(self, own: list[Modelled], period_of: Any) -> list[int]:
        """What each call takes of the current period."""
        now = period_of(self.clock())
        return [
            (call.worst if call.state == "open" else call.cost) or 0
            for call in own
            if period_of(call.at) == now
        ]

    @rule(worker=st.integers(0, 1), data=st.data(), cost=nanos, used=st.none() | st.integers(0, 30))
    def settle(self, worker: int, data: st.DataObject, cost: int | None, used: int | None) -> None:
        """Any call, open or not, by its own worker or another; twice in one batch."""
        if not self.calls:
            return
        call = data.draw(st.sampled_from(sorted(self.calls.values(), key=lambda c: c.id)))
        ending = Settlement(200, cost, "priced", used, None if used is None else 1)
        first, second = self.apply(worker, *[Closing(call.ticket, ending)] * 2)
        if call.id in self.pruned:
            assert (first, second) == (Settled.UNKNOWN, Settled.UNKNOWN)
        elif call.state == "settled":
            assert (first, second) == (Settled.ALREADY, Settled.ALREADY)
        else:
            assert (first, second) == (Settled.WRITTEN, Settled.ALREADY)
            call.state, call.cost = "settled", cost
            call.tokens = call.tokens if used is None else used + 1

    @rule(worker=st.integers(0, 1))
    def kill(self, worker: int) -> None:
        """The worker is gone, another takes its place, and its open calls are lost at their worst case."""
        self.dead.add(self.workers[worker].worker.id)
        self.workers[worker] = self.born()
        for call in self.calls.values():
            if call.worker == worker and call.state == "open":
                call.state, call.cost = "lost", call.worst

    @rule(seconds=st.sampled_from([0.4, 1, 30, 61, 3600, 86_400, 8 * 86_400]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.clock.pass_secs(seconds)

    @rule()
    def prune(self) -> None:
        """Retention runs."""
        with self.store.writing() as connection:
            self.workers[0].prune(connection)
        old = self.clock() - 2 * 86_400_000
        self.pruned |= {call.id for call in self.calls.values() if call.at < old and call.state != "open"}

    @invariant()
    def rows_are_those_of_the_model(self) -> None:
        """Each call has one row, and each row is a call's; the money is the model's; verify is clean."""
        if not hasattr(self, "store"):
            return
        with self.store.reading() as connection:
            rows = {row.id: (row.state, row.cost_nanos) for row in connection.execute(select(calls))}
            assert verify(connection, self.clock()).differences == ()
        assert rows == {c.id: (c.state, c.cost) for c in self.calls.values() if c.id not in self.pruned}
        for user in USERS:
            for period, told in money(self.store, user).items():
                own = [c for c in self.calls.values() if c.user == user and day_of(c.at).startswith(period)]
                held = sum(c.worst or 0 for c in own if c.state == "open")
                assert told == (sum(c.cost or 0 for c in own), held)


BooksMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestBooks = BooksMachine.TestCase
