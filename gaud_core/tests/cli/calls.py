"""Calls in the books, made the way a gateway makes them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec.structs import replace

from gaud_core.access import KeyLimits, People
from gaud_core.ledger import Admission, Ledger, Settlement, Worst, open_ledger
from gaud_core.store import Store

_numbers = itertools.count()
DONE = Settlement(200, 1_500_000, "priced", 30, 4, 1, 2, first_byte_ms=5, total_ms=9)


@contextmanager
def gateway(store: Store) -> Iterator[Ledger]:
    """Be a gateway that runs, as far as the books can tell."""
    ledger = open_ledger(store)
    try:
        yield ledger
    finally:
        ledger.close()


def add_key(store: Store, name: str, **limits: Any) -> str:
    """Make a user with a key and give the key's id."""
    people = People(store)
    user = people.create_user(name, actor="test")
    return people.create_key(user.id, f"{name}'s", KeyLimits(**limits), actor="test")[0].id


def wants(key: str | None, call: str = "", **more: Any) -> Admission:
    """A call that wants to go out."""
    made = Admission(
        id=call or f"call-{next(_numbers)}",
        instance="work",
        provider="acme",
        model="gpt-4o",
        endpoint="chat/completions",
        key_id=key,
        worst=Worst(50, 2_000_000),
    )
    return replace(made, **more)


async def make(ledger: Ledger, key: str | None, ending: Settlement = DONE, **more: Any) -> None:
    """Make a call that ends."""
    await ledger.settle(await ledger.admit(wants(key, **more)), ending)
