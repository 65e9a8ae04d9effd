"""Chats over Responses: what they may hold, and what upstreams' streams may look like."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.responses.response_create_params import ResponseCreateParamsBase

from gaud_core.bridge import bridge_to
from gaud_core.bridge.completions.request import KNOWN_EXTRAS
from gaud_core.errors import BadRequest, ProviderError, UpstreamFailed

from . import sdks

JSON = dict[str, Any]
HI: JSON = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
CROSSING = bridge_to("chat/completions", "responses").cross(HI, "req_1")
CREATED: JSON = {"type": "response.created", "response": {"id": "resp_1", "model": "m", "created_at": 1}}
CALL: JSON = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"}


def turn(**message: Any) -> JSON:
    """Messages with one of one's own."""
    return {"messages": [*HI["messages"], message]}


def completed(**more: Any) -> JSON:
    """The last event."""
    return {"type": "response.completed", "response": {"status": "completed", "output": [], **more}}


REFUSED: list[tuple[JSON, str]] = [
    ({"messages": []}, "at least one"),
    ({"n": 2}, "more than one answer"),
    ({"modalities": ["text", "audio"]}, "asks for sound"),
    ({"functions": [{"name": "f"}]}, "use `tools`"),
    (turn(role="function", name="f", content="x"), "a role `function`"),
    (turn(role="tool", content="x"), "lacks its `tool_call_id`"),
    (turn(role="assistant", tool_calls=[{"id": "c"}]), "without a name"),
    (turn(role="user", content=[{"type": "input_audio", "input_audio": {}}]), "type `input_audio`"),
    (turn(role="user", content=[{"type": "image_url", "image_url": {}}]), "type `image_url`"),
    (
        turn(role="assistant", content=[{"type": "image_url", "image_url": {"url": "x"}}]),
        "an assistant's part",
    ),
    ({"tools": [{"type": "function"}]}, "without its name"),
    ({"tool_choice": {"type": "function"}}, "lacks a name"),
    ({"tool_choice": 5}, "wrong shape"),
]


@pytest.mark.parametrize(("more", "words"), REFUSED)
def test_refused(more: JSON, words: str) -> None:
    """With a sentence that says what it is."""
    with pytest.raises(BadRequest) as refusal:
        bridge_to("chat/completions", "responses").cross({**HI, **more}, "req_1")
    assert words in refusal.value.message


def test_what_is_carried_is_known_there() -> None:
    """Every member that crosses unseen is one of Responses."""
    assert ResponseCreateParamsBase.__annotations__.keys() >= KNOWN_EXTRAS


def test_allowed_tools_and_plain_words() -> None:
    """Each choice of tools has its counterpart."""
    tools = [{"type": "function", "function": {"name": "f"}}]
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": tools}}
    for choice, expected in (
        ("required", "required"),
        (allowed, {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}),
    ):
        crossing = bridge_to("chat/completions", "responses").cross(
            {**HI, "tools": tools, "tool_choice": choice}, "req_1"
        )
        assert sdks.valid_sent(crossing.body, "responses")["tool_choice"] == expected


def test_items_whose_ids_change_are_told_apart_by_their_place() -> None:
    """As one upstream does it."""
    events = [
        CREATED,
        {"type": "response.output_item.added", "output_index": 1, "item": {**CALL, "arguments": ""}},
        {"type": "response.function_call_arguments.delta", "output_index": 1, "item_id": "x", "delta": "{}"},
        {"type": "response.output_item.done", "output_index": 1, "item": {**CALL, "id": "y"}},
        completed(),
    ]
    [call] = sdks.gathered_completion(sdks.streamed(CROSSING, events))["choices"][0]["message"]["tool_calls"]
    assert (call["id"], call["function"]["arguments"]) == ("c1", "{}")


def test_what_comes_only_as_a_whole_item_is_told() -> None:
    """Some upstreams send no pieces."""
    said = {
        "type": "message",
        "content": [{"type": "output_text", "text": "Hi"}, {"type": "refusal", "refusal": "No"}],
    }
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}
    items = [{**thought, "encrypted_content": "x"}, said, CALL]
    events = [
        {"type": "response.output_item.done", "output_index": at, "item": item}
        for at, item in enumerate(items)
    ]
    told = sdks.gathered_completion(sdks.streamed(CROSSING, [CREATED, *events, completed()]))["choices"][0]
    assert (told["message"]["content"], told["message"]["refusal"]) == ("Hi", "No")
    assert told["message"]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert told["finish_reason"] == "tool_calls"
    whole = json.loads(CROSSING.answer({"status": "completed", "output": items}))["choices"][0]["message"]
    assert whole["reasoning_content"] == "Hm."


def test_parts_of_a_summary_are_paragraphs() -> None:
    """Whole and streamed alike."""
    parts = [{"type": "summary_text", "text": text} for text in ("One.", "Two.")]
    events = [
        {
            "type": "response.reasoning_summary_text.delta",
            "output_index": 0,
            "summary_index": at,
            "delta": part["text"],
        }
        for at, part in enumerate(parts)
    ]
    chunks = sdks.told_chunks(sdks.streamed(CROSSING, [CREATED, *events, completed()]))
    texts = [
        chunk["choices"][0]["delta"].get("reasoning_content", "") for chunk in chunks if chunk["choices"]
    ]
    assert "".join(texts) == "One.\n\nTwo."


@pytest.mark.parametrize(
    ("event", "status", "words"),
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "Slow down."}, 429, "Slow down."),
        ({"type": "error", "error": {"code": "429", "message": "Slow down."}}, 429, "Slow down."),
        (
            {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "No."}}},
            502,
            "No.",
        ),
        ({"type": "response.failed", "response": {"status": "failed"}}, 502, "has failed"),
    ],
)
def test_failures_are_raised(event: JSON, status: int, words: str) -> None:
    """In the middle of a stream, and as a whole answer."""
    with pytest.raises(ProviderError, match=words) as failure:
        sdks.streamed(CROSSING, [CREATED, event])
    assert failure.value.http_status == status
    if "response" in event:
        with pytest.raises(ProviderError, match=words):
            CROSSING.answer(event["response"])


def test_an_end_without_an_end_is_an_error() -> None:
    """`[DONE]` does not make a response whole."""
    stream = CROSSING.stream()
    stream.feed(CREATED)
    with pytest.raises(UpstreamFailed):
        stream.end(done=True)


def test_what_is_no_response_is_an_error() -> None:
    """And arguments without a call are none either."""
    with pytest.raises(UpstreamFailed, match="no response"):
        CROSSING.answer({"hello": "world"})
    with pytest.raises(UpstreamFailed, match="has not begun"):
        CROSSING.stream().feed(
            {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{"}
        )
