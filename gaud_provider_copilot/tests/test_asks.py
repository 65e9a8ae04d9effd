"""Requests of the endpoints that the gateway does not bridge: who began the turn, images, lists."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaud_core import Body, Call
from gaud_provider_copilot.asks import Ask, ask_of

FAST = settings(max_examples=100, deadline=None)
WANTING = ("gpt-5*",)

SAID: dict[str, Any] = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "seen"}
REASONING = {"type": "reasoning", "encrypted_content": "b3BhcXVl", "summary": []}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "seen"}
SHOWN = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "image", "source": {}}]}
TEXT = {"type": "text", "text": "Hi"}


def _ask(endpoint: str, rule: Literal["last", "any"] = "last", **fields: Any) -> Ask:
    body = Body.parse(json.dumps({"model": "gpt-5", **fields}).encode())
    return ask_of(Call("call-test", endpoint, body.model, body), rule, WANTING)


@pytest.mark.parametrize(
    ("given", "last", "any_rule"),
    [
        pytest.param("Hi", "user", "user", id="a text"),
        pytest.param([SAID], "user", "user", id="first"),
        pytest.param([SAID, REASONING, OUTPUT], "agent", "agent", id="tool result"),
        pytest.param(
            [SAID, {"role": "assistant", "content": "Hello"}, SAID], "user", "agent", id="second turn"
        ),
        pytest.param([SAID, REASONING, SAID], "user", "agent", id="after reasoning"),
    ],
)
def test_who_began_a_turn_of_responses(given: Any, last: str, any_rule: str) -> None:
    """The last item decides, unless the rule is another one."""
    assert _ask("responses", input=given).initiator == last
    assert _ask("responses", "any", input=given).initiator == any_rule


@pytest.mark.parametrize(
    ("messages", "last", "any_rule"),
    [
        pytest.param([{"role": "user", "content": "Hi"}], "user", "user", id="a text"),
        pytest.param([{"role": "user", "content": [RESULT]}], "agent", "agent", id="tool result"),
        pytest.param([{"role": "user", "content": [RESULT, TEXT]}], "user", "user", id="result and text"),
        pytest.param([{"role": "user", "content": []}], "user", "user", id="nothing"),
        pytest.param(
            [{"role": "assistant", "content": "Hello"}, {"role": "user", "content": [TEXT]}],
            "user",
            "agent",
            id="second turn",
        ),
        pytest.param([{"role": "assistant", "content": [TEXT]}], "agent", "agent", id="to be continued"),
    ],
)
def test_who_began_a_turn_of_messages(messages: Any, last: str, any_rule: str) -> None:
    """A result of a tool is no turn of a person, though Anthropic calls it the user's."""
    assert _ask("messages", messages=messages).initiator == last
    assert _ask("messages", "any", messages=messages).initiator == any_rule


REMINDER = "<system-reminder>Be kind.</system-reminder>"


@pytest.mark.parametrize(
    ("endpoint", "content", "initiator"),
    [
        pytest.param("messages", [RESULT, {"type": "text", "text": REMINDER}], "agent", id="beside a result"),
        pytest.param(
            "messages", [{"type": "text", "text": REMINDER}, TEXT], "user", id="beside a person's words"
        ),
        pytest.param("chat/completions", REMINDER, "agent", id="behind a tool's message"),
        pytest.param("chat/completions", f"Hi. {REMINDER}", "user", id="after a person's words"),
        pytest.param("chat/completions", [{"type": "text", "text": REMINDER}], "agent", id="in parts"),
    ],
)
def test_reminders_are_no_persons(endpoint: str, content: Any, initiator: str) -> None:
    """Programs put them into the user's mouth in each turn of a tool loop, which no person began."""
    assert _ask(endpoint, messages=[{"role": "user", "content": content}]).initiator == initiator


def test_reasoning_goes_back_and_all_else_stays() -> None:
    """Only the assistant's member changes its name: numbers keep their spelling, tools their properties."""
    raw = (
        b'{"model":"m","messages":[{"role":"assistant","reasoning_content":"a","x":1.50,"n":1e400},'
        b'{"role":"assistant","reasoning_content":null},{"role":"user","content":"reasoning_content"}],'
        b'"tools":[{"properties":{"reasoning_content":{}}}],"top_p":1.0}'
    )
    told = ask_of(Call("c", "chat/completions", "m", Body.parse(raw)), "last", ()).body.raw
    assert told == (
        b'{"model":"m","messages":[{"role":"assistant","x":1.50,"n":1e400,"reasoning_text":"a"},'
        b'{"role":"assistant"},{"role":"user","content":"reasoning_content"}],'
        b'"tools":[{"properties":{"reasoning_content":{}}}],"top_p":1.0}'
    )


def test_any_message_of_an_agent() -> None:
    """The other rule: one answer or tool result anywhere makes the rest an agent's."""
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "?"}, {"role": "user"}]
    assert _ask("chat/completions", "any", messages=messages).initiator == "agent"
    assert _ask("chat/completions", "any", messages=messages[:1]).initiator == "user"


def test_images_of_other_endpoints() -> None:
    """Under their names there, and in results of tools."""
    image = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}
    assert _ask("responses", input=[{**SAID, "content": [image]}]).has_images
    assert _ask("responses", input=[{**OUTPUT, "output": [image]}]).has_images
    assert _ask("messages", messages=[{"role": "user", "content": [SHOWN]}]).has_images
    assert not _ask("messages", messages=[{"role": "user", "content": "an image"}]).has_images


def test_what_copilot_takes_in_no_other_way() -> None:
    """Responses know no service tier; embeddings take a list; all else stays byte for byte."""
    assert b'"service_tier": null' in _ask("responses", input="Hi", service_tier="auto").body.raw
    assert json.loads(_ask("embeddings", input="Hi").body.raw)["input"] == ["Hi"]
    listed = _ask("embeddings", input=["Hi"])
    assert listed.body.raw == b'{"model": "gpt-5", "input": ["Hi"]}'
    plain = Body.parse(b'{ "model":"m","messages":[],"x":1e0 }')
    assert ask_of(Call("c", "chat/completions", "m", plain), "last", WANTING).body.raw == plain.raw


def test_lone_surrogates_are_read_all_the_same() -> None:
    """Half a character somewhere in the text changes nothing about who speaks."""
    raw = b'{"model":"m","messages":[{"role":"user","content":"\\ud800"},{"role":"tool","content":"x"}]}'
    body = Body.parse(raw)
    assert ask_of(Call("c", "chat/completions", "m", body), "last", ()).initiator == "agent"


ODD = st.recursive(
    st.none() | st.integers() | st.sampled_from(["user", "assistant", "tool_result", "image_url", "image"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "type", "output", "reasoning_content"]), inner)
    ),
    max_leaves=12,
)


@FAST
@given(st.sampled_from(["chat/completions", "responses", "messages", "embeddings"]), ODD)
def test_requests_of_any_shape(endpoint: str, value: Any) -> None:
    """A request that only Copilot can judge gets there, with one of the two initiators."""
    ask = _ask(endpoint, messages=value, input=value)
    assert ask.initiator in {"user", "agent"}
    assert json.loads(ask.body.raw)["model"] == "gpt-5"
