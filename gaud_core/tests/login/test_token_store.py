"""`TokenStore.fresh`: one renewal for all, early, forced, failed, given up."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from gaud_core import (
    LoginNeeded,
    Provider,
    ProviderError,
    Token,
    TokenStore,
    Unavailable,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
)
from gaud_core.provider.login import store as store_module

from .support import NOW, Time, token

pytestmark = pytest.mark.anyio

HOUR = 3600.0


@attrs.define(eq=False)
class Upstream:
    """Renews, counts, and holds each renewal until `gate` is open."""

    time: Time
    count: int = 0
    failure: Callable[[], Exception] | None = None
    gate: asyncio.Event = attrs.field(factory=asyncio.Event)
    asked: list[Token] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.gate.set()

    async def __call__(self, old: Token) -> Token:
        """Renew one token."""
        self.count += 1
        self.asked.append(old)
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure()
        number = self.count + 1
        return Token(f"access-test-{number}", f"refresh-test-{number}", self.time() + HOUR)


@pytest.fixture
def renew(time: Time) -> Upstream:
    """What renews."""
    return Upstream(time)


async def _until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - what it waits for is no event
            await asyncio.sleep(0.001)


async def test_nobody_has_logged_in(store: TokenStore, renew: Upstream) -> None:
    """The error is for a client, does not count against the upstream, and names the command."""
    with pytest.raises(LoginNeeded) as wrong:
        await store.fresh(renew)
    assert (wrong.value.http_status, wrong.value.error_code) == (401, "login_required")
    assert "Nobody has logged in at `acme`. Run: gaud login acme" in wrong.value.body().decode()
    assert renew.count == 0


async def test_good_token_is_given(store: TokenStore, renew: Upstream) -> None:
    """Nothing is renewed while there is time."""
    await store.save(token(expires_at=NOW + HOUR))
    assert await store.fresh(renew) == token(expires_at=NOW + HOUR)
    assert renew.count == 0


async def test_token_without_end_is_given(store: TokenStore, renew: Upstream) -> None:
    """It is never renewed on its own."""
    await store.save(token())
    assert await store.fresh(renew) == token()
    assert renew.count == 0


async def test_a_token_is_saved_unless_the_one_that_is_there_is_better(store: TokenStore) -> None:
    """The one that is there is looked at; without one, or a broken one, the new one is written."""
    seen: list[Token] = []

    def is_better(there: Token) -> bool:
        seen.append(there)
        return there.scope == "all"

    assert await store.save(token(scope="few"), unless=is_better)
    assert await store.save(token(scope="all"), unless=is_better)
    assert not await store.save(token(scope="few"), unless=is_better)
    assert (store.load(), [there.scope for there in seen]) == (token(scope="all"), ["few", "all"])
    store.path.write_text("broken")
    assert await store.save(token(scope="few"), unless=is_better)


async def test_ended_token_is_renewed_and_kept(store: TokenStore, renew: Upstream) -> None:
    """The new one is in the file, with the unknown members of the old one."""
    await store.save(token(expires_at=NOW - 1, extra={"host": "a"}))
    given = await store.fresh(renew)
    assert given == Token("access-test-2", "refresh-test-2", NOW + HOUR, extra={"host": "a"})
    assert store.load() == given
    assert await store.fresh(renew) == given
    assert renew.count == 1


async def test_early_renewal_keeps_nobody_waiting(store: TokenStore, renew: Upstream) -> None:
    """Shortly before its end the old token is given at once, and the next call gets the new one."""
    old = token(expires_at=NOW + 299)
    await store.save(old)
    renew.gate.clear()
    assert await store.fresh(renew) == old
    await _until(lambda: renew.count)
    assert await store.fresh(renew) == old
    renew.gate.set()
    await store.aclose()
    assert (await store.fresh(renew)).access_token.reveal() == "access-test-2"
    assert renew.count == 1


async def test_margin_can_be_chosen(store: TokenStore, renew: Upstream) -> None:
    """A token that ends within it counts as ending."""
    await store.save(token(expires_at=NOW + 20))
    assert await store.fresh(renew, margin_secs=10) == token(expires_at=NOW + 20)
    assert renew.count == 0
    await store.fresh(renew, margin_secs=30)
    assert renew.count == 1


async def test_fifty_at_once(store: TokenStore, renew: Upstream) -> None:
    """One renewal, and all have the new token."""
    await store.save(token(expires_at=NOW - 1))
    given = await asyncio.gather(*(store.fresh(renew) for _ in range(50)))
    assert {each.access_token.reveal() for each in given} == {"access-test-2"}
    assert renew.count == 1


async def test_fifty_after_a_401(store: TokenStore, renew: Upstream) -> None:
    """All were refused with the same token: it is renewed once, also for those that come later."""
    old = token(expires_at=NOW + HOUR)
    await store.save(old)
    given = await asyncio.gather(*(store.fresh(renew, force_if=old) for _ in range(50)))
    given.append(await store.fresh(renew, force_if=old))
    assert {each.access_token.reveal() for each in given} == {"access-test-2"}
    assert renew.count == 1


async def test_force_after_somebody_else_has_renewed(store: TokenStore, renew: Upstream) -> None:
    """Another process wrote a new token since: that one is given."""
    old = token(expires_at=NOW + HOUR)
    await store.save(old)
    await store.fresh(renew)
    await TokenStore(store.path).save(token("access-test-9", expires_at=NOW + HOUR))
    assert (await store.fresh(renew, force_if=old)).access_token.reveal() == "access-test-9"
    assert renew.count == 0


async def test_force_during_a_renewal_for_another_reason(store: TokenStore, renew: Upstream) -> None:
    """One whose token comes back from it unchanged renews it after all."""
    other = TokenStore(store.path, clock=store.clock)
    await store.save(token(expires_at=NOW - 1))
    renew.gate.clear()
    theirs = asyncio.create_task(other.fresh(renew))
    await _until(lambda: renew.count)
    ours = asyncio.create_task(store.fresh(renew))  # waits for the lock
    refused = Token("access-test-2", "refresh-test-2", NOW + HOUR)
    forced = asyncio.create_task(store.fresh(renew, force_if=refused))
    await asyncio.sleep(0.02)
    renew.gate.set()
    assert (await theirs).access_token.reveal() == "access-test-2"
    assert (await ours).access_token.reveal() in {"access-test-2", "access-test-3"}  # who came first
    assert (await forced).access_token.reveal() == "access-test-3"
    assert (await store.fresh(renew, force_if=refused)).access_token.reveal() == "access-test-3"
    assert renew.count == 2


async def test_upstream_that_refuses_every_token(store: TokenStore, renew: Upstream) -> None:
    """Three forced renewals a minute, then the token is given as it is and the upstream may say why."""
    await store.save(token(expires_at=NOW + HOUR))
    for _ in range(20):
        await store.fresh(renew, force_if=await store.fresh(renew))
    assert renew.count == 3
    store.clock.now += 61  # type: ignore[attr-defined]
    await store.fresh(renew, force_if=await store.fresh(renew))
    assert renew.count == 4


async def test_upstream_that_gives_the_same_token_again(store: TokenStore, time: Time) -> None:
    """It is asked once for each refusal."""
    asked = 0

    async def same(old: Token) -> Token:
        nonlocal asked
        asked += 1
        return old

    await store.save(token())
    assert await store.fresh(same, force_if=token()) == token()
    assert asked == 1


async def test_cancelled_waiter_does_not_stop_the_others(store: TokenStore, renew: Upstream) -> None:
    """Also when it is the one that began the renewal."""
    await store.save(token(expires_at=NOW - 1))
    renew.gate.clear()
    first = asyncio.create_task(store.fresh(renew))
    await _until(lambda: renew.count)
    second = asyncio.create_task(store.fresh(renew))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    renew.gate.set()
    assert (await second).access_token.reveal() == "access-test-2"
    assert renew.count == 1


async def test_renewal_goes_on_when_all_have_left(store: TokenStore, renew: Upstream) -> None:
    """The old refresh token may be used up, so the new one must get into the file."""
    await store.save(token(expires_at=NOW - 1))
    renew.gate.clear()
    waiters = [asyncio.create_task(store.fresh(renew)) for _ in range(3)]
    await _until(lambda: renew.count)
    for waiter in waiters:
        waiter.cancel()
    await asyncio.gather(*waiters, return_exceptions=True)
    renew.gate.set()
    await store.aclose()
    loaded = store.load()
    assert loaded is not None
    assert loaded.access_token.reveal() == "access-test-2"


async def test_failure_is_told_to_all_and_not_repeated(
    store: TokenStore, renew: Upstream, time: Time
) -> None:
    """Then nobody asks for 5 s, then for 10 s."""
    await store.save(token(expires_at=NOW - 1))
    renew.failure = lambda: UpstreamFailed("Acme is down.")
    told = await asyncio.gather(*(store.fresh(renew) for _ in range(50)), return_exceptions=True)
    assert {str(error) for error in told} == {"Acme is down."}
    for passed, count in ((0.0, 1), (4.9, 1), (0.1, 2), (9.9, 2), (0.1, 3)):
        time.now += passed
        with pytest.raises(UpstreamFailed):
            await store.fresh(renew)
        assert renew.count == count
    time.now += 60
    renew.failure = None
    assert (await store.fresh(renew)).access_token.reveal() == "access-test-5"


async def test_pauses_have_an_end(store: TokenStore, renew: Upstream, time: Time) -> None:
    """After many failures it is tried once a minute."""
    await store.save(token(expires_at=NOW - 1))
    renew.failure = lambda: UpstreamFailed("Acme is down.")
    for _ in range(20):
        with pytest.raises(UpstreamFailed):
            await store.fresh(renew)
        time.now += 60
    assert renew.count == 20


async def test_clock_set_back_ends_the_pause(store: TokenStore, renew: Upstream, time: Time) -> None:
    """An hour back is not an hour more to wait."""
    await store.save(token(expires_at=NOW - 2 * HOUR))
    renew.failure = lambda: UpstreamFailed("Acme is down.")
    for _ in range(2):
        with pytest.raises(UpstreamFailed):
            await store.fresh(renew)
        time.now -= HOUR
    assert renew.count == 2


async def test_login_ends_the_pause(store: TokenStore, renew: Upstream) -> None:
    """A new token in the file is used at the next call, whatever failed before."""
    await store.save(token(expires_at=NOW - 1))
    renew.failure = lambda: UpstreamRefused("invalid_grant", status=400)
    with pytest.raises(LoginNeeded):
        await store.fresh(renew)
    await TokenStore(store.path).save(token("access-test-9", expires_at=NOW + HOUR))
    assert (await store.fresh(renew)).access_token.reveal() == "access-test-9"


async def test_logout_is_seen_at_once(store: TokenStore, renew: Upstream) -> None:
    """A token that was deleted by another process is not given any more."""
    await store.save(token())
    await store.fresh(renew)
    await TokenStore(store.path).delete()
    with pytest.raises(LoginNeeded):
        await store.fresh(renew)


async def test_early_renewal_that_fails_harms_nobody(store: TokenStore, renew: Upstream, time: Time) -> None:
    """While the old token holds it is given; then the error is told."""
    old = token(expires_at=NOW + 100)
    await store.save(old)
    renew.failure = lambda: UpstreamFailed("Acme is down.")
    for _ in range(12):
        assert await store.fresh(renew) == old
        await store.aclose()
        time.now += 8
    assert renew.count < 7
    time.now += 60
    with pytest.raises(UpstreamFailed):
        await store.fresh(renew)


async def test_forced_renewal_that_fails_is_told(store: TokenStore, renew: Upstream) -> None:
    """A token that was refused is not given again as if it were good."""
    await store.save(token())
    renew.failure = lambda: UpstreamFailed("Acme is down.")
    with pytest.raises(UpstreamFailed):
        await store.fresh(renew, force_if=token())


@pytest.mark.parametrize("status", [400, 401])
async def test_refresh_token_that_is_dead(store: TokenStore, renew: Upstream, status: int) -> None:
    """Only a person can help: the error names the command, and keeps the upstream's words."""
    await store.save(token(expires_at=NOW - 1))
    renew.failure = lambda: UpstreamRefused("Invalid refresh token.", status=status)
    with pytest.raises(LoginNeeded, match=r"Invalid refresh token\.") as wrong:
        await store.fresh(renew)
    assert wrong.value.hint == "Log in again: gaud login acme"


@pytest.mark.parametrize("error", [UpstreamRefused("slow", status=429), Unavailable("down")])
async def test_other_refusals_stay_what_they_are(
    store: TokenStore, renew: Upstream, error: ProviderError
) -> None:
    """A limit is no reason to log in again."""
    await store.save(token(expires_at=NOW - 1))
    renew.failure = lambda: error
    with pytest.raises(type(error)) as told:
        await store.fresh(renew)
    assert told.value is error


async def test_renewal_that_crashes(
    store: TokenStore, renew: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    """The author's mistake is raised as it is, and its traceback is in the log."""
    await store.save(token(expires_at=NOW - 1))
    renew.failure = lambda: KeyError("access_token")
    with pytest.raises(KeyError):
        await store.fresh(renew)
    assert "Traceback" in caplog.text


async def test_renewal_that_gives_no_token(store: TokenStore) -> None:
    """It is the author's mistake, and the file stays as it is."""

    async def gives_text(old: Token) -> Any:
        return "access-test-2"

    await store.save(token(expires_at=NOW - 1))
    with pytest.raises(TypeError, match="gave str instead of a Token"):
        await store.fresh(gives_text)
    assert store.load() == token(expires_at=NOW - 1)


async def test_renewal_that_hangs(
    store: TokenStore, monkeypatch: pytest.MonkeyPatch, renew: Upstream
) -> None:
    """It ends as a timeout, and its lock is free."""
    monkeypatch.setattr(store_module, "_RENEWAL_SECS", 0.02)
    await store.save(token(expires_at=NOW - 1))
    renew.gate.clear()
    with pytest.raises(UpstreamTimeout, match="not renewed within"):
        await store.fresh(renew)
    await store.save(token())
    assert await store.fresh(renew) == token()


async def test_failure_without_a_waiter_is_not_loud(
    store: TokenStore, renew: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    """It is one line in the log, and no complaint of asyncio about an exception that nobody looked at."""
    await store.save(token(expires_at=NOW + 100))
    renew.failure = lambda: UpstreamFailed("Acme is down.")
    await store.fresh(renew)
    await store.aclose()
    store._renewal = None
    gc.collect()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


async def test_token_that_cannot_be_written_is_used(
    store: TokenStore, renew: Upstream, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The refresh token is used up, so losing the new one would log the person out."""
    await store.save(token(expires_at=NOW - 1))

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    for _ in range(3):
        assert (await store.fresh(renew)).access_token.reveal() == "access-test-2"
    assert renew.count == 1
    assert "is lost when Gaud stops" in caplog.text


async def test_lock_that_another_process_holds(store: TokenStore, renew: Upstream) -> None:
    """After 40 s the caller learns that something hangs; the path is in the log only."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    store.sleep = sleep
    await store.save(token(expires_at=NOW - 1))
    other = TokenStore(store.path, "acme", clock=store.clock)
    renew.gate.clear()
    holding = asyncio.create_task(other.fresh(renew))
    await _until(lambda: renew.count)
    with pytest.raises(Unavailable, match="cannot be renewed") as wrong:
        await store.fresh(renew)
    assert str(store.path) not in wrong.value.body().decode()
    assert 40 <= sum(waited) < 41
    assert max(waited) <= 0.2
    renew.gate.set()
    await holding


async def test_login_during_a_renewal_counts(store: TokenStore, renew: Upstream) -> None:
    """It waits for the renewal, whose token must not overwrite the new login's."""
    await store.save(token(expires_at=NOW - 1))
    renew.gate.clear()
    renewing = asyncio.create_task(store.fresh(renew))
    await _until(lambda: renew.count)
    saving = asyncio.create_task(TokenStore(store.path).save(token("access-test-9")))
    await asyncio.sleep(0.02)
    renew.gate.set()
    await asyncio.gather(renewing, saving)
    assert (await store.fresh(renew)).access_token.reveal() == "access-test-9"


async def test_system_without_locks(
    store: TokenStore, renew: Upstream, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Everything works in one process, and the log says what does not."""
    monkeypatch.setattr("gaud_core.provider.login.lock.fcntl", None)
    await store.save(token(expires_at=NOW - 1))
    given = await asyncio.gather(*(store.fresh(renew) for _ in range(10)))
    assert {each.access_token.reveal() for each in given} == {"access-test-2"}
    assert "no file locks" in caplog.text


async def test_close_ends_a_renewal_that_hangs(
    store: TokenStore, renew: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No task is left."""
    monkeypatch.setattr(store_module, "_STOP_SECS", 0.01)
    await store.save(token(expires_at=NOW + 100))
    before = asyncio.all_tasks()
    renew.gate.clear()
    await store.fresh(renew)
    await _until(lambda: renew.count)
    assert asyncio.all_tasks() - before
    await store.aclose()
    assert asyncio.all_tasks() - before == set()


async def test_a_hundred_failures_do_not_grow(store: TokenStore, renew: Upstream) -> None:
    """The error that is kept and raised again does not collect a traceback of each call."""
    await store.save(token(expires_at=NOW - 1))
    renew.failure = lambda: UpstreamFailed("Acme is down.")
    for _ in range(100):
        with pytest.raises(UpstreamFailed) as wrong:
            await store.fresh(renew)
    depth, trace = 0, wrong.value.__traceback__
    while trace is not None:
        depth, trace = depth + 1, trace.tb_next
    assert depth < 6


def test_a_provider_without_login_has_none() -> None:
    """Nothing was added to what every provider inherits."""
    assert not {"login", "logout", "renew", "token", "tokens"} & set(dir(Provider))
