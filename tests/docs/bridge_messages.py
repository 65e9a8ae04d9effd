"""One of everything that a request of Anthropic's Messages may hold."""

from __future__ import annotations

from typing import Any

from .bridge_sample import JSON, Sample

__all__ = ["CONTENT", "FIELDS"]

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


FIELDS = (
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

CONTENT = (
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
