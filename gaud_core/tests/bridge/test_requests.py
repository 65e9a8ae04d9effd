"""What requests may hold and what they may not, for each bridge."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from gaud_core.bridge import bridge_to
from gaud_core.bridge.chat.names import Names
from gaud_core.bridge.chat.request import KNOWN_EXTRAS
from gaud_core.bridge.chat.thoughts import pack, unpack
from gaud_core.errors import BadRequest

from . import sdks

JSON = dict[str, Any]
BASES: dict[str, JSON] = {
    "messages": {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
    "responses": {"model": "m", "input": "Hi"},
}


def cross(endpoint: str, **more: Any) -> tuple[JSON, tuple[str, ...]]:
    """Take a request across, and give the chat and what was dropped."""
    bridge = bridge_to(endpoint, "chat/completions")
    crossing = bridge.cross({**BASES[endpoint], **more}, "req_1")
    return sdks.valid_chat(crossing.body), crossing.dropped


def said(*blocks: JSON, role: str = "user") -> JSON:
    """Messages of one turn."""
    return {"messages": [{"role": role, "content": list(blocks)}]}


def put(*parts: JSON) -> JSON:
    """Input of one message."""
    return {"input": [{"role": "user", "content": list(parts)}]}


DOCUMENT: JSON = {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}
REFUSED: list[tuple[str, JSON, str]] = [
    ("messages", {"messages": []}, "at least one"),
    ("messages", {"messages": [{"role": "robot", "content": "Hi"}]}, "a role `robot`"),
    ("messages", {"max_tokens": 1.5}, "`max_tokens` must be a whole number"),
    ("messages", said({"type": "text"}), "`messages[0].content[0].text` is missing"),
    ("messages", said({"type": "text", "text": 5}), "`messages[0].content[0].text` must be a string"),
    ("messages", said({"text": "Hi"}), "a block of the type ``"),
    ("messages", said("Hi"), "`messages[0].content[0]` must be an object"),  # type: ignore[arg-type]
    ("messages", said(DOCUMENT), "a document by `url`"),
    ("messages", said({"type": "image", "source": {"type": "file", "file_id": "f"}}), "an image by `file`"),
    ("messages", said({"type": "container_upload", "file_id": "f"}), "type `container_upload`"),
    ("messages", said({"type": "tool_use", "id": "t", "name": "f", "input": {}}), "only the model sends"),
    (
        "messages",
        said({"type": "image", "source": {"type": "url", "url": "x"}}, role="assistant"),
        "only users",
    ),
    (
        "messages",
        said({"type": "tool_use", "id": "t", "name": "f", "input": "{}"}, role="assistant"),
        "an object",
    ),
    ("messages", {"tools": [{"input_schema": {}}]}, "lacks its `name`"),
    ("messages", {"tool_choice": {"type": "any"}}, "asks for a tool"),
    ("messages", {"tool_choice": {"type": "tool", "name": "f"}}, "the tool `f`"),
    ("messages", {"tool_choice": {"type": "maybe"}, "tools": [{"name": "f"}]}, "unknown type `maybe`"),
    ("messages", {"output_config": {"format": {"type": "xml", "schema": {}}}}, "unknown type `xml`"),
    ("responses", {"input": []}, "must say something"),
    ("responses", {"input": [{"role": "robot", "content": "Hi"}]}, "unknown role `robot`"),
    ("responses", {"previous_response_id": "resp_1"}, "needs an upstream that remembers"),
    ("responses", {"conversation": "conv_1"}, "needs an upstream that remembers"),
    ("responses", {"prompt": {"id": "pmpt_1"}}, "needs an upstream that remembers"),
    ("responses", {"background": True}, "needs an upstream that remembers"),
    ("responses", {"input": [{"type": "item_reference", "id": "msg_1"}]}, "item_reference"),
    ("responses", {"input": [{"type": "compaction", "encrypted_content": "x"}]}, "compaction"),
    ("responses", put({"type": "input_image", "file_id": "f"}), "an image by its file id"),
    ("responses", put({"type": "input_file", "file_url": "https://example.com"}), "a file by its URL"),
    ("responses", put({"type": "input_video", "url": "x"}), "type `input_video`"),
    ("responses", put({"type": "refusal", "refusal": "No"}), "type `refusal`"),
    ("responses", {"tools": [{"type": "function"}]}, "lacks its `name`"),
    ("responses", {"tool_choice": "required", "tools": [{"type": "web_search"}]}, "asks for a tool"),
    ("responses", {"tool_choice": {"type": "web_search"}}, "type `web_search`"),
    ("responses", {"tool_choice": {"type": "function", "name": "f"}}, "the tool `f`"),
    ("responses", {"tool_choice": 5}, "wrong shape"),
    ("responses", {"text": {"format": {"type": "json_schema"}}}, "`text.format` must be"),
]


@pytest.mark.parametrize(("endpoint", "more", "words"), REFUSED)
def test_refused(endpoint: str, more: JSON, words: str) -> None:
    """With a sentence that says what it is; the answer would be about something else."""
    with pytest.raises(BadRequest) as refusal:
        cross(endpoint, **more)
    assert words in refusal.value.message
    assert refusal.value.http_status == 400


@pytest.mark.parametrize("endpoint", BASES)
def test_members_that_a_chat_knows_cross_as_they_are(endpoint: str) -> None:
    """Under the name that both have; the others are dropped by name, and null says nothing."""
    chat, dropped = cross(endpoint, seed=7, logit_bias={"5": 1}, x_unknown=[1], x_null=None)
    assert (chat["seed"], chat["logit_bias"]) == (7, {"5": 1})
    assert dropped == ("x_unknown",)


def test_what_is_carried_is_a_chats() -> None:
    """Every member that crosses unseen is one of Chat Completions."""
    assert CompletionCreateParamsBase.__annotations__.keys() >= KNOWN_EXTRAS


@pytest.mark.parametrize("endpoint", BASES)
def test_numbers_without_a_double_are_refused(endpoint: str) -> None:
    """JSON has them, a decoder makes infinity of them, and that is no JSON."""
    with pytest.raises(BadRequest, match="too large"):
        cross(endpoint, seed=float("inf"))


def test_numbers_in_a_call_as_well() -> None:
    """They would be in the text of its arguments."""
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": float("inf")}}
    with pytest.raises(BadRequest, match="too large"):
        cross("messages", **said(call, role="assistant"))


@pytest.mark.parametrize(
    ("told", "effort"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 8000}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 32000}}, "high"),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": {"type": "disabled"}}, None),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}, "output_config": {"effort": "max"}}, "max"),
    ],
)
def test_a_budget_becomes_an_effort(told: JSON, effort: str | None) -> None:
    """The one that comes nearest; what was said of the effort itself counts more."""
    assert cross("messages", **told)[0].get("reasoning_effort") == effort


def test_a_long_user_id_becomes_its_hash() -> None:
    """Upstreams take 64 characters; the same user stays the same user."""
    chats = [cross("messages", metadata={"user_id": "u" * 200})[0] for _ in range(2)]
    assert chats[0]["user"] == chats[1]["user"]
    assert len(chats[0]["user"]) == 64


def test_names_of_tools_fit_and_come_back() -> None:
    """64 characters, the same in every request, and each its own."""
    names, long = Names(), "mcp__" + "x" * 100
    there = names.there(long)
    assert there == Names().there(long)
    assert len(there) == 64
    assert names.here(there) == (long, None)
    assert names.there(long + "y") != there
    assert names.here(names.there("a.b")) == ("a.b", None)
    assert names.here(names.there("read", "files")) == ("read", "files")
    assert (names.there("plain"), names.here("plain")) == ("plain", ("plain", None))


@pytest.mark.parametrize("text", ["", "c2lnbmVk", "gaud1.", "gaud1.!!!", "gaud1.W10=", "gaud1.e30x"])
def test_a_signature_that_is_not_ours_is_left_alone(text: str) -> None:
    """Whatever it looks like."""
    assert unpack(text) is None


def test_what_is_packed_comes_out() -> None:
    """But only what upstreams are known to want back."""
    packed = pack("reasoning", {"reasoning_opaque": "x", "role": "system"})
    assert unpack(packed) == ("reasoning", {"reasoning_opaque": "x"})
    assert unpack(pack("role", {})) == ("reasoning_content", {})


def test_a_signed_call_gets_its_signature_back() -> None:
    """Gemini and others sign the call itself, and refuse it without."""
    bridge = bridge_to("messages", "chat/completions")
    function = {"name": "f", "arguments": "{}", "thought_signature": "c2ln"}
    call = {"id": "c1", "type": "function", "function": function, "extra_content": {"google": {"a": "b"}}}
    told = {"choices": [{"message": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    content = json.loads(bridge.cross(BASES["messages"], "req_1").answer(told))["content"]
    chat, _ = cross("messages", **said(*content, role="assistant"))
    assert chat["messages"][0]["tool_calls"] == [call]
