"""One of everything that a request of OpenAI's Responses may hold."""

from __future__ import annotations

from typing import Any

from .bridge_sample import JSON, Sample

__all__ = ["FIELDS", "ITEMS"]

_SCHEMA: JSON = {"type": "json_schema", "schema": {"type": "object"}}
_FUNCTION: JSON = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}

FIELDS = (
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

ITEMS = (
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
