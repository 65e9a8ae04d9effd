"""The endpoints beside chat through a served Gaud, natively and across its bridges."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from .conftest import USERS, World

LOOK = {"name": "look", "input_schema": {"type": "object"}}
REMINDER = {"type": "text", "text": "<system-reminder>Be kind.</system-reminder>"}


@pytest.fixture
def gpt(world: World) -> Iterator[Any]:
    """OpenAI's library."""
    url = f"{world.gateway.http.base_url}/v1"
    with openai.OpenAI(base_url=url, api_key="test", max_retries=0) as client:
        yield client


def _row(world: World) -> Any:
    return world.gateway.http.get("/admin/usage?per_page=1").json()["data"][0]


@pytest.mark.parametrize("stream", [False, True])
def test_responses(world: World, gpt: Any, stream: bool) -> None:
    """OpenAI's SDK reads the answer of a model that Copilot serves there alone."""
    answer = gpt.responses.create(model="copilot:gpt-5-codex", input="Hi", stream=stream)
    if stream:
        (*_, last) = events = list(answer)
        assert (
            "".join(event.delta for event in events if event.type == "response.output_text.delta") == "Hello!"
        )
        answer = last.response
    assert (answer.output_text, answer.usage.output_tokens) == ("Hello!", 7)
    row = _row(world)
    assert (row["endpoint"], row["output_tokens"], row["cost_source"]) == ("responses", 7, "subscription")
    assert (row["units"], world.github.refusals) == (1, [])


@pytest.mark.parametrize("stream", [False, True])
def test_messages(world: World, stream: bool) -> None:
    """Anthropic's shape passes, and its tokens are in the books."""
    told = {"model": "copilot:claude-sonnet-4.5", "max_tokens": 9, "messages": USERS, "stream": stream}
    answer = world.gateway.post(json.dumps(told).encode(), "messages")
    assert (answer.status_code, "Hel" in answer.text, world.github.refusals) == (200, True, [])
    row = _row(world)
    assert (row["endpoint"], row["input_tokens"], row["output_tokens"], row["units"]) == ("messages", 5, 7, 1)


def test_an_error_of_messages(world: World) -> None:
    """Copilot's refusal arrives in Anthropic's shape."""
    told = {"model": "copilot:claude-made-up", "max_tokens": 9, "messages": USERS}
    answer = world.gateway.post(json.dumps(told).encode(), "messages")
    assert (answer.status_code, answer.json()["type"]) == (400, "error")
    assert "not supported" in answer.json()["error"]["message"]


def test_embeddings(world: World, gpt: Any) -> None:
    """One text or several."""
    answer = gpt.embeddings.create(
        model="copilot:text-embedding-3-small", input="Hi", encoding_format="float"
    )
    assert [row.embedding for row in answer.data] == [[0.5]]
    assert world.github.refusals == []


def test_chat_at_a_model_that_has_none(world: World) -> None:
    """It crosses the bridge to where the model is."""
    answer = world.ask("gpt-5-codex")
    assert answer.headers["x-gaud-bridge"] == "chat-to-responses"
    assert answer.json()["choices"][0]["message"]["content"] == "Hello!"
    assert (_row(world)["endpoint"], world.github.refusals) == ("chat/completions", [])


@pytest.mark.parametrize("stream", [False, True])
def test_a_loop_of_tools_across_the_bridge_from_messages(world: World, stream: bool) -> None:
    """A program for Claude at a model of OpenAI's: its reminders beside a tool's result are no person's."""
    result = {"type": "tool_result", "tool_use_id": "call_0", "content": "seen"}
    use = {"type": "tool_use", "id": "call_0", "name": "look", "input": {"at": 1}}
    turns = [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result, REMINDER]}]
    for messages, said in ((USERS, "tool_use"), ([*USERS, *turns], "end_turn")):
        told = {"model": "copilot:gpt-5", "max_tokens": 9, "messages": messages, "tools": [LOOK]}
        answer = world.gateway.post(json.dumps({**told, "stream": stream}).encode(), "messages")
        assert (answer.status_code, said in answer.text) == (200, True)
    assert (world.github.initiators, world.github.refusals) == (["user", "agent"], [])
    assert [_row(world)["units"], world.github.used] == [0, 1]


def test_a_loop_of_tools_across_the_bridge_from_responses(world: World, gpt: Any) -> None:
    """OpenAI's SDK at a model of Anthropic's, whose split answer is put together first."""
    tool = {"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": False}
    ask = gpt.responses.create
    first = ask(model="copilot:claude-sonnet-4.5", input="Hi", tools=[tool])
    assert [item.type for item in first.output] == ["message", "function_call"]
    said = [item.model_dump(exclude_none=True) for item in first.output]
    output = {"type": "function_call_output", "call_id": first.output[-1].call_id, "output": "seen"}
    second = ask(model="copilot:claude-sonnet-4.5", input=[*USERS, *said, output])
    assert second.output_text == "Hello!"
    assert (world.github.initiators, world.github.refusals) == (["user", "agent"], [])
