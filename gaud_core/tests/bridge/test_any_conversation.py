"""Random conversations cross every bridge, and random answers come back the same whole and streamed."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gaud_core.bridge import Crossing, bridge_to
from gaud_core.bridge.messages import MessagesToChat
from gaud_core.bridge.responses import ResponsesToChat

from . import sdks
from .strategies import answers, chunked, messages_requests, responses_requests

JSON = dict[str, Any]
MESSAGES = MessagesToChat().cross(
    {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}, "req_1"
)
CHAT = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
RESPONSES = ResponsesToChat().cross({"model": "m", "input": "Hi"}, "req_1")

unhurried = settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@unhurried
@given(messages_requests())
def test_any_messages_request_crosses(asked: JSON) -> None:
    """What Anthropic's types accept becomes what OpenAI's accept, and every text and call arrives."""
    sdks.valid_messages(asked)
    crossing = MessagesToChat().cross(asked, "req_1")
    chat = sdks.valid_chat(crossing.body)
    blocks = [
        block for turn in asked["messages"] if isinstance(turn["content"], list) for block in turn["content"]
    ]
    there = json.dumps(chat["messages"], ensure_ascii=False)
    for block in blocks:
        if block["type"] == "text":
            assert json.dumps(block["text"], ensure_ascii=False)[1:-1] in there
    assert [json.loads(call["function"]["arguments"]) for call in _calls(chat)] == [
        block["input"] for block in blocks if block["type"] == "tool_use"
    ]
    assert [turn["tool_call_id"] for turn in chat["messages"] if turn["role"] == "tool"] == [
        block["tool_use_id"] for block in blocks if block["type"] == "tool_result"
    ]
    assert ("top_k" in crossing.dropped) == ("top_k" in asked)


@unhurried
@given(responses_requests())
def test_any_responses_request_crosses(asked: JSON) -> None:
    """What OpenAI's types accept as a response's request becomes a chat's; every call keeps its text."""
    sdks.valid_responses(asked)
    crossing = ResponsesToChat().cross(asked, "req_1")
    chat = sdks.valid_chat(crossing.body)
    items = asked["input"] if isinstance(asked["input"], list) else []
    calls = [item for item in items if str(item.get("type")).endswith("_call")]
    assert [call["id"] for call in _calls(chat)] == [item["call_id"] for item in calls]
    assert [_arguments(call) for call in _calls(chat)] == [
        item.get("arguments", item.get("input")) for item in calls
    ]
    assert ("tools[web_search]" in crossing.dropped) == ({"type": "web_search"} in asked.get("tools", ()))


@unhurried
@given(st.data())
def test_messages_come_back_the_same_whole_and_streamed(data: st.DataObject) -> None:
    """Anthropic's library gathers from the stream what the whole answer is."""
    answer = data.draw(answers())
    whole = sdks.message(MESSAGES.answer(answer))
    gathered = sdks.gathered_message(sdks.streamed(MESSAGES, data.draw(chunked(answer))))
    assert gathered == whole
    told = answer["choices"][0]["message"]
    assert "".join(block["text"] for block in whole["content"] if block["type"] == "text") == (
        told["content"] or ""
    )
    found = [(b["id"], b["name"], b["input"]) for b in whole["content"] if b["type"] == "tool_use"]
    assert found == [
        (c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in told["tool_calls"]
    ]


@unhurried
@given(st.data())
def test_responses_come_back_the_same_whole_and_streamed(data: st.DataObject) -> None:
    """OpenAI's library gathers from the stream what the whole answer is, arguments to the letter."""
    answer = data.draw(answers())
    whole = sdks.response(RESPONSES.answer(answer))
    gathered = sdks.gathered_response(sdks.streamed(RESPONSES, data.draw(chunked(answer))))
    assert _timeless(gathered) == _timeless(whole)
    told = answer["choices"][0]["message"]
    found = [
        (i["call_id"], i["name"], i["arguments"]) for i in whole["output"] if i["type"] == "function_call"
    ]
    assert found == [(c["id"], c["function"]["name"], c["function"]["arguments"]) for c in told["tool_calls"]]


@unhurried
@given(answers())
def test_a_message_sent_back_tells_the_upstream_what_it_said(answer: JSON) -> None:
    """Text, reasoning with what belongs to it, and calls come back to the upstream in its own members."""
    said = json.loads(MESSAGES.answer(answer))["content"]
    turns = [{"role": "assistant", "content": said}, {"role": "user", "content": "Go on"}]
    asked = {"model": "m", "max_tokens": 9, "messages": turns}
    assert _sent_back(MessagesToChat().cross(asked, "req_2")) == _expected(answer)


@unhurried
@given(answers())
def test_a_response_sent_back_tells_the_upstream_what_it_said(answer: JSON) -> None:
    """The same for the items of a response."""
    output = json.loads(RESPONSES.answer(answer))["output"]
    asked = {"model": "m", "input": [*output, {"role": "user", "content": "Go on"}]}
    assert _sent_back(ResponsesToChat().cross(asked, "req_2")) == _expected(answer)


@unhurried
@given(messages_requests())
def test_any_messages_request_crosses_two_bridges(asked: JSON) -> None:
    """The request that comes out at the far end is one of Responses, with every call and every result."""
    crossing = bridge_to("messages", "responses").cross(asked, "req_1")
    sent = sdks.valid_sent(crossing.body, "responses")
    blocks = [b for turn in asked["messages"] if isinstance(turn["content"], list) for b in turn["content"]]
    for kind, item, here, there in (
        ("tool_use", "function_call", "id", "call_id"),
        ("tool_result", "function_call_output", "tool_use_id", "call_id"),
    ):
        expected = [block[here] for block in blocks if block["type"] == kind]
        assert [one[there] for one in sent["input"] if one.get("type") == item] == expected


@unhurried
@given(st.data())
def test_there_and_back_is_the_same_chat(data: st.DataObject) -> None:
    """A chat's answer as a response, and that as a chat's answer again: whole, streamed, to the letter."""
    answer = data.draw(answers())
    back = bridge_to("chat/completions", "responses").cross(CHAT, "req_2")
    whole = sdks.completion(back.answer(json.loads(RESPONSES.answer(answer))))
    events = sdks.told_events(sdks.streamed(RESPONSES, data.draw(chunked(answer))))
    gathered = sdks.gathered_completion(sdks.streamed(back, events))
    for again in (whole, gathered):
        [choice], [first] = again["choices"], answer["choices"]
        assert choice["finish_reason"] == first["finish_reason"]
        assert (choice["message"].get("content") or "") == (first["message"]["content"] or "")
        calls = [(call["id"], call["function"]) for call in choice["message"].get("tool_calls") or ()]
        assert calls == [(call["id"], call["function"]) for call in first["message"]["tool_calls"]]
        assert again["usage"]["prompt_tokens"] == answer["usage"]["prompt_tokens"]
        assert again["usage"]["completion_tokens"] == answer["usage"]["completion_tokens"]


def _sent_back(crossing: Crossing) -> list[JSON]:
    """What all turns but the last tell."""
    return [_told(turn) for turn in json.loads(crossing.body)["messages"][:-1]]


def _expected(answer: JSON) -> list[JSON]:
    """What the answer told, in one turn, or in none if that is nothing."""
    told = _told(answer["choices"][0]["message"])
    return [told] if told else []


def _told(turn: JSON) -> JSON:
    calls = [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in turn.get("tool_calls", ())
    ]
    names = ("content", "reasoning_content", "reasoning_text", "reasoning", "reasoning_opaque")
    told = {name: turn[name] for name in names if turn.get(name)}
    return told | ({"calls": calls} if calls else {})


def _calls(chat: JSON) -> list[JSON]:
    return [call for turn in chat["messages"] for call in turn.get("tool_calls", ())]


def _arguments(call: JSON) -> str:
    text: str = call["function"]["arguments"] if call["type"] == "function" else call["custom"]["input"]
    return text


def _timeless(response: JSON) -> JSON:
    return {name: value for name, value in response.items() if name != "completed_at"}
