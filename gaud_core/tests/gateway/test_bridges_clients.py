"""The vendors' own libraries across a bridge: whole, streamed, with tools, and when something breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar

import anthropic
import openai
import pytest

from gaud_core.testing import (
    Answer,
    ScriptedUpstream,
    chat_chunk,
    chat_completion,
    chat_error_stream,
    chat_stream,
    chat_tool_stream,
    sse,
    tool_call,
)

from .books import settled
from .support import Acme, AcmeSettings, Served, Starter

JSON = dict[str, Any]
WEATHER: Any = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CALLED = [
    tool_call("weather", '{"city":"Wien"}', "call_1"),
    tool_call("weather", '{"city":"Graz"}', "call_2"),
]
HI: Any = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def claude(gaud: Served) -> Iterator[anthropic.Anthropic]:
    """Anthropic's library."""
    url = f"http://127.0.0.1:{gaud.port}"
    with anthropic.Anthropic(base_url=url, api_key="test", max_retries=0) as client:
        yield client


@pytest.fixture
def gpt(gaud: Served) -> Iterator[openai.OpenAI]:
    """OpenAI's library."""
    url = f"http://127.0.0.1:{gaud.port}/v1"
    with openai.OpenAI(base_url=url, api_key="test", max_retries=0) as client:
        yield client


def test_anthropic_whole(claude: anthropic.Anthropic, upstream: ScriptedUpstream) -> None:
    """A message with its text, its reason and its usage."""
    upstream.add(chat_completion("Hello!"))
    message = claude.messages.create(model="acme:m", max_tokens=50, messages=HI, system="Be kind.")
    assert [block.to_dict() for block in message.content] == [{"type": "text", "text": "Hello!"}]
    assert (message.stop_reason, message.usage.input_tokens, message.usage.output_tokens) == (
        "end_turn",
        5,
        7,
    )
    assert upstream.wait_call().json["messages"][0] == {"role": "system", "content": "Be kind."}


def test_anthropic_streamed(claude: anthropic.Anthropic, upstream: ScriptedUpstream) -> None:
    """Its own stream helper gives the pieces and gathers the message."""
    upstream.add(chat_stream(["Hel", "lo!"]))
    with claude.messages.stream(model="acme:m", max_tokens=50, messages=HI) as stream:
        assert list(stream.text_stream) == ["Hel", "lo!"]
        message = stream.get_final_message()
    assert (message.stop_reason, message.usage.input_tokens, message.usage.output_tokens) == (
        "end_turn",
        5,
        7,
    )


def test_anthropic_reasoning_comes_back_signed(
    claude: anthropic.Anthropic, upstream: ScriptedUpstream
) -> None:
    """What an upstream wants back with its reasoning travels in the signature."""
    deltas = [
        {"reasoning_text": "Hm"},
        {"reasoning_text": "m."},
        {"reasoning_opaque": "sealed"},
        {"content": "Yes."},
    ]
    chunks = [sse(chat_chunk(delta)) for delta in deltas]
    upstream.add(Answer.stream([*chunks, sse(chat_chunk({}, "stop")), sse("[DONE]")]), chat_completion())
    with claude.messages.stream(
        model="acme:m", max_tokens=5000, messages=HI, thinking={"type": "enabled", "budget_tokens": 1024}
    ) as stream:
        message = stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "text"]
    more: Any = [*HI, {"role": "assistant", "content": message.content}, {"role": "user", "content": "Sure?"}]
    claude.messages.create(model="acme:m", max_tokens=50, messages=more)
    first, second = (call.json for call in upstream.calls)
    assert first["reasoning_effort"] == "low"
    assert second["messages"][1] == {
        "role": "assistant",
        "content": "Yes.",
        "reasoning_text": "Hmm.",
        "reasoning_opaque": "sealed",
    }


@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_tool_loop(claude: anthropic.Anthropic, upstream: ScriptedUpstream, stream: bool) -> None:
    """Two calls at once, their results, and the last word."""
    upstream.add(_calls_streamed() if stream else chat_completion(tool_calls=CALLED))
    upstream.add(chat_stream(["Rain."]) if stream else chat_completion("Rain."))
    tools: Any = [{"name": "weather", "description": "The weather.", "input_schema": WEATHER}]
    turns: list[Any] = [*HI]
    for _ in range(2):
        asked: Any = {"model": "acme:m", "max_tokens": 50, "messages": turns, "tools": tools}
        if stream:
            with claude.messages.stream(**asked) as going:
                message: Any = going.get_final_message()
        else:
            message = claude.messages.create(**asked)
        turns.append({"role": "assistant", "content": message.content})
        calls = [block for block in message.content if block.type == "tool_use"]
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": f"Rain in {call.input['city']}"}
            for call in calls
        ]
        turns.append({"role": "user", "content": results})
    assert (message.stop_reason, message.content[0].text) == ("end_turn", "Rain.")
    _require_loop(upstream.calls[1].json["messages"])


def test_anthropic_broken(claude: anthropic.Anthropic, upstream: ScriptedUpstream) -> None:
    """An error in the middle is raised, and never taken for the end; a refusal has its own class."""
    upstream.add(chat_error_stream(["Hel"], "upstream broke"))
    with (
        pytest.raises(anthropic.APIStatusError, match="upstream broke"),
        claude.messages.stream(model="acme:m", max_tokens=50, messages=HI) as stream,
    ):
        stream.get_final_message()
    upstream.add(Answer.error(429, "Slow down."))
    with pytest.raises(anthropic.RateLimitError, match="Slow down"):
        claude.messages.create(model="acme:m", max_tokens=50, messages=HI)


def test_openai_whole(gpt: openai.OpenAI, upstream: ScriptedUpstream) -> None:
    """A response with its text and its usage."""
    upstream.add(chat_completion("Hello!"))
    response = gpt.responses.create(model="acme:m", input="Hi", instructions="Be kind.")
    assert (response.output_text, response.status) == ("Hello!", "completed")
    assert response.usage
    assert (response.usage.input_tokens, response.usage.total_tokens) == (5, 12)
    assert upstream.wait_call().json["messages"][0] == {"role": "system", "content": "Be kind."}


def test_openai_streamed(gpt: openai.OpenAI, upstream: ScriptedUpstream) -> None:
    """Its own stream helper gathers the response."""
    upstream.add(chat_stream(["Hel", "lo!"]))
    with gpt.responses.stream(model="acme:m", input="Hi") as stream:
        pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
        response = stream.get_final_response()
    assert pieces == ["Hel", "lo!"]
    assert (response.output_text, response.status) == ("Hello!", "completed")


@pytest.mark.parametrize("stream", [False, True])
def test_openai_tool_loop(gpt: openai.OpenAI, upstream: ScriptedUpstream, stream: bool) -> None:
    """Two calls at once, their results, and the last word; the items go back as they came."""
    upstream.add(_calls_streamed() if stream else chat_completion(tool_calls=CALLED))
    upstream.add(chat_stream(["Rain."]) if stream else chat_completion("Rain."))
    tools: Any = [{"type": "function", "name": "weather", "parameters": WEATHER, "strict": True}]
    items: list[Any] = [*HI]
    for _ in range(2):
        if stream:
            with gpt.responses.stream(model="acme:m", input=items, tools=tools, store=False) as going:
                response: Any = going.get_final_response()
        else:
            response = gpt.responses.create(model="acme:m", input=items, tools=tools, store=False)
        items += [item.to_dict() for item in response.output]
        for call in (item for item in response.output if item.type == "function_call"):
            told = f"Rain in {json.loads(call.arguments)['city']}"
            items.append({"type": "function_call_output", "call_id": call.call_id, "output": told})
    assert response.output_text == "Rain."
    _require_loop(upstream.calls[1].json["messages"])


def test_openai_broken(gpt: openai.OpenAI, upstream: ScriptedUpstream) -> None:
    """An error in the middle is raised, and never taken for the end; a refusal has its own class."""
    upstream.add(chat_error_stream(["Hel"], "upstream broke"))
    with (
        pytest.raises(openai.APIError, match="upstream broke"),
        gpt.responses.stream(model="acme:m", input="Hi") as stream,
    ):
        stream.get_final_response()
    upstream.add(Answer.error(429, "Slow down."))
    with pytest.raises(openai.RateLimitError, match="Slow down"):
        gpt.responses.create(model="acme:m", input="Hi")


def test_openai_structured(gpt: openai.OpenAI, upstream: ScriptedUpstream) -> None:
    """The schema arrives, and the answer is parsed."""
    upstream.add(chat_completion('{"city":"Wien"}'))
    form: Any = {"format": {"type": "json_schema", "name": "place", "schema": WEATHER, "strict": True}}
    response = gpt.responses.create(model="acme:m", input="Hi", text=form)
    assert json.loads(response.output_text) == {"city": "Wien"}
    wanted = {"name": "place", "schema": WEATHER, "strict": True}
    assert upstream.wait_call().json["response_format"] == {"type": "json_schema", "json_schema": wanted}


def test_a_tool_call_in_pieces(claude: anthropic.Anthropic, upstream: ScriptedUpstream) -> None:
    """Arguments that are cut anywhere are the same arguments."""
    upstream.add(chat_tool_stream("weather", ['{"ci', 'ty":', ' "Wi', 'en"}']))
    with claude.messages.stream(model="acme:m", max_tokens=50, messages=HI) as stream:
        [block] = stream.get_final_message().content
    assert block.type == "tool_use"
    assert block.input == {"city": "Wien"}


class Codex(Acme):
    """Serves nothing but Responses."""

    endpoints: ClassVar[frozenset[str]] = frozenset({"responses"})


@pytest.fixture
def codex(serve: Starter, upstream: ScriptedUpstream) -> Served:
    """A gateway in front of it."""
    return serve(acme=AcmeSettings(url=upstream.url), kind=Codex)


def _response(*output: JSON) -> JSON:
    usage = {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}
    head = {"id": "resp_1", "object": "response", "created_at": 1700000000, "model": "m"}
    return {**head, "status": "completed", "error": None, "output": list(output), "usage": usage}


def _answered(response: JSON, stream: bool) -> Answer:
    if not stream:
        return Answer.json(response)
    done = [
        {"type": "response.output_item.done", "output_index": at, "item": item}
        for at, item in enumerate(response["output"])
    ]
    begun = {"type": "response.created", "response": {**response, "status": "in_progress", "output": []}}
    events = [begun, *done, {"type": "response.completed", "response": response}]
    return Answer.stream([sse(event, event["type"]) for event in events])


@pytest.mark.parametrize("stream", [False, True])
def test_chat_over_responses(codex: Served, upstream: ScriptedUpstream, stream: bool) -> None:
    """OpenAI's library chats with a model that has only Responses, calls a tool, and is booked once."""
    called = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city":"Wien"}'}
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Rain."}]}
    upstream.add(_answered(_response(called), stream), _answered(_response(said), stream))
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{codex.port}/v1", api_key="test", max_retries=0)
    tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
    turns: list[Any] = [*HI]
    for _ in range(2):
        if stream:
            with client.chat.completions.stream(model="acme:m", messages=turns, tools=tools) as going:
                choice: Any = going.get_final_completion().choices[0]
        else:
            choice = client.chat.completions.create(model="acme:m", messages=turns, tools=tools).choices[0]
        turns.append(choice.message.to_dict())
        turns += [
            {"role": "tool", "tool_call_id": call.id, "content": "Rain"}
            for call in choice.message.tool_calls or ()
        ]
    assert (choice.message.content, choice.finish_reason) == ("Rain.", "stop")
    assert [call.path for call in upstream.calls] == ["/v1/responses"] * 2
    sent = upstream.calls[1].json["input"]
    assert [item.get("type", item.get("role")) for item in sent] == [
        "user",
        "function_call",
        "function_call_output",
    ]
    for row in settled(codex, 2):
        assert (row.endpoint, row.input_tokens, row.output_tokens) == ("chat/completions", 5, 7)


@pytest.mark.parametrize("stream", [False, True])
def test_messages_over_responses(codex: Served, upstream: ScriptedUpstream, stream: bool) -> None:
    """Anthropic's library too, over two bridges."""
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Rain."}]}
    upstream.add(_answered(_response(said), stream))
    client = anthropic.Anthropic(base_url=f"http://127.0.0.1:{codex.port}", api_key="test", max_retries=0)
    if stream:
        with client.messages.stream(model="acme:m", max_tokens=50, messages=HI) as going:
            message: Any = going.get_final_message()
    else:
        message = client.messages.create(model="acme:m", max_tokens=50, messages=HI)
    assert (message.content[0].text, message.stop_reason, message.usage.input_tokens) == (
        "Rain.",
        "end_turn",
        5,
    )
    assert upstream.wait_call().path == "/v1/responses"


def _calls_streamed() -> Answer:
    chunks: list[JSON] = []
    for index, call in enumerate(CALLED):
        opened = {"index": index, **call, "function": {"name": "weather", "arguments": ""}}
        told = {"index": index, "function": {"arguments": call["function"]["arguments"]}}
        chunks += [chat_chunk({"tool_calls": [opened]}), chat_chunk({"tool_calls": [told]})]
    return Answer.stream([sse(chunk) for chunk in [*chunks, chat_chunk({}, "tool_calls")]] + [sse("[DONE]")])


def _require_loop(messages: list[JSON]) -> None:
    """The upstream must have got its own calls back, and each result under its call's id."""
    assert [turn["role"] for turn in messages] == ["user", "assistant", "tool", "tool"]
    assert messages[1]["tool_calls"] == CALLED
    assert [(turn["tool_call_id"], turn["content"]) for turn in messages[2:]] == [
        ("call_1", "Rain in Wien"),
        ("call_2", "Rain in Graz"),
    ]
