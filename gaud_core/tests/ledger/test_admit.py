"""Admission: the key, its limits, its user's budgets; all in one transaction, and exact."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from gaud_core.errors import BudgetSpent, InvalidKey, LimitReached, NotAllowed
from gaud_core.ledger import Ledger, Policy, Settled, Settlement, Ticket, open_ledger
from gaud_core.store import Store

from ..clock import Clock
from .support import add_key, budget, limit, money, row, wants

DONE = Settlement(200, 40, "priced", input_tokens=3, output_tokens=4, first_byte_ms=5, total_ms=9)


async def _all(ledger: Ledger, count: int, **what: Any) -> Counter[str]:
    """Admit many at once, and count the outcomes by name."""
    answers = await asyncio.gather(
        *(ledger.admit(wants(**what)) for _ in range(count)), return_exceptions=True
    )
    return Counter(getattr(answer, "limit", type(answer).__name__) for answer in answers)


async def test_an_admitted_call_is_in_the_books(ledger: Ledger, store: Store, clock: Clock) -> None:
    """The intent is committed with its reservation before admit returns."""
    ticket = await ledger.admit(wants(call="c1", stream=True))
    found = row(store, "c1")
    assert ticket.id == "c1"
    assert (found.state, found.user_id, found.key_id, found.reserved_nanos) == ("open", "ada", "key", 100)
    assert (found.reserved_tokens, found.admitted_at, found.stream, found.cost_nanos) == (
        10,
        clock(),
        1,
        None,
    )
    assert money(store) == {"2026-11-23": (0, 100), "2026-11": (0, 100)}


async def test_without_keys_nobody_is_held_to_a_limit(ledger: Ledger, store: Store) -> None:
    """With `auth.enabled = false` calls are booked all the same."""
    ticket = await ledger.admit(wants(key=None, call="c1"))
    assert await ledger.settle(ticket, DONE) is Settled.WRITTEN
    assert row(store, "c1").cost_nanos == 40
    assert ledger.verify().clean


@pytest.mark.parametrize("change", [{"revoked_at": 1}, {"expires_at": 1}, {"digest": b"other"}])
async def test_a_key_that_is_valid_no_more(ledger: Ledger, store: Store, change: Any) -> None:
    """What another process has revoked, expired or rotated away is refused at the very next call."""
    await ledger.admit(wants(digest=b"key"))
    limit(store, **change)
    with pytest.raises(InvalidKey):
        await ledger.admit(wants(digest=b"key", call="c2"))
    assert row(store, "c2") is None


async def test_a_rotated_key_lives_until_its_grace_is_over(
    ledger: Ledger, store: Store, clock: Clock
) -> None:
    """Both digests are good meanwhile; after it only the new one is."""
    old, new = hashlib.sha256(b"old").digest(), hashlib.sha256(b"new").digest()
    limit(store, digest=new, previous_digest=old, previous_until=clock() + 1000)
    await ledger.admit(wants(digest=old))
    await ledger.admit(wants(digest=new))
    clock.pass_secs(1)
    await ledger.admit(wants(digest=new))
    with pytest.raises(InvalidKey):
        await ledger.admit(wants(digest=old))


async def test_an_unknown_key_is_refused(ledger: Ledger) -> None:
    """Such as one whose row is gone."""
    with pytest.raises(InvalidKey):
        await ledger.admit(wants("nobody"))


@pytest.mark.parametrize("globs", [["gpt-*"], ["acme:*"], ["x", "gpt-4o"], []])
async def test_a_model_that_the_key_may_use(ledger: Ledger, store: Store, globs: list[str]) -> None:
    """Globs stand for names with or without the instance."""
    limit(store, models=str(globs).replace("'", '"'))
    await ledger.admit(wants())


@pytest.mark.parametrize("globs", [["gpt-3*"], ["other:*"], ["GPT-*"]])
async def test_a_model_that_it_may_not(ledger: Ledger, store: Store, globs: list[str]) -> None:
    """It is 403, from the transaction itself."""
    limit(store, models=str(globs).replace("'", '"'))
    with pytest.raises(NotAllowed) as caught:
        await ledger.admit(wants())
    assert caught.value.error_code == "model_not_allowed"


async def test_rpm_is_exact_within_a_batch(ledger: Ledger, store: Store) -> None:
    """Of 64 at once seven pass, and the others write nothing."""
    limit(store, rpm=7)
    assert await _all(ledger, 64) == {"Ticket": 7, "rpm": 57}
    assert ledger.verify().calls == {"open": 7}
    assert ledger.verify().clean


def _left(refusal: LimitReached | BudgetSpent, limit: str) -> int:
    left: int = getattr(refusal.remaining, limit.removesuffix("_nanos")).left
    return left


async def test_rpm_holds_in_any_sixty_seconds(ledger: Ledger, store: Store, clock: Clock) -> None:
    """Not only in full minutes: the window slides, and retry-after is when the next one passes."""
    limit(store, rpm=2)
    await ledger.admit(wants())
    clock.pass_secs(50)
    await ledger.admit(wants())
    clock.pass_secs(9)
    with pytest.raises(LimitReached) as caught:
        await ledger.admit(wants())
    assert (caught.value.retry_after, _left(caught.value, "rpm")) == (2, 0)
    clock.pass_secs(2)
    await ledger.admit(wants())
    assert await _all(ledger, 1) == {"rpm": 1}


async def test_tpm_counts_what_is_reserved_and_then_what_was_used(ledger: Ledger, store: Store) -> None:
    """A settled call counts with its tokens, which makes room for the next."""
    limit(store, tpm=27)
    ticket = await ledger.admit(wants())
    assert await _all(ledger, 2) == {"Ticket": 1, "tpm": 1}
    with pytest.raises(LimitReached) as caught:
        await ledger.admit(wants())
    assert (caught.value.limit, _left(caught.value, "tpm"), caught.value.retry_after) == ("tpm", 7, 61)
    await ledger.settle(ticket, DONE)
    assert await _all(ledger, 1) == {"Ticket": 1}
    assert ledger.verify().clean


async def test_concurrency_is_freed_by_settling(ledger: Ledger, store: Store) -> None:
    """Two at a time; a settled one makes room for one."""
    limit(store, concurrency=2)
    first = await ledger.admit(wants())
    assert await _all(ledger, 8) == {"Ticket": 1, "concurrency": 7}
    await ledger.settle(first, DONE)
    assert await _all(ledger, 8) == {"Ticket": 1, "concurrency": 7}


@pytest.mark.parametrize("period", ["daily", "monthly"])
async def test_a_budget_counts_reservations(ledger: Ledger, store: Store, period: str) -> None:
    """Worst cases of 100 fit seven times into 799."""
    budget(store, **{f"{period}_nanos": 799})
    assert await _all(ledger, 32) == {"Ticket": 7, period: 25}
    with pytest.raises(BudgetSpent) as caught:
        await ledger.admit(wants())
    assert (_left(caught.value, period), caught.value.error_code) == (99, "insufficient_quota")


async def test_a_settled_call_gives_back_what_it_did_not_need(ledger: Ledger, store: Store) -> None:
    """Of 100 reserved, 40 are spent."""
    budget(store, daily_nanos=140)
    ticket = await ledger.admit(wants())
    assert await _all(ledger, 1) == {"daily": 1}
    await ledger.settle(ticket, DONE)
    assert await _all(ledger, 1) == {"Ticket": 1}
    assert money(store)["2026-11-23"] == (40, 100)


async def test_two_keys_of_a_user_share_his_budget(ledger: Ledger, store: Store) -> None:
    """The budget is the user's and the limits are the key's."""
    add_key(store, "bob", "bobs", daily=100)
    budget(store, daily_nanos=100)
    assert await _all(ledger, 2) == {"Ticket": 1, "daily": 1}
    assert await _all(ledger, 2, key="bobs") == {"Ticket": 1, "daily": 1}


@pytest.mark.parametrize(
    ("now", "daily", "monthly"),
    [
        (datetime(2026, 11, 23, 12, tzinfo=UTC), 12 * 3600, 7 * 86400 + 12 * 3600),
        (datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), 1, 1),
        (datetime(2028, 2, 28, tzinfo=UTC), 86400, 2 * 86400),
    ],
)
async def test_budgets_turn_at_midnight_and_on_the_first(
    ledger: Ledger, store: Store, clock: Clock, now: datetime, daily: int, monthly: int
) -> None:
    """In UTC; retry-after says when, and a second earlier is too early."""
    clock.now = int(now.timestamp() * 1000)
    for period, seconds in (("daily", daily), ("monthly", monthly)):
        budget(store, daily_nanos=None, monthly_nanos=None)
        budget(store, **{f"{period}_nanos": 0})
        with pytest.raises(BudgetSpent) as caught:
            await ledger.admit(wants())
        assert (caught.value.limit, caught.value.retry_after) == (period, seconds)


async def test_a_call_counts_where_it_was_admitted(ledger: Ledger, store: Store, clock: Clock) -> None:
    """Admitted in November and settled in December, it is November's."""
    clock.now = int(datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC).timestamp() * 1000)
    ticket = await ledger.admit(wants())
    clock.pass_secs(2)
    await ledger.settle(ticket, DONE)
    assert money(store) == {"2026-11-30": (40, 0), "2026-11": (40, 0)}
    assert ledger.verify().clean


async def test_an_unpriced_model_under_a_budget(store: Store, clock: Clock) -> None:
    """It is allowed as long as anything is left, or refused, as the configuration says."""
    budget(store, daily_nanos=1)
    for refuse, outcome in ((False, "Ticket"), (True, "NotAllowed")):
        ledger = open_ledger(store, Policy(refuse_unpriced=refuse), clock=clock)
        assert await _all(ledger, 1, nanos=None) == {outcome: 1}
        budget(store, daily_nanos=0)
        assert await _all(ledger, 1, nanos=None) == {"NotAllowed" if refuse else "daily": 1}
        budget(store, daily_nanos=1)
        ledger.close()


async def test_a_ticket_says_what_is_left(ledger: Ledger, store: Store) -> None:
    """For `x-ratelimit-*` and `X-Budget-Warning`."""
    limit(store, rpm=5, tpm=100, concurrency=3)
    budget(store, daily_nanos=1000, monthly_nanos=None)
    left = (await ledger.admit(wants())).remaining
    assert left.rpm is not None
    assert (left.rpm.limit, left.rpm.left) == (5, 4)
    assert left.tpm is not None
    assert left.tpm.left == 90
    assert left.concurrency is not None
    assert left.concurrency.left == 2
    assert left.daily is not None
    assert (left.daily.left, left.daily.reset_secs) == (900, 12 * 3600)
    assert left.monthly is None


async def test_a_caller_who_leaves_while_being_admitted(ledger: Ledger, store: Store) -> None:
    """Wherever he is cancelled, no call stays open and nothing stays reserved."""
    limit(store, concurrency=64)
    for number in range(40):
        task = asyncio.create_task(ledger.admit(wants(call=f"gone-{number}")))
        for _ in range(number % 4):
            await asyncio.sleep(0.0005)
        task.cancel()
        answers = await asyncio.gather(task, return_exceptions=True)
        if isinstance(answers[0], Ticket):
            await ledger.settle(answers[0], DONE)
    assert isinstance(await ledger.admit(wants(call="last")), Ticket)
    await asyncio.sleep(0.05)
    assert ledger.verify().calls["open"] == 1
    assert ledger.verify().clean
    assert sum(held for _, held in money(store).values()) == 200


async def test_an_id_that_is_taken_hurts_only_its_call(ledger: Ledger) -> None:
    """The others of the batch are admitted one by one."""
    await ledger.admit(wants(call="twice"))
    answers = await asyncio.gather(
        *(ledger.admit(wants(call=name)) for name in ("a", "twice", "b")), return_exceptions=True
    )
    assert [isinstance(answer, Ticket) for answer in answers] == [True, False, True]
    assert ledger.verify().clean
    assert ledger.verify().calls == {"open": 3}


async def test_a_cancellation_that_meets_the_answer(
    ledger: Ledger, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is cancelled in the moment when his ticket comes gets none, and the call is settled for him."""
    submit = ledger.writer.submit

    def submit_and_cancel(order: Any) -> Any:
        future = submit(order)
        future.add_done_callback(lambda _: admitting.cancel())
        return future

    monkeypatch.setattr(type(ledger.writer), "submit", lambda _, order: submit_and_cancel(order))
    admitting = asyncio.create_task(ledger.admit(wants(call="c1")))
    with pytest.raises(asyncio.CancelledError):
        await admitting
    monkeypatch.undo()
    ledger.close()
    found = row(store, "c1")
    assert (found.state, found.status, found.cost_nanos) == ("settled", 499, 0)
