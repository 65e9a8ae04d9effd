"""One of everything that a request in each dialect may hold, for the tables of what crosses a bridge."""

from __future__ import annotations

from typing import Any

import attrs

__all__ = ["FINISHES", "SAMPLES", "Sample"]

JSON = dict[str, Any]


@attrs.frozen
class Sample:
    """Something in a request: what it is called, what is sent, how it crosses, and what then arrives."""

    name: str
    asked: JSON
    how: str = ""
    arrives: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """Its name, as code unless that is words."""
        return self.name if " " in self.name else f"`{self.name}`"


_TOOL: JSON = {"name": "f", "description": "Does.", "input_schema": {"type": "object"}}
_PNG: JSON = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
_SCHEMA: JSON = {"type": "json_schema", "schema": {"type": "object"}}


def _said(*blocks: JSON, role: str = "user") -> JSON:
    return {"messages": [{"role": role, "content": list(blocks)}]}


def _image(source: JSON) -> JSON:
    return _said({"type": "image", "source": source})


def _document(source: JSON, **more: Any) -> JSON:
    return _said({"type": "document", "source": source, **more})


def _result(content: Any, **more: Any) -> JSON:
    return _said({"type": "tool_result", "tool_use_id": "t1", "content": content, **more})


_MESSAGES_FIELDS = (
    Sample("model", {}, "under the name that the provider knows"),
    Sample("messages", {}, "tool results first, then what else the user says", ('"Hi"',)),
    Sample("max_tokens", {}, "as `max_completion_tokens`", ('"max_completion_tokens": 9',)),
    Sample("system", {"system": "Be kind."}, "as a message of the role `system`", ('"system"',)),
    Sample("temperature", {"temperature": 0.5}, "as it is", ('"temperature": 0.5',)),
    Sample("top_p", {"top_p": 0.5}, "as it is", ('"top_p": 0.5',)),
    Sample("top_k", {"top_k": 5}, "chats have no such thing"),
    Sample("stop_sequences", {"stop_sequences": ["END"]}, "as `stop`; some upstreams take 4", ('"stop"',)),
    Sample("stream", {"stream": True}, "as it is; Gaud also asks for the usage", ('"stream": true',)),
    Sample("tools", {"tools": [_TOOL]}, "as functions", ('"parameters"',)),
    Sample(
        "tool_choice",
        {"tools": [_TOOL], "tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
        "`any` is `required`; `disable_parallel_tool_use` is `parallel_tool_calls: false`",
        ('"required"', '"parallel_tool_calls": false'),
    ),
    Sample(
        "thinking",
        {"thinking": {"type": "enabled", "budget_tokens": 8000}},
        "as `reasoning_effort`: below 4,096 tokens `low`, below 16,384 `medium`, else `high`; `adaptive` and "
        "`disabled` ask for nothing",
        ('"reasoning_effort": "medium"',),
    ),
    Sample(
        "output_config",
        {"output_config": {"effort": "max", "format": _SCHEMA}},
        "`effort` as `reasoning_effort`, `format` as `response_format`; the older `output_format` as well",
        ('"reasoning_effort": "max"', '"json_schema"'),
    ),
    Sample(
        "metadata",
        {"metadata": {"user_id": "u-1"}},
        "`user_id` as `user`; one of more than 64 characters as its hash",
        ('"user": "u-1"',),
    ),
    Sample("service_tier", {"service_tier": "standard_only"}, "`standard_only` is `default`", ('"default"',)),
    Sample("cache_control", {"cache_control": {"type": "ephemeral"}}, "here and on every block and tool"),
    Sample("container", {"container": "c1"}, "belongs to Anthropic's own tools"),
    Sample("inference_geo", {"inference_geo": "eu"}),
    Sample("speed", {"speed": "fast"}),
    Sample("diagnostics", {"diagnostics": {}}),
    Sample("user_profile_id", {"user_profile_id": "p1"}),
    Sample("workspace_id", {"workspace_id": "w1"}),
    Sample("mcp_servers", {"mcp_servers": []}, "nobody there would call them"),
    Sample("context_management", {"context_management": {}}),
    Sample("members that chats know", {"seed": 7}, "`seed`, `logit_bias` and such, as they are", ('"seed"',)),
    Sample("other members", {"x_unknown": 1}),
)

_MESSAGES_CONTENT = (
    Sample("text", _said({"type": "text", "text": "Hi"}), "", ('"Hi"',)),
    Sample("image by base64", _image(_PNG), "as a data URL", ("data:image/png;base64",)),
    Sample(
        "image by URL", _image({"type": "url", "url": "https://example.com/a.png"}), "", ("https://example",)
    ),
    Sample("image by file id", _image({"type": "file", "file_id": "f1"}), "send it as base64 or by URL"),
    Sample(
        "PDF by base64",
        _document({"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}, title="a.pdf"),
        "as a `file` part; the title is its name",
        ('"filename": "a.pdf"',),
    ),
    Sample(
        "document of text",
        _document({"type": "text", "media_type": "text/plain", "data": "Cats."}, title="Notes"),
        "as text; the title stands before it",
        ("Notes", "Cats."),
    ),
    Sample(
        "document by URL", _document({"type": "url", "url": "https://example.com/a.pdf"}), "send its data"
    ),
    Sample(
        "a document's `context`",
        _document({"type": "text", "media_type": "text/plain", "data": "Cats."}, context="mine"),
    ),
    Sample(
        "a document's `citations`",
        _document({"type": "text", "media_type": "text/plain", "data": "Cats."}, citations={"enabled": True}),
    ),
    Sample(
        "search_result",
        _said(
            {
                "type": "search_result",
                "source": "https://example.com",
                "title": "Cats",
                "content": [{"type": "text", "text": "They purr."}],
            }
        ),
        "as text, its title and source before it",
        ("Cats", "They purr."),
    ),
    Sample(
        "tool_use",
        _said({"type": "tool_use", "id": "t1", "name": "f", "input": {}}, role="assistant"),
        "a name that is longer than 64 characters is shortened there and whole again in the answer",
        ('"tool_calls"',),
    ),
    Sample("tool_result of text", _result("42"), "as a message of the role `tool`", ('"tool"',)),
    Sample(
        "tool_result with images",
        _result([{"type": "image", "source": _PNG}]),
        "the images follow in a user's message: tools have only text in a chat",
        ("data:image/png;base64", "of the result of tool call t1"),
    ),
    Sample("tool_result that `is_error`", _result("No.", is_error=True), "as `Error: …`", ("Error: No.",)),
    Sample(
        "thinking block",
        _said({"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}, role="assistant"),
        "as the upstream's own members for reasoning, with what it wanted back; see below",
        ('"reasoning_content": "Hm."', '"signature": "c2ln"'),
    ),
    Sample(
        "redacted_thinking",
        _said({"type": "redacted_thinking", "data": "aGlk"}, role="assistant"),
        "likewise",
        ("aGlk",),
    ),
    Sample(
        "Anthropic's own tools",
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        "nobody there can run them; `x-gaud-dropped` has their type",
    ),
    Sample(
        "what they did earlier",
        _said({"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}, role="assistant"),
    ),
    Sample("other blocks of a user's", _said({"type": "container_upload", "file_id": "f1"})),
)

_FUNCTION: JSON = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}

_RESPONSES_FIELDS = (
    Sample("model", {}, "under the name that the provider knows"),
    Sample("input", {}, "text, or items: see below", ('"Hi"',)),
    Sample(
        "instructions", {"instructions": "Be kind."}, "as the first message, role `system`", ("Be kind.",)
    ),
    Sample("max_output_tokens", {"max_output_tokens": 9}, "as `max_completion_tokens`", ("completion_tok",)),
    Sample("temperature", {"temperature": 0.5}, "as it is", ('"temperature": 0.5',)),
    Sample("top_p", {"top_p": 0.5}, "as it is", ('"top_p": 0.5',)),
    Sample("top_logprobs", {"top_logprobs": 2}, "with `logprobs: true`", ('"logprobs": true',)),
    Sample("stream", {"stream": True}, "as it is; Gaud also asks for the usage", ('"stream": true',)),
    Sample(
        "stream_options", {"stream_options": {"include_obfuscation": False}}, "as it is", ("obfuscation",)
    ),
    Sample("tools", {"tools": [_FUNCTION]}, "functions, custom tools, and both in namespaces", ('"f"',)),
    Sample(
        "tool_choice",
        {"tools": [_FUNCTION], "tool_choice": {"type": "function", "name": "f"}},
        "`allowed_tools` too; one that asks for a tool that was dropped is refused",
        ('"tool_choice": {"type": "function", "function": {"name": "f"}}',),
    ),
    Sample(
        "parallel_tool_calls",
        {"tools": [_FUNCTION], "parallel_tool_calls": False},
        "as it is",
        ('"parallel_tool_calls": false',),
    ),
    Sample(
        "text",
        {"text": {"verbosity": "low", "format": {**_SCHEMA, "name": "n"}}},
        "`format` as `response_format`, `verbosity` as it is",
        ('"verbosity": "low"', '"json_schema"'),
    ),
    Sample(
        "reasoning",
        {"reasoning": {"effort": "high"}},
        "`effort` as `reasoning_effort`; `summary` and the rest are dropped",
        ('"reasoning_effort": "high"',),
    ),
    Sample(
        "include",
        {"include": ["reasoning.encrypted_content", "message.output_text.logprobs"]},
        "`reasoning.encrypted_content` and `message.output_text.logprobs`; others are dropped",
        ('"logprobs": true',),
    ),
    Sample("metadata", {"metadata": {"a": "b"}}, "as it is", ('"a": "b"',)),
    Sample("user", {"user": "u-1"}, "one of more than 64 characters as its hash", ('"user": "u-1"',)),
    Sample("safety_identifier", {"safety_identifier": "s"}, "as it is", ("safety_identifier",)),
    Sample("prompt_cache_key", {"prompt_cache_key": "k"}, "as it is", ("prompt_cache_key",)),
    Sample("prompt_cache_options", {"prompt_cache_options": {}}, "as it is", ("prompt_cache_options",)),
    Sample(
        "prompt_cache_retention", {"prompt_cache_retention": "24h"}, "as it is", ("prompt_cache_retention",)
    ),
    Sample("service_tier", {"service_tier": "flex"}, "as it is", ('"flex"',)),
    Sample("moderation", {"moderation": {"model": "x"}}, "as it is", ("moderation",)),
    Sample("store", {"store": True}, "nobody there would keep it; `false` says nothing"),
    Sample("truncation", {"truncation": "auto"}, "`disabled` says nothing"),
    Sample("max_tool_calls", {"max_tool_calls": 3}, "is about OpenAI's own tools"),
    Sample("context_management", {"context_management": []}),
    Sample("access_programs", {"access_programs": []}),
    Sample("background_options", {"background_options": {}}),
    Sample("image", {"image": {}}),
    Sample("previous_response_id", {"previous_response_id": "r"}, "needs an upstream that remembers"),
    Sample("conversation", {"conversation": "c"}, "needs an upstream that remembers"),
    Sample("prompt", {"prompt": {"id": "p"}}, "needs an upstream that remembers"),
    Sample("background", {"background": True}, "needs an upstream that remembers; `false` says nothing"),
    Sample("members that chats know", {"seed": 7}, "`seed`, `stop` and such, as they are", ('"seed"',)),
    Sample("other members", {"x_unknown": 1}),
)


def _put(*parts: JSON) -> JSON:
    return {"input": [{"role": "user", "content": list(parts)}]}


def _item(**item: Any) -> JSON:
    return {"input": [item, {"role": "user", "content": "Hi"}]}


_CALLED: JSON = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
_CUSTOM: JSON = {"type": "custom_tool_call", "call_id": "c1", "name": "f", "input": "x"}

_RESPONSES_ITEMS = (
    Sample("message of a user", _put({"type": "input_text", "text": "Hello"}), "", ("Hello",)),
    Sample("message of a developer", _item(role="developer", content="Brief."), "as `system`", ('"system"',)),
    Sample(
        "message of the assistant",
        _item(role="assistant", content=[{"type": "output_text", "text": "Yes."}]),
        "with calls that follow as one message; refusals too",
        ("Yes.",),
    ),
    Sample(
        "input_image by URL",
        _put({"type": "input_image", "image_url": "https://example.com/a.png", "detail": "low"}),
        "`detail` too",
        ('"detail": "low"',),
    ),
    Sample("input_image by file id", _put({"type": "input_image", "file_id": "f1"}), "send it by URL"),
    Sample(
        "input_file by data or id",
        _put({"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}),
        "",
        ("a.pdf",),
    ),
    Sample(
        "input_file by URL", _put({"type": "input_file", "file_url": "https://example.com"}), "send its data"
    ),
    Sample(
        "input_audio",
        _put({"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}),
        "",
        ("wav",),
    ),
    Sample("function_call", _item(**_CALLED), "a name that is too long is shortened there", ('"c1"',)),
    Sample("custom_tool_call", _item(**_CUSTOM), "as a call of a custom tool", ('"custom"',)),
    Sample(
        "their outputs",
        {"input": [_CALLED, {"type": "function_call_output", "call_id": "c1", "output": "42"}]},
        "as messages of the role `tool`; images and files follow in a user's message",
        ('"tool_call_id": "c1"',),
    ),
    Sample(
        "reasoning",
        _item(type="reasoning", summary=[{"type": "summary_text", "text": "Hm."}]),
        "as the upstream's own members for reasoning, with what it wanted back; see below",
        ('"reasoning_content": "Hm."',),
    ),
    Sample(
        "`encrypted_content` of another upstream",
        _item(type="reasoning", summary=[], encrypted_content="x"),
        "only who made it can read it",
    ),
    Sample(
        "additional_tools",
        _item(type="additional_tools", role="developer", tools=[_FUNCTION]),
        "as tools from the beginning on",
        ('"f"',),
    ),
    Sample("item_reference", _item(type="item_reference", id="msg_1"), "send the item itself"),
    Sample("compaction", _item(type="compaction", encrypted_content="x"), "only who made it can read it"),
    Sample(
        "OpenAI's own tools",
        {"tools": [{"type": "web_search"}]},
        "nobody there can run them; `x-gaud-dropped` has their type",
    ),
    Sample("what they did earlier", _item(type="web_search_call", id="w1", status="completed")),
)

SAMPLES = {
    ("messages", "field"): _MESSAGES_FIELDS,
    ("messages", "content"): _MESSAGES_CONTENT,
    ("responses", "field"): _RESPONSES_FIELDS,
    ("responses", "item"): _RESPONSES_ITEMS,
}

_CALL: JSON = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}

FINISHES: dict[str, JSON] = {
    "`stop`": {"finish_reason": "stop", "message": {"content": "Hi"}},
    "`stop`, and the sequence is told": {
        "finish_reason": "stop",
        "stop_reason": "END",
        "message": {"content": "Hi"},
    },
    "`stop` with a `refusal`": {"finish_reason": "stop", "message": {"refusal": "No."}},
    "`length`": {"finish_reason": "length", "message": {"content": "Hi"}},
    "`tool_calls`": {"finish_reason": "tool_calls", "message": {"tool_calls": [_CALL]}},
    "`function_call`": {
        "finish_reason": "function_call",
        "message": {"function_call": {"name": "f", "arguments": "{}"}},
    },
    "`content_filter`": {"finish_reason": "content_filter", "message": {"content": "Hi"}},
    "another word": {"finish_reason": "eos", "message": {"content": "Hi"}},
}
