"""From OpenAI's request to Kiro's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaud_core import UpstreamRefused
from gaud_provider_kiro.objections import objections_to
from gaud_provider_kiro.to_kiro import Asked, Manner, ask_kiro

from .conversations import BODIES, PNG
from .rules import broken_rules

USER, ANSWER = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}
SYSTEM = {"role": "system", "content": "Be kind."}
LOOK = {
    "type": "function",
    "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}},
}


def call(id: str = "call_1", name: str = "look", arguments: str = '{"at":"it"}') -> dict[str, Any]:
    """A tool call."""
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def calling(*calls: dict[str, Any], content: str | None = None) -> dict[str, Any]:
    """An assistant's message that calls tools."""
    return {"role": "assistant", "content": content, "tool_calls": list(calls)}


def result(text: str = "seen", id: str = "call_1") -> dict[str, Any]:
    """A tool's message."""
    return {"role": "tool", "tool_call_id": id, "content": text}


def asked(*messages: dict[str, Any], manner: Manner | None = None, **more: Any) -> Asked:
    """Translate a request."""
    body = {"model": "m", "messages": list(messages), **more}
    return ask_kiro(body, manner or Manner("claude-sonnet-4.5"), ("c-test", "a-test"))


def state(*messages: dict[str, Any], **more: Any) -> Any:
    """The conversation as it is sent; it must be good."""
    sent = asked(*messages, **more)
    request = json.loads(sent.body)
    assert broken_rules(request, len(sent.body)) == []
    assert objections_to(sent.request, len(sent.body)) == []
    return request["conversationState"]


def current(*messages: dict[str, Any], **more: Any) -> Any:
    """The current message as it is sent."""
    return state(*messages, **more)["currentMessage"]["userInputMessage"]


def tools_of(message: Any) -> list[Any]:
    """The tools that are declared."""
    return [tool["toolSpecification"] for tool in message["userInputMessageContext"]["tools"]]


@settings(deadline=None)
@given(BODIES, st.sampled_from(["emulated", "native", "off"]))
def test_every_legal_conversation_becomes_a_good_request(body: dict[str, Any], thinking: str) -> None:
    """It breaks no rule of Kiro's, and our own check of it finds nothing."""
    sent = ask_kiro(body, Manner("claude-sonnet-4.5", thinking=thinking), ("c", "a"))
    assert broken_rules(json.loads(sent.body), len(sent.body)) == []
    assert objections_to(sent.request, len(sent.body)) == []


def test_the_plainest_request() -> None:
    """All that a call has."""
    assert json.loads(asked(USER).body) == {
        "conversationState": {
            "conversationId": "c-test",
            "chatTriggerType": "MANUAL",
            "agentTaskType": "vibe",
            "agentContinuationId": "a-test",
            "currentMessage": {
                "userInputMessage": {"content": "Hi", "modelId": "claude-sonnet-4.5", "origin": "AI_EDITOR"}
            },
        }
    }


def test_system_text_goes_before_the_first_user() -> None:
    """Also when that is in the history."""
    sent = state(SYSTEM, {"role": "developer", "content": "Be brief."}, USER, ANSWER, USER)
    assert sent["history"][0]["userInputMessage"]["content"] == "Be kind.\n\nBe brief.\n\nHi"
    assert sent["currentMessage"]["userInputMessage"]["content"] == "Hi"


def test_later_system_text_stays_where_it_is() -> None:
    """It is about what came before it."""
    assert current(USER, ANSWER, SYSTEM, USER)["content"] == "Be kind.\n\nHi"


def test_neighbours_of_one_side_are_merged() -> None:
    """Kiro wants the sides to take turns."""
    sent = state(USER, USER, ANSWER, ANSWER, USER)
    texts = [next(iter(entry.values()))["content"] for entry in sent["history"]]
    assert texts == ["Hi\n\nHi", "Hello\n\nHello"]


def test_an_assistant_first_and_last() -> None:
    """Fillers make the user speak first and last."""
    sent = state(ANSWER)
    assert [list(entry) for entry in sent["history"]] == [["userInputMessage"], ["assistantResponseMessage"]]
    assert sent["currentMessage"]["userInputMessage"]["content"] == "Continue"


def test_tool_calls_and_results() -> None:
    """Uses are objects, results follow in the order of the uses."""
    second = call("call_2", arguments="")
    sent = state(USER, calling(call(), second), result("two", "call_2"), result("one"), tools=[LOOK])
    uses = sent["history"][1]["assistantResponseMessage"]["toolUses"]
    assert uses == [
        {"toolUseId": "call_1", "name": "look", "input": {"at": "it"}},
        {"toolUseId": "call_2", "name": "look", "input": {}},
    ]
    message = sent["currentMessage"]["userInputMessage"]
    results = message["userInputMessageContext"]["toolResults"]
    assert [(each["toolUseId"], each["content"]) for each in results] == [
        ("call_1", [{"text": "one"}]),
        ("call_2", [{"text": "two"}]),
    ]
    assert message["content"] == "Tool results provided."


def test_a_call_without_a_result_gets_one() -> None:
    """It says that there is none."""
    results = current(USER, calling(call()), USER, tools=[LOOK])["userInputMessageContext"]["toolResults"]
    assert [(each["status"], each["content"][0]["text"]) for each in results] == [
        ("error", "There is no result of this tool.")
    ]


def test_a_result_without_a_call_becomes_text() -> None:
    """Nothing of it is lost."""
    message = current(USER, ANSWER, result("lonely"), tools=[LOOK])
    assert "lonely" in message["content"]
    assert "toolResults" not in message["userInputMessageContext"]


def test_an_id_that_comes_again_gets_another_one() -> None:
    """Some clients count from 1 in each turn."""
    sent = state(USER, calling(call()), result("a"), calling(call()), result("b"), tools=[LOOK])
    first, second = (entry["assistantResponseMessage"]["toolUses"][0] for entry in sent["history"][1::2])
    assert first["toolUseId"] != second["toolUseId"]
    answers = sent["currentMessage"]["userInputMessage"]["userInputMessageContext"]["toolResults"]
    assert (answers[0]["toolUseId"], answers[0]["content"]) == (second["toolUseId"], [{"text": "b"}])


def test_two_results_of_one_call_are_one() -> None:
    """Kiro takes one."""
    results = current(USER, calling(call()), result("a"), result("b"), tools=[LOOK])
    assert results["userInputMessageContext"]["toolResults"][0]["content"] == [{"text": "a\n\nb"}]


@pytest.mark.parametrize("more", [{}, {"tools": [LOOK], "tool_choice": "none"}])
def test_without_tools_their_traffic_becomes_text(more: dict[str, Any]) -> None:
    """Kiro refuses results without tools; what was said is said in words."""
    sent = state(USER, calling(call()), result(), **more)
    text = sent["history"][1]["assistantResponseMessage"]["content"]
    assert text == '[Used the tool look with {"at": "it"}]'
    assert sent["currentMessage"]["userInputMessage"]["content"] == "[The tool's result]\nseen"


def test_a_tool_that_is_gone_is_declared() -> None:
    """Kiro wants every tool that was used."""
    message = current(USER, calling(call(name="gone")), result(), tools=[LOOK])
    assert [tool["name"] for tool in tools_of(message)] == ["look", "gone"]


def test_arguments_that_are_no_object_are_kept() -> None:
    """An answer that was cut leaves such."""
    sent = state(USER, calling(call(arguments='{"half')), result(), tools=[LOOK])
    assert sent["history"][1]["assistantResponseMessage"]["toolUses"][0]["input"] == {"arguments": '{"half'}


def test_long_and_odd_names_come_back() -> None:
    """Kiro gets a name that it takes; the client gets his own."""
    names = ["x" * 65, "x" * 66, "mcp.server/tool", "Look", "look", "9to5"]
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    box = asked(USER, tools=tools).toolbox
    sent = [tool.tool_specification.name for tool in box.tools]
    assert len({name.lower() for name in sent}) == len(names)
    assert [box.own_name(name) for name in sent] == names
    assert [box.own_name(name.upper()) for name in sent] == names
    assert box.own_name("made_up") == "made_up"


def test_a_long_description_goes_to_the_instructions() -> None:
    """Whole, and the tool says where."""
    text = "é" * 9000
    tool = {"type": "function", "function": {"name": "look", "description": text}}
    message = current(USER, tools=[tool])
    (declared,) = tools_of(message)
    assert "in the instructions" in declared["description"]
    assert message["content"] == f"## Tool: look\n\n{text}\n\nHi"


def test_schemas_lose_what_kiro_refuses_and_nothing_else() -> None:
    """A property may have the name of a member."""
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": [],
        "properties": {
            "required": {"type": ["string", "null"], "default": None},
            "additionalProperties": {"type": "array", "items": {"type": "object", "required": []}},
            "either": {"type": ["string", "integer"], "anyOf": [{"minLength": 1}]},
            "one": {"type": ["string"], "enum": ["additionalProperties"]},
        },
    }
    tool = {"type": "function", "function": {"name": "look", "parameters": schema}}
    (declared,) = tools_of(current(USER, tools=[tool]))
    assert declared["inputSchema"]["json"] == {
        "type": "object",
        "properties": {
            "required": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "additionalProperties": {"type": "array", "items": {"type": "object"}},
            "either": {
                "anyOf": [{"minLength": 1}],
                "allOf": [{"anyOf": [{"type": "string"}, {"type": "integer"}]}],
            },
            "one": {"type": "string", "enum": ["additionalProperties"]},
        },
    }


def test_images() -> None:
    """They go beside the text, from users and from tools."""
    image = {"type": "image_url", "image_url": {"url": PNG}}
    message = current(USER, calling(call()), {**result(), "content": [image]}, tools=[LOOK])
    assert message["images"] == [{"format": "png", "source": {"bytes": "iVBORw0KGgo="}}]
    assert current({"role": "user", "content": [image]})["content"] == "(empty)"


@pytest.mark.parametrize(
    ("effort", "said"),
    [
        (
            "low",
            "<thinking_mode>enabled</thinking_mode><max_thinking_length>4000</max_thinking_length>\n\nHi",
        ),
        ("none", "Hi"),
    ],
)
def test_thinking_that_is_emulated(effort: str, said: str) -> None:
    """It is asked for in words."""
    assert current(USER, reasoning_effort=effort)["content"] == said


def test_an_earlier_thought_goes_back_as_it_was_written() -> None:
    """A model that thinks in tags wants to see them."""
    thought = {**ANSWER, "reasoning_content": "hm"}
    sent = state(USER, thought, USER, reasoning_effort="low")
    assert sent["history"][1]["assistantResponseMessage"]["content"] == "<thinking>hm</thinking>\n\nHello"


def test_thinking_that_is_native() -> None:
    """It is asked for in a member, and goes back with its signature, or not at all."""
    native = Manner("m", thinking="native")
    blocks = [{"type": "thinking", "thinking": "hm", "signature": "c2ln"}]
    signed, unsigned = {**ANSWER, "thinking_blocks": blocks}, {**ANSWER, "reasoning_content": "hm"}
    request = json.loads(
        asked(USER, signed, USER, unsigned, USER, manner=native, reasoning_effort="high").body
    )
    assert request["additionalModelRequestFields"] == {
        "thinking": {"type": "enabled", "budget_tokens": 32000}
    }
    answers = [entry["assistantResponseMessage"] for entry in request["conversationState"]["history"][1::2]]
    assert answers == [
        {"content": "Hello", "reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}},
        {"content": "Hello"},
    ]


def test_the_profile() -> None:
    """It is there if there is one."""
    assert (
        json.loads(asked(USER, manner=Manner("m", profile_arn="arn:test")).body)["profileArn"] == "arn:test"
    )


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no messages": ({"messages": []}, "`messages` must be a list"),
    "a message that is none": ({"messages": ["Hi"]}, "`messages[0]` must be an object"),
    "no role": ({"messages": [{"content": "Hi"}]}, "`messages[0]"),
    "a role": (
        {"messages": [{"role": "judge", "content": "Hi"}]},
        "`messages[0]` has a `role` that is none of",
    ),
    "a tool without id": ({"messages": [{"role": "tool", "content": "x"}]}, "`tool_call_id`"),
    "content": ({"messages": [{"role": "user", "content": 7}]}, "`messages[0].content` must be text"),
    "a part": (
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
        '`messages[0].content[0]` is a part that this provider does not take ("input_audio")',
    ),
    "a web image": (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "https://x/y.png"}]}]},
        "Kiro fetches none from the web",
    ),
    "a format": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": "data:image/bmp;base64,AA=="}],
                }
            ]
        },
        "Kiro takes no other format",
    ),
    "no base64": (
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": "data:image/png;base64,?"}]}
            ]
        },
        "no base64",
    ),
    "a call without function": (
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "x"}]}]},
        "`messages[0].tool_calls[0].function` is missing",
    ),
    "functions": ({"functions": [{"name": "f"}]}, "use `tools`"),
    "two answers": ({"n": 2}, "leave `n` out"),
    "another tool": ({"tools": [{"type": "web_search"}]}, "`tools[0]` is of another type"),
    "a tool without a name": (
        {"tools": [{"type": "function", "function": {}}]},
        "`tools[0].function.name` is missing",
    ),
    "tools": ({"tools": "look"}, "`tools` must be a list"),
    "stop": ({"stop": [7]}, "`stop` must be"),
    "max_tokens": ({"max_tokens": 0}, "`max_tokens` must be a whole number"),
}


@pytest.mark.parametrize(("spoiled", "words"), REFUSED.values(), ids=list(REFUSED))
def test_what_cannot_be_said_is_refused(spoiled: dict[str, Any], words: str) -> None:
    """With 400, and the place is named."""
    with pytest.raises(UpstreamRefused) as refused:
        ask_kiro({"messages": [USER], **spoiled}, Manner("m"), ("c", "a"))
    assert refused.value.http_status == 400
    assert words in str(refused.value)


def test_a_schema_that_is_too_deep() -> None:
    """It is refused, and no crash."""
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(600):
        schema = {"type": "object", "properties": {"a": schema}}
    tool = {"type": "function", "function": {"name": "look", "parameters": schema}}
    with pytest.raises(UpstreamRefused, match="too deeply"):
        asked(USER, tools=[tool])


def test_a_large_request_is_known_to_be_too_large() -> None:
    """Kiro would only say that it is improperly formed."""
    sent = asked({"role": "user", "content": "x" * 1_300_000})
    assert any("larger than" in found for found in objections_to(sent.request, len(sent.body)))
