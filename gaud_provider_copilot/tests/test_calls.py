"""Calls through a real Gaud to a scripted Copilot that refuses what the real one refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import World

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
TOOL_CALL = {"id": "t1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
USER, ANSWER = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}
CALLING = {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]}
RESULT = {"role": "tool", "tool_call_id": "t1", "content": "seen"}


@pytest.mark.parametrize("stream", [False, True])
def test_a_call(world: World, stream: bool) -> None:
    """Every header that Copilot wants is there, and the answer arrives."""
    answer = world.ask("gpt-4o", stream=stream)
    assert (answer.status_code, world.github.refusals) == (200, [])
    assert "Hel" in answer.text
    assert json.loads(world.sent().body)["model"] == "gpt-4o"


def test_a_token_that_has_ended_is_exchanged_once(world: World) -> None:
    """A 401 costs nobody an answer, and the client hears nothing of it."""
    world.github.revoke()
    answers = [world.ask("gpt-4o") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert world.github.exchanges == 1


def test_a_login_that_has_ended(world: World) -> None:
    """It is said how to log in again, and no secret with it."""
    world.github.revoke_logins()
    answer = world.ask("gpt-4o")
    assert answer.status_code == 401
    assert "gaud login copilot" in answer.text
    assert not any(secret in answer.text + answer.headers["x-gaud-hint"] for secret in world.github.given)


@pytest.mark.parametrize(
    ("messages", "initiator"),
    [
        pytest.param([USER], "user", id="first"),
        pytest.param([{"role": "system", "content": "Be kind."}, USER], "user", id="system"),
        pytest.param([USER, ANSWER, USER], "user", id="second turn"),
        pytest.param([USER, CALLING, RESULT], "agent", id="tool result"),
        pytest.param([USER, CALLING, RESULT, RESULT], "agent", id="two tool results"),
        pytest.param([USER, ANSWER], "agent", id="answer to be continued"),
        pytest.param([USER, CALLING, RESULT, ANSWER, USER], "user", id="a person again"),
        pytest.param([USER, CALLING, RESULT, USER], "user", id="a person after a tool"),
        pytest.param([USER, {"role": "developer", "content": "Go on."}], "agent", id="developer"),
    ],
)
def test_who_began_the_turn(world: World, messages: list[Any], initiator: str) -> None:
    """No turn of an agent is billed as a user's: the last message decides."""
    world.ask("gpt-5", messages)
    assert (world.github.initiators, world.github.used) == ([initiator], float(initiator == "user"))


@pytest.mark.parametrize(
    ("messages", "has_image"),
    [
        pytest.param([USER], False, id="text"),
        pytest.param([{"role": "user", "content": "an image_url in words"}], False, id="the word"),
        pytest.param([{"role": "user", "content": [{"type": "text", "text": "?"}, IMAGE]}], True, id="image"),
        pytest.param([{"role": "user", "content": [IMAGE]}, ANSWER, USER], True, id="in an earlier message"),
        pytest.param([USER, CALLING, {**RESULT, "content": [IMAGE]}], True, id="from a tool"),
    ],
)
def test_images_are_announced(world: World, messages: list[Any], has_image: bool) -> None:
    """The header is there for images and for nothing else: Copilot refuses both mistakes."""
    answer = world.ask("gpt-4o", messages)
    assert (answer.status_code, world.github.refusals) == (200, [])
    assert world.sent().header("copilot-vision-request") == ("true" if has_image else None)


@pytest.mark.parametrize(
    ("model", "sent", "got"),
    [
        ("gpt-5", {"max_tokens": 9}, {"max_completion_tokens": 9}),
        ("gpt-5", {"max_completion_tokens": 9}, {"max_completion_tokens": 9}),
        ("gpt-4o", {"max_tokens": 9}, {"max_tokens": 9}),
        ("claude-sonnet-4.5", {"max_tokens": 9}, {"max_tokens": 9}),
    ],
)
def test_the_length_of_an_answer(world: World, model: str, sent: dict[str, int], got: dict[str, int]) -> None:
    """Newer models of OpenAI refuse `max_tokens`."""
    assert world.ask(model, **sent).status_code == 200
    assert {key: value for key, value in json.loads(world.sent().body).items() if "tokens" in key} == got


def test_reasoning_goes_back(world: World) -> None:
    """What an answer has shown as `reasoning_content` goes back as Copilot calls it, and with its proof."""
    thought = {**CALLING, "reasoning_content": "look first", "reasoning_opaque": "b3BhcXVl"}
    world.ask("claude-sonnet-4.5", [USER, thought, RESULT])
    got = json.loads(world.sent().body)["messages"]
    assert got == [USER, {**CALLING, "reasoning_text": "look first", "reasoning_opaque": "b3BhcXVl"}, RESULT]


def test_a_model_whose_policy_is_not_enabled(world: World) -> None:
    """It is not listed; a call to it is refused before it is sent, with the page where it can be enabled."""
    listed = {row["id"] for row in world.gateway.http.get("/v1/models").json()["data"]}
    assert "copilot:gpt-4o" in listed
    assert "copilot:gemini-2.5-pro" not in listed
    answer = world.ask("gemini-2.5-pro")
    assert (answer.status_code, world.upstream.calls) == (403, [])
    assert "https://github.com/settings/copilot/features" in answer.text


def test_copilots_own_refusals_pass(world: World) -> None:
    """JSON that is called plain text arrives as JSON, with its code, and with a hint."""
    answer = world.ask("no-such-model")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/json")
    assert answer.json()["error"]["code"] == "model_not_supported"
    assert "Enable the model" in answer.headers["x-gaud-hint"]


def test_the_quota_stays_inside(world: World) -> None:
    """Other users' calls are in it."""
    headers = world.ask("gpt-4o").headers
    assert not [name for name in headers if "quota" in name]


def test_a_quota_that_is_used_up(world: World) -> None:
    """Copilot's 402 becomes what clients of OpenAI know, and says until when."""
    world.github.used = world.github.entitlement
    answer = world.ask("gpt-5")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3600")
    assert answer.json()["error"]["code"] == "insufficient_quota"
    assert "You have exceeded your premium request allowance." in answer.text
    assert "2026-12-01" in answer.headers["x-gaud-hint"]
    assert world.ask("gpt-4o").status_code == 200  # its multiplier is 0


def test_calls_cost_nothing_more(world: World) -> None:
    """A subscription pays: the price is 0, and known."""
    row = world.gateway.http.get("/v1/models/copilot:gpt-5").json()
    assert row["subscription"] is True
    assert row["premium_multiplier"] == 1.0
    assert (row["max_input_tokens"], row["max_output_tokens"]) == (64000, 4096)
