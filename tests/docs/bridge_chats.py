"""One of everything that a request of Chat Completions may hold, and every way in which an answer ends."""

from __future__ import annotations

from typing import Any

from .bridge_sample import JSON, Sample

__all__ = ["FIELDS", "FINISHES", "MESSAGES"]

_CALL: JSON = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
_CHAT_TOOL: JSON = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def _chat(**message: Any) -> JSON:
    return {"messages": [{"role": "user", "content": "Hi"}, message]}


FIELDS = (
    Sample("model", {}, "under the name that the provider knows"),
    Sample("messages", {}, "as items of `input`", ('"input"',)),
    Sample("max_completion_tokens", {"max_completion_tokens": 9}, "as `max_output_tokens`", ("max_output",)),
    Sample("max_tokens", {"max_tokens": 9}, "as `max_output_tokens`", ("max_output_tokens",)),
    Sample("temperature", {"temperature": 0.5}, "as it is", ('"temperature": 0.5',)),
    Sample("top_p", {"top_p": 0.5}, "as it is", ('"top_p": 0.5',)),
    Sample("stream", {"stream": True}, "as it is", ('"stream": true',)),
    Sample(
        "stream_options", {"stream_options": {"include_usage": True}}, "a response always tells its usage"
    ),
    Sample("tools", {"tools": [_CHAT_TOOL]}, "functions and custom tools", ('"name": "f"',)),
    Sample(
        "tool_choice",
        {"tools": [_CHAT_TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
        "`allowed_tools` too",
        ('"tool_choice": {"type": "function", "name": "f"}',),
    ),
    Sample("parallel_tool_calls", {"parallel_tool_calls": False}, "as it is", ("parallel_tool_calls",)),
    Sample(
        "response_format",
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}},
        "as `text.format`",
        ('"format"',),
    ),
    Sample("verbosity", {"verbosity": "low"}, "as `text.verbosity`", ('"verbosity"',)),
    Sample("reasoning_effort", {"reasoning_effort": "high"}, "as `reasoning.effort`", ('"effort": "high"',)),
    Sample("logprobs", {"logprobs": True}, "by `include`", ("output_text.logprobs",)),
    Sample("top_logprobs", {"logprobs": True, "top_logprobs": 2}, "as it is", ("top_logprobs",)),
    Sample("metadata", {"metadata": {"a": "b"}}, "as it is", ('"a": "b"',)),
    Sample("user", {"user": "u-1"}, "as it is", ('"user": "u-1"',)),
    Sample("safety_identifier", {"safety_identifier": "s"}, "as it is", ("safety_identifier",)),
    Sample("prompt_cache_key", {"prompt_cache_key": "k"}, "as it is", ("prompt_cache_key",)),
    Sample("prompt_cache_options", {"prompt_cache_options": {}}, "as it is", ("prompt_cache_options",)),
    Sample("prompt_cache_retention", {"prompt_cache_retention": "24h"}, "as it is", ("cache_retention",)),
    Sample("service_tier", {"service_tier": "flex"}, "as it is", ('"flex"',)),
    Sample("moderation", {"moderation": {"model": "x"}}, "as it is", ("moderation",)),
    Sample("store", {"store": True}, "as it is; without it `false`, since chats are not kept", ("store",)),
    Sample("stop", {"stop": ["END"]}, "responses have no such thing"),
    Sample("seed", {"seed": 7}),
    Sample("logit_bias", {"logit_bias": {"5": 1}}),
    Sample("frequency_penalty", {"frequency_penalty": 0.5}),
    Sample("presence_penalty", {"presence_penalty": 0.5}),
    Sample("prediction", {"prediction": {"type": "content", "content": "x"}}),
    Sample("web_search_options", {"web_search_options": {}}),
    Sample("audio", {"audio": {"voice": "x", "format": "wav"}}, "with `modalities` it is refused"),
    Sample("modalities", {"modalities": ["text", "audio"]}, "text alone says nothing"),
    Sample("n", {"n": 2}, "a response is one answer; 1 says nothing"),
    Sample("functions", {"functions": [{"name": "f"}]}, "the old way; use `tools`"),
    Sample("function_call", {"function_call": "auto"}, "the old way; use `tool_choice`"),
    Sample("other members", {"x_unknown": 1}),
)

MESSAGES = (
    Sample("system, developer, user", {}, "as messages", ('"role": "user"',)),
    Sample("assistant", _chat(role="assistant", content="Yes."), "text and refusal as text", ("Yes.",)),
    Sample(
        "its tool calls",
        _chat(role="assistant", tool_calls=[_CALL]),
        "as `function_call` or `custom_tool_call`",
        ("function_call",),
    ),
    Sample(
        "its reasoning_details",
        _chat(
            role="assistant",
            content="Yes.",
            reasoning_details=[{"type": "reasoning.encrypted", "data": "x", "format": "openai-responses-v1"}],
        ),
        "as the reasoning item that they were made of",
        ("encrypted_content",),
    ),
    Sample("its reasoning as text", _chat(role="assistant", content="Yes.", reasoning_content="Hm.")),
    Sample("tool", _chat(role="tool", tool_call_id="c1", content="42"), "as its call's output", ("_output",)),
    Sample("a message's `name`", _chat(role="user", name="Ada", content="Hi")),
    Sample(
        "image_url part",
        _chat(
            role="user", content=[{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
        ),
        "`detail` too",
        ("input_image",),
    ),
    Sample(
        "file part", _chat(role="user", content=[{"type": "file", "file": {"file_id": "f1"}}]), "", ("f1",)
    ),
    Sample("input_audio part", _chat(role="user", content=[{"type": "input_audio", "input_audio": {}}])),
)

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
