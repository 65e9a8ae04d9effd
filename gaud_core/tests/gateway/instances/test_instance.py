"""The guard around one provider: whatever it does is caught, named and kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gaud_core import ApiError, Body, Call, Health, Model, Provider, ProviderError, UpstreamTimeout
from gaud_core.gateway.instances import instance as module
from gaud_core.gateway.instances.breaker import CircuitBreaker
from gaud_core.gateway.instances.instance import Instance
from gaud_core.gateway.outcome import Outcome

from ..guests.providers import Fine, Guest, Mishap, raising, with_method
from ..support import instance_of

pytestmark = pytest.mark.anyio

CALL = Call("req_test", "chat/completions", "m", Body.parse(b'{"model":"m"}'))


@pytest.fixture
def anyio_backend() -> str:
    """Providers live in asyncio."""
    return "asyncio"


def _hanging(method: str) -> type[Provider[Any]]:
    async def hang(self: object) -> None:
        await asyncio.Event().wait()

    return type("Hanging", (Guest,), {method: hang})


async def test_start_makes_it_serve() -> None:
    """A provider that starts serves."""
    instance = instance_of(Fine)
    assert instance.stage == "configured"
    await instance.start()
    assert (instance.stage, instance.reason) == ("serving", "")


async def test_exception_in_start(caplog: pytest.LogCaptureFixture) -> None:
    """It is broken, with its reason, and callers are told so."""
    instance = instance_of(with_method("start", Mishap("no disk")))
    await instance.start()
    assert (instance.stage, instance.reason) == ("broken", "start: Mishap: no disk")
    with pytest.raises(ApiError, match=r"`guest` cannot be used: start: Mishap: no disk\.") as caught:
        instance.admit()
    assert caught.value.http_status == 503
    assert "init failed: start: Mishap: no disk" in caplog.text


async def test_hang_in_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start has a deadline."""
    monkeypatch.setattr(module, "START_SECS", 0.01)
    instance = instance_of(_hanging("start"))
    await instance.start()
    assert (instance.stage, instance.reason) == ("broken", "start: no end within 0.01 s")


async def test_hang_in_stop(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """So has a stop, and a failure there is only logged."""
    monkeypatch.setattr(module, "START_SECS", 0.01)
    await instance_of(_hanging("stop")).stop()
    assert "guest did not stop as it should" in caplog.text


async def test_hang_in_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """So has discovery."""
    monkeypatch.setattr(module, "DISCOVERY_SECS", 0.01)
    with pytest.raises(UpstreamTimeout, match=r"no list of models within 0\.01 s"):
        await instance_of(_hanging("models")).discover()


async def test_an_older_answer_does_not_hide_a_newer_one() -> None:
    """Somebody has logged in meanwhile: what was asked before comes late, and is out of date."""
    old: asyncio.Future[Health] = asyncio.get_running_loop().create_future()
    answers: list[asyncio.Future[Health] | Health] = [old, Health(healthy=True)]

    async def health(self: object) -> Health:
        answer = answers.pop(0)
        return await answer if isinstance(answer, asyncio.Future) else answer

    instance = instance_of(type("Slow", (Guest,), {"health": health}))
    first = asyncio.create_task(instance.check_health())
    await asyncio.sleep(0)
    await instance.check_health()
    old.set_result(Health(healthy=False, detail="nobody is logged in"))
    await first
    assert instance.health == Health(healthy=True)


async def test_hang_in_health(monkeypatch: pytest.MonkeyPatch) -> None:
    """So has the question for health."""
    monkeypatch.setattr(module, "HEALTH_SECS", 0.01)
    instance = instance_of(_hanging("health"))
    await instance.check_health()
    assert instance.health == Health(healthy=False, detail="no answer within 0.01 s")


async def test_constructor_of_known_models() -> None:
    """Broken settings show when the instance is made, and it stays broken."""
    instance = instance_of(with_method("known_models", Mishap("bad list")))
    await instance.start()
    assert (instance.stage, instance.reason) == ("broken", "settings: Mishap: bad list")


async def test_exception_without_words() -> None:
    """An exception without a text is named by its class."""
    instance = instance_of(with_method("start", Mishap()))
    await instance.start()
    assert instance.reason == "start: Mishap"


async def test_exception_in_send() -> None:
    """It is a 502 that names the instance, not the plugin's class."""
    instance = instance_of(raising(Mishap("secret")), name="work")
    with pytest.raises(ProviderError, match="The provider `work` failed with Mishap") as caught:
        await instance.guard.send(CALL)
    assert (caught.value.http_status, "secret" in caught.value.message) == (502, False)


async def test_timeout_error_of_a_plugin_is_its_crash() -> None:
    """A plugin's own TimeoutError in start is not taken for the deadline."""
    instance = instance_of(with_method("start", TimeoutError("login took too long")))
    await instance.start()
    assert "login took too long" in instance.reason


@pytest.mark.parametrize("models", [None, 7, [7], ["m"]])
async def test_models_of_the_wrong_kind(models: object) -> None:
    """What is no list of models is a crash, and what was known stays."""
    instance = instance_of(with_method("models", models))
    instance.learn([Model("kept")])
    with pytest.raises(ProviderError, match="`guest` failed with"):
        await instance.discover()
    assert [model.id for model in instance.models] == ["kept"]


async def test_discovery_failure_carries_its_cure() -> None:
    """The hint comes from `explain`."""
    cls = type("Curing", (Guest,), {"explain": lambda self, failure: " Turn it\non  again. "})

    async def models(self: object) -> None:
        raise ProviderError("down")

    cls.models = models  # type: ignore[attr-defined]
    with pytest.raises(ProviderError) as caught:
        await instance_of(cls).discover()
    assert caught.value.hint == "Turn it on again."


@pytest.mark.parametrize("explain", [Mishap("x"), None, ""])
async def test_explain_that_knows_nothing(explain: object) -> None:
    """No cure, or an exception while looking for one, leaves the error as it is."""
    assert instance_of(with_method("explain", explain)).guard.explain(ProviderError("down")) is None


async def test_discovered_models_come_before_known_ones() -> None:
    """The upstream's own word counts more than the list by hand."""

    async def models(self: object) -> list[Model]:
        return [Model("a", owned_by="upstream")]

    def known(self: object) -> list[Model]:
        return [Model("a", owned_by="hand"), Model("b", owned_by="hand")]

    instance = instance_of(type("Both", (Guest,), {"models": models, "known_models": known}))
    await instance.discover()
    assert [(model.id, model.owned_by) for model in instance.models] == [("a", "upstream"), ("b", "hand")]


async def test_latency_is_the_median_of_good_calls() -> None:
    """Only calls that came to an end without an error count."""
    instance = instance_of(Fine)
    await instance.start()
    for latency in (1.0, 2.0, 900.0):
        instance.settle(instance.admit(), Outcome(lambda failure: None), latency, finished=True)
    instance.settle(instance.admit(), Outcome(lambda failure: None), 5000.0, finished=False)
    assert instance.latency_ms == 2.0
    assert isinstance(instance.breaker, CircuitBreaker)


@pytest.mark.parametrize(("name", "label"), [("guest", "Guest provider"), ("work", "Guest provider `work`")])
async def test_label(name: str, label: str) -> None:
    """People read the label, and the instance's name where it is another."""
    instance: Instance = instance_of(type("Labelled", (Guest,), {"label": "Guest"}), name)
    assert instance.label == label


async def test_refusals_are_not_the_providers_last_error() -> None:
    """What an upstream said to one caller's bad request is not shown on /health and to other callers."""
    instance = instance_of(Fine)
    await instance.start()
    outcome = Outcome(lambda failure: None)
    outcome.fail(ProviderError("Your prompt 'my secret diary' is too long.", status=400))
    instance.settle(instance.admit(), outcome, 1.0, finished=True)
    assert instance.last_error is None
