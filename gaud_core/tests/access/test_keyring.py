"""The ring finds keys at once, and by a thread where the store lets it wait."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gaud_core.access import People
from gaud_core.access.keyring import KeyRing
from gaud_core.config import Config, Data
from gaud_core.errors import BooksClosed
from gaud_core.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store without rows."""
    opened = open_store(Config(data=Data(dir=tmp_path)))
    yield opened
    opened.close()


@pytest.fixture
def text(store: Store) -> bytes:
    """Ada's key."""
    people = People(store)
    return people.create_key(people.create_user("Ada", actor="test").id, actor="test")[1].encode()


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that answers nobody at once."""
    monkeypatch.setattr(Store, "glance", lambda *_: None)


def _names(found: Any) -> bool:
    return found is not None and found.user_id.startswith("user_")


@pytest.mark.parametrize("fresh", [False, True])
def test_at_once(store: Store, text: bytes, monkeypatch: pytest.MonkeyPatch, fresh: bool) -> None:
    """Without a thread, however many different keys there are."""
    monkeypatch.setattr(KeyRing, "_look_up", None)
    ring = KeyRing(store)
    assert _names(asyncio.run(ring.find(text, fresh=fresh)))
    assert asyncio.run(ring.find(b"sk-prx-wrong", fresh=fresh)) is None


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize("fresh", [False, True])
def test_with_patience(store: Store, text: bytes, fresh: bool) -> None:
    """A store that is far, or busy, is asked by a thread."""
    ring = KeyRing(store)
    assert _names(asyncio.run(ring.find(text, fresh=fresh)))
    assert asyncio.run(ring.find(b"sk-prx-wrong", fresh=fresh)) is None


@pytest.mark.usefixtures("waiting")
def test_many_who_ask_at_the_same_time_are_told_by_one_look(
    store: Store, text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy key would else fill every thread."""
    looks: list[bytes] = []
    read = KeyRing._read

    def counted(ring: KeyRing, digest: bytes, now: int) -> Any:
        looks.append(digest)
        return read(ring, digest, now)

    monkeypatch.setattr(KeyRing, "_read", counted)

    async def ask() -> list[Any]:
        ring = KeyRing(store)
        return await asyncio.gather(*(ring.find(text) for _ in range(20)))

    assert all(_names(found) for found in asyncio.run(ask()))
    assert len(looks) == 1


@pytest.mark.usefixtures("waiting")
def test_a_store_that_cannot_be_read_is_said(
    store: Store, text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is no reason to let anybody in, or to say that a key is wrong."""

    def broken(*_: Any) -> Any:
        raise OSError

    monkeypatch.setattr(Store, "reading", broken)
    monkeypatch.setattr("gaud_core.access.keyring.store_failed", lambda error: True)
    with pytest.raises(BooksClosed):
        asyncio.run(KeyRing(store).find(text))
