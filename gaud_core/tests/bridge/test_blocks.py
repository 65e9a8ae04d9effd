"""Pieces of a chat answer in order: one block after the other, whatever the upstream mixes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gaud_core.bridge import Crossing
from gaud_core.bridge.messages import MessagesToChat
from gaud_core.errors import ProviderError, UpstreamFailed

from . import sdks

JSON = dict[str, Any]


@pytest.fixture
def crossing() -> Crossing:
    """A request that has crossed."""
    asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    return MessagesToChat().cross(asked, "req_1")


def chunk(delta: JSON, finish: str | None = None) -> JSON:
    """One chunk."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def piece(arguments: str, index: int | None = None, **more: Any) -> JSON:
    """A piece of a tool call."""
    name = more.pop("name", None)
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return chunk(
        {"tool_calls": [more | {"function": function} | ({} if index is None else {"index": index})]}
    )


def blocks(crossing: Crossing, *chunks: JSON) -> list[Any]:
    """What is gathered of a stream, as short as can be."""
    events = sdks.told_events(sdks.streamed(crossing, [*chunks, chunk({}, "stop")]))
    indexes = [event["index"] for event in events if "index" in event]
    assert indexes == sorted(indexes)
    found: list[Any] = []
    for event in events:
        match event:
            case {"content_block": {"type": "tool_use", "id": call, "name": name}}:
                found.append([f"{call} {name}", ""])
            case {"content_block": {"type": kind}}:
                found.append([kind, ""])
            case {"delta": {"type": "input_json_delta", "partial_json": text}}:
                found[event["index"]][1] += text
            case {
                "delta": {"type": "text_delta", "text": text} | {"type": "thinking_delta", "thinking": text}
            }:
                found[event["index"]][1] += text
    return found


def test_text_after_a_call_waits_for_it(crossing: Crossing) -> None:
    """A call whose arguments are incomplete is told to its end first; nothing is lost or put elsewhere."""
    mixed = [
        piece('{"a":', 0, id="c1", name="f"),
        chunk({"content": "Well"}),
        piece("1}", 0),
        chunk({"content": "."}),
    ]
    assert blocks(crossing, *mixed) == [["c1 f", '{"a":1}'], ["text", "Well."]]


def test_a_complete_call_makes_room_at_once(crossing: Crossing) -> None:
    """The next block is told as it comes, and not at the end."""
    stream = crossing.stream()
    stream.feed(piece('{"a":1}', 0, id="c1", name="f"))
    assert b"content_block_stop" in stream.feed(piece("", 1, id="c2", name="g"))


def test_reasoning_and_text_in_turns_are_blocks_of_their_own(crossing: Crossing) -> None:
    """Each change of kind begins a block."""
    mixed = [
        chunk({"reasoning": "a"}),
        chunk({"content": "b"}),
        chunk({"reasoning": "c"}),
        chunk({"content": "d"}),
    ]
    assert blocks(crossing, *mixed) == [["thinking", "a"], ["text", "b"], ["thinking", "c"], ["text", "d"]]


@pytest.mark.parametrize("again", ["c1", ""])
def test_pieces_that_repeat_their_id_or_leave_it_out(crossing: Crossing, again: str) -> None:
    """Both are the same call."""
    first, second = piece('{"a"', 0, id="c1", name="f"), piece(":1}", 0, id=again)
    assert blocks(crossing, first, second) == [["c1 f", '{"a":1}']]


def test_a_new_id_is_a_new_call_whatever_its_index(crossing: Crossing) -> None:
    """Some upstreams give every call the index 0, some none at all."""
    expected = [["c1 f", "{}"], ["c2 g", "{}"]]
    for index in (0, None):
        calls = [piece("{}", index, id="c1", name="f"), piece("{}", index, id="c2", name="g")]
        assert blocks(crossing, *calls) == expected


def test_a_call_without_an_id_gets_one(crossing: Crossing) -> None:
    """So that its result can be sent back."""
    [[call, arguments]] = blocks(crossing, piece("{}", 0, name="f"))
    assert call == "call_req_1_0 f"
    assert arguments == "{}"


def test_a_name_may_come_late(crossing: Crossing) -> None:
    """What came before it belongs to it."""
    assert blocks(crossing, piece('{"a"', 0, id="c1"), piece(":1}", 0, name="f")) == [["c1 f", '{"a":1}']]


def test_white_space_behind_complete_arguments_is_nothing(crossing: Crossing) -> None:
    """Even when the call has been told to its end."""
    pieces = [piece("{}", 0, id="c1", name="f"), chunk({"content": "Well"}), piece(" \n", 0)]
    assert blocks(crossing, *pieces) == [["c1 f", "{}"], ["text", "Well"]]


@pytest.mark.parametrize(
    ("chunks", "said"),
    [
        ([piece("{}", 0, id="c1")], "without a name"),
        ([piece("{}", 0, id="c1", name="f"), chunk({"content": "a"}), piece("{}", 0)], "were complete"),
        ([{"error": {"message": "broke", "code": "429"}}], "broke"),
        ([chunk({"content": "a"}, "error")], "broke its answer off"),
        ([piece("{}", at, id=f"c{at}", name="f") for at in range(4097)], "more than 4096"),
    ],
)
def test_what_cannot_be_told_is_an_error(crossing: Crossing, chunks: list[JSON], said: str) -> None:
    """Rather than a guess."""
    with pytest.raises(ProviderError, match=said):
        sdks.streamed(crossing, [*chunks, chunk({}, "stop")])


def test_an_end_without_an_end_is_an_error(crossing: Crossing) -> None:
    """Neither a finish reason nor `[DONE]`."""
    stream = crossing.stream()
    stream.feed(chunk({"content": "a"}))
    with pytest.raises(UpstreamFailed):
        stream.end(done=False)
    assert b"message_stop" in stream.end(done=True)


@pytest.mark.parametrize("arguments", ["[1]", "{", "NaN", '"a"'])
def test_arguments_that_are_no_object(crossing: Crossing, arguments: str) -> None:
    """A whole answer with such a call is no answer, unless it was cut off."""
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    answer: JSON = {"choices": [{"message": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    with pytest.raises(UpstreamFailed):
        crossing.answer(answer)
    answer["choices"][0]["finish_reason"] = "length"
    assert json.loads(crossing.answer(answer))["content"][0]["input"] == {}


def test_arguments_keep_their_spelling(crossing: Crossing) -> None:
    """Numbers too: no bytes of an object are written anew."""
    arguments = '{ "n": 1.50, "big": 123456789012345678901234567890, "s": "\\u00e4" }'
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    told = {"choices": [{"message": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    assert arguments.encode() in crossing.answer(told)


def test_halves_of_characters_cross(crossing: Crossing) -> None:
    """Some upstreams cut an emoji between two chunks."""
    stream = sdks.streamed(
        crossing, [chunk({"content": "\ud83d"}), chunk({"content": "\ude00"}), chunk({}, "stop")]
    )
    texts = [
        event["delta"]["text"] for event in sdks.told_events(stream) if event["type"] == "content_block_delta"
    ]
    assert texts == ["\ud83d", "\ude00"]
