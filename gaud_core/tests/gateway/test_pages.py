"""The answers that need no upstream: models, health, the front door."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pytest

from gaud_core import Model, Price
from gaud_core.testing import Answer, ScriptedUpstream, chat_completion

from .guests.providers import Fine, Guest, Mishap, with_method
from .support import AcmeSettings, Served, Starter, eventually

KEY = "sk-prx-test-key"
BEARER = [("authorization", f"Bearer {KEY}")]


class Listed(Guest):
    """Has one model of which everything is known."""

    def known_models(self) -> Sequence[Model]:
        """All fields, and unknown ones."""
        price = Price(input=2_500_000_000, output=None)
        full = Model("org/big:v1", "Org", 7, price, 1000, 100, {"x_new": [1.5], "id": "forged"})
        return (full, Model("bare"), Model("wild/*"))


@pytest.fixture
def listed(serve: Starter) -> Served:
    """A gateway with a few models."""
    return serve(Listed, Fine)


def test_list_of_models(listed: Served) -> None:
    """OpenAI's shape; ids are full names; patterns are not listed."""
    answered = listed.get("/v1/models").json
    assert answered["object"] == "list"
    assert [model["id"] for model in answered["data"]] == ["guest:org/big:v1", "guest:bare", "fine:plain"]
    assert {model["object"] for model in answered["data"]} == {"model"}
    assert answered["data"][1]["owned_by"] == "guest"


def test_what_is_known_of_a_model(listed: Served) -> None:
    """Limits, known prices, and the provider's own extras, which cannot overwrite OpenAI's fields."""
    model = listed.get("/v1/models/guest:org/big:v1").json
    assert (model["id"], model["owned_by"], model["created"]) == ("guest:org/big:v1", "Org", 7)
    assert (model["max_input_tokens"], model["max_output_tokens"], model["x_new"]) == (1000, 100, [1.5])
    assert model["usd_per_million_tokens"] == {"input": "2.5"}


@pytest.mark.parametrize("name", ["guest:org/big:v1", "org/big:v1", "guest%3Aorg%2Fbig%3Av1"])
def test_one_model(listed: Served, name: str) -> None:
    """By its full name, by the upstream's name, escaped or not."""
    assert listed.get(f"/v1/models/{name}").json["id"] == "guest:org/big:v1"


def test_model_that_is_not_there(listed: Served) -> None:
    """A 404 with near names, or the word that a call would still be sent on."""
    assert (
        "`guest:bare`" in listed.get("/v1/models/guest:bar").message
        or listed.get("/v1/models/gest:bare").message
    )
    answered = listed.get("/v1/models/guest:never-listed")
    assert (answered.status, answered.error["code"]) == (404, "model_not_found")
    assert "a call to it is still sent on" in answered.message


def test_health_of_each_provider(gaud: Served, upstream: ScriptedUpstream) -> None:
    """Name, state, breaker, models, latency and the last error, dated."""
    upstream.add(chat_completion(), Answer.error(500, "on fire"))
    gaud.chat()
    gaud.chat()
    page = gaud.get("/health").json
    (acme,) = page["providers"]
    assert (acme["name"], acme["stage"], acme["breaker"], acme["healthy"]) == (
        "acme",
        "serving",
        "closed",
        True,
    )
    assert acme["latency_ms"] > 0
    assert acme["last_error"].startswith("on fire")
    assert acme["last_error_at"].startswith("20")


@pytest.mark.parametrize("method", ["start", "health", "known_models"])
def test_sick_provider_leaves_the_gateway_well(serve: Starter, method: str) -> None:
    """The gateway is 200 while it is fine itself, and says who is not."""
    gaud = serve(with_method(method, Mishap("no luck")), Fine)
    eventually(lambda: gaud.get("/health").json["status"] == "degraded")
    answered = gaud.get("/health")
    assert answered.status == 200
    sick = next(provider for provider in answered.json["providers"] if provider["name"] == "guest")
    assert sick["healthy"] is False
    assert sick["detail"]


def test_health_tells_strangers_no_addresses(serve: Starter, upstream: ScriptedUpstream) -> None:
    """Who has no key reads no address of the operator's network, whatever the last error said."""
    gaud = serve(acme=AcmeSettings(url=upstream.url), key=KEY)
    upstream.add(Answer.error(500, "cannot reach http://10.0.0.7:5432/db (really)"))
    gaud.chat(headers=BEARER)
    assert "10.0.0.7" not in gaud.get("/health").body.decode()
    assert "10.0.0.7" in gaud.get("/health", BEARER).body.decode()


ADDRESSES = ["10.0.0.7:5432", "db.internal:5432", "postgres://user:pw@10.0.0.7/db", "HTTP://10.0.0.7"]
ADDRESSES += ["10.0.0.7", "[fd00::7]:80", "fd00::7"]


def test_health_tells_strangers_when_it_was(serve: Starter, upstream: ScriptedUpstream) -> None:
    """What is hidden from them are addresses, not dates."""
    gaud = serve(acme=AcmeSettings(url=upstream.url), key=KEY)
    upstream.add(Answer.error(500, "on fire"))
    gaud.chat(headers=BEARER)
    (acme,) = gaud.get("/health").json["providers"]
    assert datetime.fromisoformat(acme["last_error_at"]).year >= 2026


@pytest.mark.parametrize("address", ADDRESSES)
def test_health_tells_strangers_no_address_of_any_kind(
    serve: Starter, upstream: ScriptedUpstream, address: str
) -> None:
    """Addresses without http:// are addresses too."""
    gaud = serve(acme=AcmeSettings(url=upstream.url), key=KEY)
    upstream.add(Answer.error(500, f"cannot reach {address} today"))
    gaud.chat(headers=BEARER)
    assert address not in gaud.get("/health").body.decode()


@pytest.mark.parametrize(
    ("target", "status"), [("/", 200), ("/health", 200), ("/v1/models", 401), ("/v1/models/x", 401)]
)
def test_what_needs_a_key(serve: Starter, target: str, status: int) -> None:
    """Models are for those with a key; health and the front door are for all."""
    assert serve(Fine, key=KEY).get(target).status == status


def test_front_door(gaud: Served, serve: Starter) -> None:
    """It says what this is and what to do next."""
    page = gaud.get("/").json
    assert (page["name"], page["providers"]) == ("gaud", ["acme"])
    assert "OpenAI client" in page["next"]
    assert "gaud providers" in serve().get("/").json["next"]
