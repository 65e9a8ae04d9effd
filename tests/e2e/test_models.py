"""The models of the real LiteLLM as Gaud lists them, and those that nobody listed."""

from __future__ import annotations

import openai
import pytest

from .clients import HI
from .gaud_server import Gaud, Starter, provider_toml
from .litellm_proxy import MASTER_KEY, MOCK_TEXT, start_litellm
from .processes import Server, free_port, until

pytestmark = pytest.mark.litellm


def test_list(client: openai.OpenAI) -> None:
    """Discovered models are listed with the prefix of each instance, patterns not."""
    ids = {model.id for model in client.models.list()}
    assert {"litellm:mock", "litellm:vendor/eu.mock-v2:0", "open:mock"} <= ids
    assert any(name.startswith("litellm:anthropic/claude-") for name in ids)
    assert not [name for name in ids if "*" in name]


@pytest.mark.parametrize("name", ["litellm:mock", "litellm:vendor/eu.mock-v2:0"])
def test_retrieve(client: openai.OpenAI, gaud: Gaud, name: str) -> None:
    """A model is found by its id, with slashes and colons, whether its path is escaped or not."""
    assert client.models.retrieve(name).id == name
    assert gaud.get(f"/v1/models/{name}").json()["id"] == name


def test_retrieve_unknown(client: openai.OpenAI) -> None:
    """A model of no known provider is a NotFoundError."""
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody:nothing")


@pytest.mark.parametrize("name", ["vendor/eu.mock-v2:0", "anthropic/claude-never-heard-of"])
def test_forwards_any_name(client: openai.OpenAI, name: str) -> None:
    """Names with slashes and colons work, and one that was never listed goes through LiteLLM's wildcard."""
    answer = client.chat.completions.create(model=f"litellm:{name}", messages=HI)
    assert answer.choices[0].message.content == MOCK_TEXT
    assert answer.model.removeprefix("litellm:") == name


def test_manual_list(start_gaud: Starter, litellm: Server) -> None:
    """Without discovery exactly the listed models appear, written with or without the prefix."""
    toml = provider_toml(
        litellm.url, api_key=MASTER_KEY, discover_models=False, models=["litellm:mock", "mock-priced"]
    )
    gaud = start_gaud(toml)
    assert gaud.models() == ["litellm:mock", "litellm:mock-priced"]
    assert gaud.chat("litellm:scripted-nowhere").status_code == 400  # forwarded: the 400 is LiteLLM's


def test_environment_alone(start_gaud: Starter, litellm: Server) -> None:
    """GAUD_LITELLM_URL makes the configuration without any file entry."""
    gaud = start_gaud("", GAUD_LITELLM_URL=litellm.url, GAUD_LITELLM_API_KEY=MASTER_KEY)
    until(lambda: "litellm:mock" in gaud.models(), "the discovered models", 10)
    assert gaud.chat("litellm:mock").json()["choices"][0]["message"]["content"] == MOCK_TEXT


def test_litellm_comes_up_later(
    start_gaud: Starter, litellm_command: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A LiteLLM that is down at start costs a warning with the cure, and is found when it comes up."""
    port = free_port()
    toml = provider_toml(f"http://127.0.0.1:{port}", api_key=MASTER_KEY, discover_interval_secs=1)
    gaud = start_gaud(toml)
    until(lambda: "LiteLLM provider init failed: " in gaud.log, "the warning", 10)
    assert "providers.litellm.url" in gaud.log
    assert gaud.models() == []
    late = start_litellm(litellm_command, "http://127.0.0.1:9", tmp_path_factory.mktemp("late"), port)
    try:
        until(lambda: "litellm:mock" in gaud.models(), "the discovered models", 40)
        assert gaud.chat("litellm:mock").status_code == 200
        until(lambda: gaud.health()["healthy"] is True, "its health, now that it is known to answer", 3)
    finally:
        late.stop()
