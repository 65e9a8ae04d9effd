"""Calls at the endpoints beside chat, through the provider itself: paths, headers, bodies, bytes back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gaud_core import ProviderError, UpstreamRefused
from gaud_core.testing import Answer

from .conftest import USERS, World

IMAGE = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
CLAUDE: dict[str, Any] = {"messages": USERS, "max_tokens": 99}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("endpoint", "path", "model", "fields"),
    [
        ("responses", "/responses", "gpt-5-codex", {"input": "Hi"}),
        ("messages", "/v1/messages", "claude-sonnet-4.5", CLAUDE),
    ],
)
def test_native_endpoints(
    world: World, endpoint: str, path: str, model: str, fields: dict[str, Any], stream: bool
) -> None:
    """Copilot takes the call as it is, and its answer comes back byte for byte."""
    kept: list[bytes] = []

    def answer(seen: Any) -> Answer:
        from .answering import answer_to

        told = answer_to(seen)
        kept.extend(step for step in told.steps if isinstance(step, bytes))
        return told

    world.github.answer = answer
    sent = world.send(endpoint, model, stream=stream, **fields)
    assert (sent.reply.status, world.github.refusals) == (200, [])
    assert world.sent().path == path
    assert sent.content == b"".join(kept)
    assert json.loads(world.sent().body) == {"model": model, "stream": stream, **fields}
    assert not [name for name, _ in sent.reply.headers if "quota" in name]


@pytest.mark.parametrize(
    ("given", "got"),
    [
        ("Hi", ["Hi"]),
        (["Hi", "you"], ["Hi", "you"]),
        ([[1, 2]], [[1, 2]]),
    ],
)
def test_embeddings(world: World, given: Any, got: Any) -> None:
    """The input is a list always; nobody begins a turn."""
    sent = world.send("embeddings", "text-embedding-3-small", input=given, dimensions=8)
    assert (sent.reply.status, world.github.refusals) == (200, [])
    assert json.loads(world.sent().body)["input"] == got
    assert (world.sent().path, world.sent().header("x-initiator")) == ("/embeddings", None)


def test_a_service_tier_is_not_sent(world: World) -> None:
    """Copilot knows none."""
    assert world.send("responses", "gpt-5", input="Hi", service_tier="flex").reply.status == 200
    assert json.loads(world.sent().body)["service_tier"] is None


def test_reasoning_items_keep_their_proof(world: World) -> None:
    """Every byte of `encrypted_content` must come back, or Copilot refuses it."""
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "b3BhcXVl+/=="}
    output = {"type": "function_call_output", "call_id": "c1", "output": "seen"}
    world.send("responses", "gpt-5-codex", input=[*USERS, item, output], store=False)
    told = json.loads(world.sent().body)
    assert (told["input"], told["store"]) == ([*USERS, item, output], False)
    assert world.github.initiators == ["agent"]


@pytest.mark.parametrize(
    ("endpoint", "model", "fields"),
    [
        ("responses", "gpt-5", {"input": [{"role": "user", "content": [IMAGE]}]}),
        ("messages", "claude-sonnet-4.5", {**CLAUDE, "messages": [{"role": "user", "content": [PICTURE]}]}),
    ],
)
def test_images_are_announced(world: World, endpoint: str, model: str, fields: dict[str, Any]) -> None:
    """In each dialect."""
    assert world.send(endpoint, model, **fields).reply.status == 200
    assert world.sent().header("copilot-vision-request") == "true"


def test_headers_of_messages(world: World) -> None:
    """Anthropic's version is there in any case, and of the betas only what Copilot takes."""
    betas = "claude-code-20250219, interleaved-thinking-2025-05-14,made-up-2026"
    world.send("messages", "claude-sonnet-4.5", {"anthropic-beta": betas}, **CLAUDE)
    sent = world.sent()
    assert (sent.header("anthropic-version"), world.github.refusals) == ("2023-06-01", [])
    assert sent.header("anthropic-beta") == "interleaved-thinking-2025-05-14"
    assert (sent.header("openai-intent"), sent.header("x-interaction-type")) == ("messages-proxy",) * 2
    world.send("messages", "claude-sonnet-4.5", {"anthropic-beta": "made-up-2026"}, **CLAUDE)
    assert world.sent().header("anthropic-beta") is None


@pytest.mark.parametrize(
    ("endpoint", "model", "cure"),
    [
        ("chat/completions", "gpt-5-codex", "Call it at /v1/responses."),
        ("messages", "gpt-5", "Call it at /v1/chat/completions or /v1/responses."),
        ("responses", "gpt-4o", "Call it at /v1/chat/completions."),
        ("chat/completions", "text-embedding-3-small", "Call it at /v1/embeddings."),
    ],
)
def test_an_endpoint_that_the_model_is_not_served_on(
    world: World, endpoint: str, model: str, cure: str
) -> None:
    """It is said where the model is, before anything is sent."""
    with pytest.raises(UpstreamRefused) as caught:
        world.send(endpoint, model, messages=USERS, input="Hi")
    assert (caught.value.http_status, caught.value.error_code) == (400, "endpoint_not_served")
    assert caught.value.message.endswith(cure)
    assert (world.upstream.calls, caught.value.unsent) == ([], True)


def test_a_model_that_is_not_listed_goes_on(world: World) -> None:
    """Copilot knows best: the list may be old."""
    world.github.models.append({"id": "brand-new"})
    assert world.send("chat/completions", "brand-new", messages=USERS).reply.status == 200


def test_units(world: World) -> None:
    """A user's turn takes what its model's price says; an agent's takes nothing."""
    tool = {"role": "tool", "tool_call_id": "t1", "content": "seen"}
    assert world.send("chat/completions", "grok-mini", messages=USERS).reply.milliunits is None
    assert world.send("chat/completions", "grok-mini", messages=[*USERS, tool]).reply.milliunits == 0
    prices = {model.id: model.price for model in world.gateway.within(world.gateway.instance.models())}
    price = prices["grok-mini"]
    assert price is not None
    assert (price.subscription, price.milliunits) == (True, 250)


def test_a_refusal_is_no_openais_where_the_client_is_anthropics(world: World) -> None:
    """It becomes an error that the gateway puts into the client's shape."""
    world.github.models[3]["policy"] = {"state": "disabled"}  # after it was listed
    with pytest.raises(ProviderError) as caught:
        world.send("messages", "claude-sonnet-4.5", **CLAUDE)
    assert (caught.value.http_status, caught.value.error_code) == (400, "model_not_supported")
