"""What a change does to a running gateway: what starts, what stays, what ends, and what a failure leaves."""

from __future__ import annotations

import asyncio

import pytest

from gaud_core.errors import BadRequest, ConfigError, NotFound

from .support import TOY, Toy, World, look, mode, said, toy, values

pytestmark = pytest.mark.anyio


async def test_a_changed_setting_makes_a_new_instance(world: World) -> None:
    """The old one is stopped, the new one runs on the new value and knows its models already."""
    gateway = await world.start()
    old = toy(gateway)
    done = await gateway.desk.change("providers.toy.timeout_secs", "60", actor="test")
    new = toy(gateway)
    assert done.plan.replaces == ("toy",)
    assert new is not old
    assert said(gateway).timeout_secs == 60
    assert [model.id for model in new.models] == ["one"]
    await _drained(gateway)
    assert Toy.alive == [new.provider]


async def test_equal_settings_keep_the_instance(world: World) -> None:
    """Its connections, its breaker and what it knows stay when something else changes."""
    gateway = await world.start()
    old = toy(gateway)
    old.breaker.settle(old.breaker.admit().generation, succeeded=False)
    await gateway.desk.change("breaker.failure_threshold", 1, actor="test")
    assert toy(gateway) is old
    assert old.breaker.failure_threshold == 1
    await gateway.desk.change_many(
        {"providers.work.provider": "toy", "providers.work.url": "http://w"}, actor="test"
    )
    assert toy(gateway) is old
    assert list(gateway.registry.instances) == ["toy", "work"]


async def test_config_and_registry_change_together(world: World) -> None:
    """Whoever took one state has both of it."""
    gateway = await world.start()
    before = gateway.current
    await gateway.desk.change_many(
        {"server.max_body_bytes": 5, "providers.toy.url": "http://b"}, actor="test"
    )
    after = gateway.current
    assert before.config.server.max_body_bytes != 5
    assert before.registry.instances["toy"].provider.settings.url == "http://localhost:4000"
    assert (after.config.server.max_body_bytes, said(gateway).url) == (5, "http://b")


async def test_a_running_call_keeps_its_instance(world: World) -> None:
    """As long as a lease is out, the old instance is not stopped."""
    gateway = await world.start()
    old = toy(gateway)
    with old.lease():
        await gateway.desk.change("providers.toy.url", "http://b", actor="test")
        await asyncio.sleep(0)
        assert old.provider in Toy.alive
        assert gateway.desk.state().draining == 1
    await _drained(gateway)
    assert old.provider not in Toy.alive
    assert gateway.desk.state().draining == 0


async def test_the_wait_for_running_calls_has_an_end(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """After `server.drain_secs` the old instance is stopped all the same, and the log says so."""
    gateway = await world.start()
    old = toy(gateway)
    with old.lease():
        changes = {"providers.toy.url": "http://b", "server.drain_secs": 0}
        await gateway.desk.change_many(changes, actor="test")
        await _drained(gateway)
        assert old.provider not in Toy.alive
    assert "toy: 1 calls still ran with its old settings after 0 s" in caplog.text


async def test_the_end_of_the_gateway_waits_for_no_lease(world: World) -> None:
    """An instance that still drains is stopped with the others."""
    gateway = await world.start()
    with toy(gateway).lease():
        await gateway.desk.change("providers.toy.url", "http://b", actor="test")
        await gateway.stop()
        assert Toy.alive == []
    world.gateways.clear()


@pytest.mark.parametrize(
    ("mood", "told"), [("no start", "did not start: start: RuntimeError"), ("no making", "no making today")]
)
async def test_an_instance_that_does_not_start_changes_nothing(world: World, mood: str, told: str) -> None:
    """The error names it; file, history and the running instance are as before."""
    gateway = await world.start()
    old, before = toy(gateway), world.path.read_text()
    with pytest.raises(ConfigError, match=told) as caught:
        await gateway.desk.change_many({"providers.toy.mood": mood, "logging.level": "error"}, actor="test")
    assert [problem.path for problem in caught.value.problems] == ["providers.toy"]
    assert toy(gateway) is old
    assert gateway.config.logging.level == "info"
    assert world.path.read_text() == before
    assert (await gateway.desk.history())[1] == 1
    assert Toy.alive == [old.provider]


async def test_others_that_started_are_stopped_when_one_fails(world: World) -> None:
    """Nothing of a refused change goes on running."""
    gateway = await world.start()
    old = toy(gateway)
    changes = {
        "providers.a.provider": "toy", "providers.a.url": "http://a",
        "providers.b.provider": "toy", "providers.b.url": "http://b", "providers.b.mood": "no start",
    }  # fmt: skip
    with pytest.raises(ConfigError, match=r"providers\.b"):
        await gateway.desk.change_many(changes, actor="test")
    assert Toy.alive == [old.provider]
    assert gateway.crew.everybody() == [old]


async def test_a_slow_start_is_not_waited_for_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline of every start holds here too."""
    monkeypatch.setattr("gaud_core.gateway.instances.instance.START_SECS", 0.01)
    gateway = await world.start()
    with pytest.raises(ConfigError, match=r"no end within 0\.01 s"):
        await gateway.desk.change("providers.toy.mood", "slow", actor="test")


async def test_a_section_that_was_wrong_before_may_stay_so(world: World) -> None:
    """Who mends one thing need not mend all; a new mistake is refused."""
    gateway = await world.start(TOY + "\n[providers.work]\nprovider = 'toy'\n")
    assert set(gateway.registry.broken) == {"work"}
    await gateway.desk.change("logging.level", "error", actor="test")
    with pytest.raises(ConfigError, match=r"providers\.more\.url: is missing"):
        await gateway.desk.change("providers.more.provider", "toy", actor="test")
    await gateway.desk.change("providers.work.url", "http://w", actor="test")
    assert gateway.registry.broken == {}
    assert toy(gateway, "work").stage == "serving"


async def test_reload_tries_what_could_not_start(world: World) -> None:
    """What was broken at the start may stay so, or come."""
    Toy.is_ill = True
    gateway = await world.start()
    assert toy(gateway).stage == "broken"
    await gateway.desk.reload(actor="test")
    assert toy(gateway).stage == "broken"
    Toy.is_ill = False
    await gateway.desk.change("logging.level", "error", actor="test")
    assert toy(gateway).stage == "broken"
    await gateway.desk.reload(actor="test")
    assert toy(gateway).stage == "serving"


async def test_what_waits_for_a_restart_stays_as_it_runs(world: World) -> None:
    """The file has the new port, the gateway the old one, and both are told."""
    gateway = await world.start()
    done = await gateway.desk.change_many(
        {"server.port": 9000, "providers.toy.seat": "b", "providers.toy.timeout_secs": 7}, actor="test"
    )
    assert [change.live for change in done.plan.changes] == [False, True, False]
    assert gateway.config.server.port == 8400
    assert (said(gateway).seat, said(gateway).timeout_secs) == ("a", 7)
    assert gateway.desk.state().waits == ("server.port", "providers.toy.seat")
    port = next(s for s in gateway.desk.list_settings() if s.key == "server.port")
    assert (port.value, port.running, port.live) == (9000, 8400, False)
    await gateway.desk.change("server.port", 8400, actor="test")
    assert gateway.desk.state().waits == ("providers.toy.seat",)


async def test_keys_cannot_be_switched_off_on_an_address_that_only_the_file_calls_safe(world: World) -> None:
    """It is checked against the address on which Gaud listens, not against the one it will have."""
    gateway = await world.start('[server]\nhost = "0.0.0.0"\n')
    await gateway.desk.change("server.host", "127.0.0.1", actor="test")
    with pytest.raises(ConfigError, match=r"server\.host is `0\.0\.0\.0`"):
        await gateway.desk.change("auth.enabled", "false", actor="test")
    assert gateway.config.auth.enabled


async def test_rules_of_the_door_change_and_its_memory_stays(world: World) -> None:
    """Proxies are trusted at once; who tried wrong keys is not forgotten."""
    gateway = await world.start()
    before = gateway.door
    await gateway.desk.change("server.trusted_proxies", "10.0.0.0/8", actor="test")
    scope = {"client": ("10.1.1.1", 1), "headers": []}
    assert not before.proxies.is_trusted(scope)
    assert gateway.door.proxies.is_trusted(scope)
    assert (gateway.door.patience, gateway.door.ring) == (before.patience, before.ring)


async def test_a_new_first_key_opens_at_once(world: World) -> None:
    """`auth.bootstrap_key` is live."""
    gateway = await world.start()
    await gateway.desk.change("auth.bootstrap_key", "sk-prx-test-other", actor="test")
    scope = {"client": ("1.1.1.1", 1), "headers": [(b"authorization", b"Bearer sk-prx-test-other")]}
    assert (await gateway.door.administrator(scope)).is_admin


async def test_keys_are_not_asked_for_as_long_as_nobody_has_one(world: World) -> None:
    """Switching them on would lock everybody out, so it is refused with the cure."""
    gateway = await world.start("[auth]\nenabled = false\n")
    with pytest.raises(ConfigError, match=r"would let nobody in.*auth\.bootstrap_key"):
        await gateway.desk.change("auth.enabled", True, actor="test")
    changes = {"auth.enabled": True, "auth.bootstrap_key": "sk-prx-test-first"}
    await gateway.desk.change_many(changes, actor="test")
    assert gateway.config.auth.enabled


async def test_the_books_take_their_policy(world: World) -> None:
    """What the books decide by is live."""
    gateway = await world.start()
    await gateway.desk.change_many({"ledger.retention_days": 7, "budget.unpriced": "refuse"}, actor="test")
    policy = gateway.ledger.books.policy
    assert (policy.retention_days, policy.refuse_unpriced) == (7, True)


async def test_history_and_rollback(world: World) -> None:
    """Each applied version is kept, and any of them comes back to the byte."""
    gateway = await world.start()
    for level in ("error", "debug"):
        await gateway.desk.change("logging.level", level, actor="user_1")
    versions, total = await gateway.desk.history()
    assert total == 3
    assert [(v.id, v.actor, v.action, v.keys) for v in versions] == [
        (3, "user_1", "change", ("logging.level",)),
        (2, "user_1", "change", ("logging.level",)),
        (1, "start", "start", ()),
    ]
    plan = await gateway.desk.plan(rollback=1)
    assert [str(change) for change in plan.changes] == ['~ logging.level = "debug" -> "info"']
    done = await gateway.desk.rollback(1, actor="user_1")
    assert world.path.read_text() == TOY
    assert done.history_id == 4
    await gateway.desk.rollback(actor="user_1")
    assert gateway.config.logging.level == "debug"
    with pytest.raises(NotFound, match="no version 99"):
        await gateway.desk.rollback(99, actor="user_1")


async def test_a_text_with_a_base_is_refused_when_the_file_has_changed(world: World) -> None:
    """Two people who edit the whole file do not overwrite each other."""
    gateway = await world.start()
    base = (await gateway.desk.plan()).base
    await gateway.desk.apply(TOY.replace("info", "error"), actor="one", base=base)
    with pytest.raises(BadRequest) as caught:
        await gateway.desk.apply(TOY.replace("info", "debug"), actor="two", base=base)
    assert (caught.value.http_status, caught.value.error_code) == (409, "settings_changed")
    assert gateway.config.logging.level == "error"


async def test_changes_by_many_at_once_are_all_kept(world: World) -> None:
    """Two gateways on one file, and ten people at each: nobody's change is lost."""
    one, other = await world.start(), await world.start()
    changes = [{f"providers.t{n}.provider": "toy", f"providers.t{n}.url": f"http://{n}"} for n in range(6)]
    desks = [one.desk, other.desk] * 3
    await asyncio.gather(*(d.change_many(c, actor="t") for d, c in zip(desks, changes, strict=True)))
    await look(one)
    await look(other)
    names = {"toy", *(f"t{n}" for n in range(6))}
    assert set(one.registry.instances) == set(other.registry.instances) == names
    assert "# here it is" in world.path.read_text()


async def test_a_change_that_starts_from_an_older_file_is_made_again(world: World) -> None:
    """An editor who saves between the reading and the writing keeps his change, and so does the API."""
    gateway = await world.start()
    meanwhile = [TOY.replace("failure_threshold = 3", "failure_threshold = 9")]
    gateway.preparing.append(lambda _: world.write(meanwhile.pop()) if meanwhile else None)
    await gateway.desk.change("logging.level", "error", actor="test")
    assert (gateway.config.logging.level, gateway.config.breaker.failure_threshold) == ("error", 9)
    assert 'level = "error"   # not more' in world.path.read_text()


async def test_files_are_for_their_owner_only(world: World) -> None:
    """The file keeps its mode, the history holds its secrets and is 0600."""
    gateway = await world.start()
    await gateway.desk.change("providers.toy.api_key", "sk-test-two", actor="test")
    assert mode(world.path) == 0o600
    kept = [path for path in (world.folder / "data" / "config").rglob("*") if path.is_file()]
    assert {mode(path) for path in kept} == {0o600}
    world.path.chmod(0o640)
    await gateway.desk.change("providers.toy.api_key", "sk-test-three", actor="test")
    assert mode(world.path) == 0o640


async def test_a_file_is_made_where_there_was_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that ran on variables alone gets one in the platform's folder, 0600."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(world.folder / "etc"))
    monkeypatch.chdir(world.folder)
    gateway = await world.start(None, named=False, GAUD_TOY_URL="http://v")
    assert gateway.desk.state().path is None
    await gateway.desk.change("providers.toy.timeout_secs", 5, actor="test")
    made = world.folder / "etc" / "gaud" / "llm-proxy.toml"
    assert made.read_text() == "[providers.toy]\ntimeout_secs = 5\n"
    assert mode(made) == 0o600
    assert gateway.desk.state().path == str(made)
    assert (said(gateway).url, said(gateway).timeout_secs) == ("http://v", 5)


async def test_a_cleared_setting_goes_back_to_its_default(world: World) -> None:
    """Null and the empty text take it out of the file."""
    gateway = await world.start()
    for nothing in (None, ""):
        await gateway.desk.change("breaker.failure_threshold", 7, actor="test")
        await gateway.desk.change("breaker.failure_threshold", nothing, actor="test")
        assert gateway.config.breaker.failure_threshold == 3
        assert "failure_threshold" not in world.path.read_text()


@pytest.mark.parametrize(("key", "value"), [("providers.toy.url", ""), ("providers.toy", None)])
async def test_clearing_what_makes_a_section_removes_it(world: World, key: str, value: str | None) -> None:
    """The provider is gone, its comments too; those of its neighbours stay."""
    gateway = await world.start()
    done = await gateway.desk.change(key, value, actor="test")
    assert done.plan.stops == ("toy",)
    assert gateway.registry.instances == {}
    assert "toy]" not in world.path.read_text()
    assert "# And now the breaker." in world.path.read_text()
    await _drained(gateway)


async def test_a_masked_secret_is_not_changed(world: World) -> None:
    """What a page shows may come back as it is."""
    gateway = await world.start()
    before = toy(gateway)
    done = await gateway.desk.change("providers.toy.api_key", "********", actor="test")
    assert done.plan.is_empty
    assert toy(gateway) is before
    assert values(gateway.desk)["providers.toy.api_key"] == "********"


async def test_what_a_variable_holds_is_refused(world: World) -> None:
    """The refusal names it."""
    gateway = await world.start(GAUD_TOY_TIMEOUT_SECS="9")
    with pytest.raises(BadRequest, match="GAUD_TOY_TIMEOUT_SECS") as caught:
        await gateway.desk.change("providers.toy.timeout_secs", 10, actor="test")
    assert (caught.value.http_status, caught.value.error_code) == (409, "held_by_environment")
    plan = await gateway.desk.plan({"providers.toy.timeout_secs": 10})
    assert "GAUD_TOY_TIMEOUT_SECS" in str(plan.problems[0])


async def _drained(gateway: object) -> None:
    for _ in range(20):
        await asyncio.sleep(0)
    leaving = gateway.crew.leaving  # type: ignore[attr-defined]
    await asyncio.gather(*leaving.values())
