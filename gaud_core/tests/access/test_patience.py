"""Wrong keys cost time, good ones never, and nobody can fill the memory with them."""

from __future__ import annotations

import asyncio

import pytest

from gaud_core.access.patience import Patience
from gaud_core.errors import TooManyRequests


class Time:
    """Seconds that pass when somebody sleeps alone, or when they are told to."""

    def __init__(self) -> None:
        self.now = 50.0
        self.slept: list[float] = []

    def clock(self) -> float:
        """Give the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    """A time that stands still."""
    return Time()


@pytest.fixture
def patience(time: Time) -> Patience:
    """Patience by that time."""
    return Patience(time.clock, time.sleep)


async def _wrong(patience: Patience, address: str, count: int = 1) -> None:
    for _ in range(count):
        await patience.wrong_key(address)


async def test_the_waits_grow_to_a_bound(patience: Patience, time: Time) -> None:
    """Ten keys are free; then it is 0.1 s, nearly double each time, and never more than five."""
    await _wrong(patience, "192.0.2.1", 10)
    assert time.slept == []
    await _wrong(patience, "192.0.2.1", 30)
    assert time.slept == sorted(time.slept)
    assert time.slept[0] == pytest.approx(0.1)
    assert all(later < 2.01 * earlier for earlier, later in zip(time.slept, time.slept[1:], strict=False))
    assert time.slept[-1] == 5.0


async def test_addresses_are_apart(patience: Patience, time: Time) -> None:
    """What comes from one makes no other one wait."""
    await _wrong(patience, "192.0.2.1", 20)
    time.slept.clear()
    await _wrong(patience, "192.0.2.2", 10)
    assert time.slept == []


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "", True),
        ("no address", "no address", True),
    ],
)
async def test_who_is_one_client(patience: Patience, time: Time, first: str, second: str, same: bool) -> None:
    """An IPv6 customer has a /64 of addresses; IPv4 inside IPv6 is IPv4."""
    await _wrong(patience, first, 20)
    time.slept.clear()
    await _wrong(patience, second)
    assert bool(time.slept) is same


async def test_it_is_forgiven(patience: Patience, time: Time) -> None:
    """One key every six seconds."""
    await _wrong(patience, "192.0.2.1", 20)
    time.now += 11 * 6
    time.slept.clear()
    await _wrong(patience, "192.0.2.1")
    assert time.slept == []
    time.now += 3600
    await _wrong(patience, "192.0.2.1", 10)
    assert time.slept == []


async def test_those_who_ask_at_once_wait_one_after_the_other(time: Time) -> None:
    """And when the queue is 15 s long, the rest is refused at once; it holds few."""
    waiting: list[float] = []

    async def sleep(seconds: float) -> None:
        waiting.append(seconds)

    patience = Patience(time.clock, sleep)
    results = await asyncio.gather(
        *(patience.wrong_key("192.0.2.1") for _ in range(1000)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, TooManyRequests)]
    assert waiting == sorted(waiting)
    assert 0 < len(waiting) < 20
    assert waiting[-1] <= 15
    assert len(refused) == 1000 - 10 - len(waiting)
    assert {error.error_code for error in refused} == {"too_many_wrong_keys"}
    assert all((error.retry_after or 0) >= 15 for error in refused)


async def test_memory_is_bounded(patience: Patience) -> None:
    """However many addresses there are; the newest are kept."""
    for number in range(12_000):
        await patience.wrong_key(f"2001:db8:{number:x}::1")
    await patience.wrong_key("x" * 1_000_000)
    assert len(patience._records) == 10_000
    assert max(len(place) for place in patience._records) < 100
    assert "2001:db8:2edf::/64" in patience._records
