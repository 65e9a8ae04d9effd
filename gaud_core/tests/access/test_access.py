"""Users and keys: shown once, revoked in every worker, rotated with grace; the first administrator."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gaud_core.access import Budget, Door, KeyLimits, People, bootstrap
from gaud_core.access.rules import instance_allowed
from gaud_core.access.values import digest_of
from gaud_core.config import Auth, Config, Data
from gaud_core.errors import BadRequest, ConfigError, InvalidKey, NotFound
from gaud_core.settings import Secret
from gaud_core.store import Store, open_store
from gaud_core.store.schema import audit, keys

Headers = list[tuple[bytes, bytes]]


class Clock:
    """Time that passes when it is told to."""

    now = 1_800_000_000_000

    def __call__(self) -> int:
        """Give the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A configuration with a folder of its own."""
    return Config(data=Data(dir=tmp_path))


@pytest.fixture
def store(config: Config) -> Iterator[Store]:
    """A store without rows."""
    opened = open_store(config)
    yield opened
    opened.close()


@pytest.fixture
def people(store: Store, clock: Clock) -> People:
    """The register."""
    return People(store, clock)


@pytest.fixture
def door(store: Store, clock: Clock) -> Door:
    """One worker's door."""
    return Door(store, Config(), clock)


def _bearer(text: str) -> Headers:
    return [(b"authorization", b"Bearer " + text.encode())]


def _request(headers: Headers) -> dict[str, Any]:
    return {"headers": headers, "client": ("127.0.0.1", 1234)}


async def _opens(door: Door, text: str, *, fresh: bool = True) -> bool:
    try:
        await door.identify(_request(_bearer(text)), fresh=fresh)
    except InvalidKey:
        return False
    return True


def _audited(store: Store) -> list[tuple[str, str, Any]]:
    with store.reading() as connection:
        rows = connection.execute(select(audit).order_by(audit.c.at)).fetchall()
        return [(row.actor, row.action, json.loads(row.detail)) for row in rows]


async def test_a_key_is_shown_once_and_kept_as_a_digest(store: Store, people: People, door: Door) -> None:
    """Neither the database nor any value holds the key."""
    user = people.create_user("Ada", actor="root")
    key, text = people.create_key(user.id, "laptop", KeyLimits(("gpt-*",), rpm=5), actor="root")
    assert text.startswith("sk-prx-")
    assert len(text) == len("sk-prx-") + 43  # 256 bits in base64
    assert text.startswith(key.prefix)
    found = await door.identify(_request(_bearer(text)))
    assert (found.user_id, found.is_admin, found.key) == (user.id, False, key)
    assert found.may_use("acme", "gpt-4o")
    assert not found.may_use("acme", "claude")
    with store.reading() as connection:
        dump = "\n".join(connection.connection.driver_connection.iterdump())  # type: ignore[union-attr]
        assert connection.execute(select(keys.c.digest)).scalar_one() == digest_of(text)
    assert text[12:] not in dump + repr(found) + repr(door) + repr(people.keys())
    assert repr(digest_of(text)) not in repr(found) + repr(door)


@pytest.mark.parametrize(
    "headers",
    [
        lambda key: [(b"authorization", b"bearer  " + key)],
        lambda key: [(b"x-api-key", key)],
        lambda key: [(b"x-goog-api-key", key)],
        lambda key: [(b"authorization", b"Basic abc"), (b"x-api-key", key)],
    ],
)
async def test_every_client_has_its_way_to_send_a_key(
    people: People, door: Door, headers: Callable[[bytes], Headers]
) -> None:
    """OpenAI's, Anthropic's and Google's."""
    _, text = people.create_key(people.create_user("Ada", actor="root").id, actor="root")
    await door.identify(_request(headers(text.encode())))


@pytest.mark.parametrize(
    "sent", [b"sk-prx-x", b"' OR 1=1 --", b"\x00", b"\xff\xfe", b"x" * 1_000_000, "ѕk-prx-".encode(), b"%"]
)
async def test_wrong_keys_are_refused_with_the_same_words(people: People, door: Door, sent: bytes) -> None:
    """Whatever they hold, and whether or not a key of that prefix exists."""
    people.create_key(people.create_user("Ada", actor="root").id, actor="root")
    with pytest.raises(InvalidKey) as caught:
        await door.identify(_request([(b"authorization", b"Bearer " + sent)]))
    assert str(caught.value) == "This key is not valid."
    with pytest.raises(InvalidKey, match="No key was sent"):
        await door.identify(_request([]))


async def test_a_revoked_key_is_refused_in_every_worker(store: Store, people: People, clock: Clock) -> None:
    """At once where it is read anew, and within two seconds where it is kept; the ledger refuses at once."""
    key, text = people.create_key(people.create_user("Ada", actor="root").id, actor="root")
    other = Door(store, Config(), clock)
    assert await _opens(other, text)
    people.revoke_key(key.id, actor="root")
    assert await _opens(other, text, fresh=False)
    assert not await _opens(other, text)
    assert not await _opens(other, text, fresh=False)  # it was forgotten on the way
    with pytest.raises(BadRequest, match="revoked"):
        people.patch_key(key.id, {"rpm": 1}, actor="root")
    with pytest.raises(BadRequest, match="revoked"):
        people.rotate_key(key.id, actor="root")


async def test_what_is_kept_is_kept_for_two_seconds(store: Store, people: People, clock: Clock) -> None:
    """Without any message between the workers."""
    key, text = people.create_key(people.create_user("Ada", actor="root").id, actor="root")
    door = Door(store, Config(), clock)
    assert await _opens(door, text)
    people.revoke_key(key.id, actor="root")
    clock.now += 1999
    assert await _opens(door, text, fresh=False)
    clock.now += 1
    assert not await _opens(door, text, fresh=False)


async def test_a_key_expires_to_the_millisecond(people: People, door: Door, clock: Clock) -> None:
    """Also when it is kept."""
    user = people.create_user("Ada", actor="root")
    _, text = people.create_key(user.id, expires_at=clock() + 10, actor="root")
    clock.now += 9
    assert await _opens(door, text, fresh=False)
    clock.now += 1
    assert not await _opens(door, text, fresh=False)


async def test_a_rotated_key_has_a_grace_period(people: People, door: Door, clock: Clock) -> None:
    """Same key, same limits, two texts; a second rotation ends the first text at once."""
    user = people.create_user("Ada", actor="root")
    key, first = people.create_key(user.id, limits=KeyLimits(rpm=5), actor="root")
    rotated, second = people.rotate_key(key.id, 60, actor="root")
    assert (rotated.id, rotated.limits) == (key.id, key.limits)
    assert [await _opens(door, text) for text in (first, second)] == [True, True]
    clock.now += 60_000
    assert [await _opens(door, text) for text in (first, second)] == [False, True]
    _, third = people.rotate_key(key.id, actor="root")
    assert [await _opens(door, text) for text in (first, second, third)] == [False, False, True]


@pytest.mark.parametrize("grace_secs", [-1, 10**12, 2**70])
def test_a_grace_period_has_bounds(people: People, grace_secs: int) -> None:
    """At most a year: what is longer is no rotation, and a number beyond 64 bits no time."""
    key, _ = people.create_key(people.create_user("Ada", actor="root").id, actor="root")
    with pytest.raises(BadRequest, match="from 0 to a year"):
        people.rotate_key(key.id, grace_secs, actor="root")


def test_a_key_ends_at_a_time_that_can_be_shown(people: People) -> None:
    """A date beyond the year 9999 could be kept, but no list of keys could ever show it."""
    user = people.create_user("Ada", actor="root")
    people.create_key(user.id, expires_at=253_402_300_799_999, actor="root")
    with pytest.raises(BadRequest, match="year 10000"):
        people.create_key(user.id, expires_at=253_402_300_800_000, actor="root")


async def test_a_deleted_user_has_no_keys(people: People, door: Door) -> None:
    """And is no longer listed; he cannot be given anything either."""
    user = people.create_user("Ada", actor="root")
    _, text = people.create_key(user.id, actor="root")
    people.delete_user(user.id, actor="root")
    assert not await _opens(door, text)
    assert people.users() == []
    assert [gone.id for gone in people.users(deleted=True)] == [user.id]
    with pytest.raises(NotFound):
        people.create_key(user.id, actor="root")
    with pytest.raises(NotFound):
        people.delete_user(user.id, actor="root")


def test_the_last_administrator_stays(people: People) -> None:
    """Nobody can lock everybody out."""
    first, second = (people.create_user(name, "admin", actor="root") for name in ("A", "B"))
    people.delete_user(first.id, actor="root")
    with pytest.raises(BadRequest, match="last administrator"):
        people.delete_user(second.id, actor="root")


def test_a_key_is_patched(people: People) -> None:
    """Label, limits, models and expiry; what is not named stays."""
    user = people.create_user("Ada", actor="root")
    key, _ = people.create_key(user.id, "a", KeyLimits(rpm=5, tpm=6), actor="root")
    changed = people.patch_key(key.id, {"label": "b", "rpm": None, "models": ["x*"]}, actor="root")
    assert (changed.label, changed.limits) == ("b", KeyLimits(("x*",), None, 6))
    assert people.keys(user.id) == [changed]


@pytest.mark.parametrize(
    "changes",
    [
        {"digest": b"x"},
        {"user_id": "x"},
        {"rpm": -1},
        {"tpm": True},
        {"rpm": 2**63},
        {"concurrency": 1.5},
        {"models": "gpt"},
        {"models": [1]},
        {"models": [""]},
        {"label": None},
    ],
)
def test_what_cannot_be_patched(people: People, changes: dict[str, Any]) -> None:
    """It is 400 and changes nothing."""
    user = people.create_user("Ada", actor="root")
    key, _ = people.create_key(user.id, actor="root")
    with pytest.raises(BadRequest):
        people.patch_key(key.id, changes, actor="root")
    assert people.keys() == [key]


def test_budgets(people: People) -> None:
    """None to begin with; set as a whole."""
    user = people.create_user("Ada", actor="root")
    assert people.budget(user.id) == Budget()
    people.set_budget(user.id, Budget(5, 6), actor="root")
    people.set_budget(user.id, Budget(None, 7), actor="root")
    assert people.budget(user.id) == Budget(None, 7)
    with pytest.raises(BadRequest):
        people.set_budget(user.id, Budget(-1), actor="root")


def test_every_change_is_in_the_audit_log(people: People, store: Store, clock: Clock) -> None:
    """With who, what and how, and without any secret."""
    user = people.create_user("Ada", actor="root")
    key, text = people.create_key(user.id, "a", actor="root")
    changes: list[Callable[[], object]] = [
        lambda: people.patch_key(key.id, {"rpm": 3}, actor="root"),
        lambda: people.rotate_key(key.id, 5, actor="root"),
        lambda: people.set_budget(user.id, Budget(5), actor="eve"),
        lambda: people.revoke_key(key.id, actor="eve"),
        lambda: people.delete_user(user.id, actor="eve"),
    ]
    for change in changes:
        clock.now += 1
        change()
    found = _audited(store)
    assert [(actor, action) for actor, action, _ in found[2:]] == [
        ("root", "key.patch"),
        ("root", "key.rotate"),
        ("eve", "budget.set"),
        ("eve", "key.revoke"),
        ("eve", "user.delete"),
    ]
    assert {action for _, action, _ in found[:2]} == {"user.create", "key.create"}
    assert text not in str(found)


async def test_the_first_start_makes_an_administrator(store: Store, config: Config, door: Door) -> None:
    """Its key is given once; the second start makes none."""
    text = bootstrap(store, config)
    assert text is not None
    assert (await door.identify(_request(_bearer(text)))).is_admin
    assert bootstrap(store, config) is None


def test_processes_that_start_at_once_make_one_key(tmp_path: Path) -> None:
    """Only one of six shows a banner."""
    code = (
        "import sys; from pathlib import Path\n"
        "from gaud_core.config import *; from gaud_core.store import *\n"
        "from gaud_core.access import bootstrap\ninput()\nc = Config(data=Data(dir=Path(sys.argv[1])))\n"
        "print(bootstrap(open_store(c), c))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    pipe = subprocess.PIPE
    started = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(6)]
    said = [process.communicate("\n")[0].strip() for process in started]
    assert sorted(text[:7] for text in said) == ["None"] * 5 + ["sk-prx-"]


async def test_a_preset_key_always_opens(store: Store, config: Config, people: People, door: Door) -> None:
    """Also after the bootstrap key was revoked, its user deleted or another one preset."""
    made = bootstrap(store, config)
    assert made is not None
    people.create_user("Other", "admin", actor="root")
    people.delete_user("user_bootstrap", actor="root")
    assert not await _opens(door, made)
    assert bootstrap(store, config) is None
    for preset in ("one", "two"):
        auth = Auth(bootstrap_key=Secret(preset))
        assert bootstrap(store, Config(data=config.data, auth=auth)) is None
        assert await _opens(door, preset)
    assert not await _opens(door, "one")


async def test_the_digest_of_an_older_gaud_moves_into_the_store(
    store: Store, config: Config, people: People, door: Door, tmp_path: Path
) -> None:
    """Its key goes on working, the file goes, and a copy that comes back brings no revoked key back."""
    file = tmp_path / "bootstrap-key.sha256"
    file.write_text(digest_of("sk-prx-old").hex() + "\n")
    assert bootstrap(store, config) is None
    assert await _opens(door, "sk-prx-old")
    assert not file.exists()
    people.revoke_key("key_bootstrap", actor="root")
    file.write_text(digest_of("sk-prx-old").hex() + "\n")
    assert bootstrap(store, config) is None
    assert not await _opens(door, "sk-prx-old")


def test_a_file_without_a_digest_is_a_sentence(store: Store, config: Config, tmp_path: Path) -> None:
    """It is left as it is, for somebody to look at."""
    file = tmp_path / "bootstrap-key.sha256"
    file.write_text("rubbish")
    with pytest.raises(ConfigError, match="holds no digest"):
        bootstrap(store, config)
    assert file.read_text() == "rubbish"


@pytest.mark.parametrize(
    ("globs", "reached"),
    [
        ((), ["acme", "work"]),
        (("*",), ["acme", "work"]),
        (("gpt-*",), ["acme", "work"]),
        (("acme:gpt-4o",), ["acme"]),
        (("a*:x", "w?rk:*"), ["acme", "work"]),
        (("other:*",), []),
    ],
)
def test_which_instances_a_list_of_models_reaches(globs: tuple[str, ...], reached: list[str]) -> None:
    """Those of which it may name a model; a glob without a colon may be any instance's."""
    assert [name for name in ("acme", "work") if instance_allowed(globs, name)] == reached
