"""Random conversations as OpenAI's clients send them, legal ones, with every oddity that is legal."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

__all__ = ["ARGUMENTS", "BODIES", "TEXTS", "TOOLS"]

PNG = "data:image/png;base64,iVBORw0KGgo="
TEXTS = st.one_of(st.just(""), st.just("  \n"), st.text(st.characters(codec="utf-8"), max_size=30))
NAMES = st.one_of(
    st.sampled_from(
        ["look", "Look", "look_up", "mcp__server__look.up", "x" * 64, "x" * 65, "y" * 100, "9to5"]
    ),
    st.text("abcXYZ019_-. é", min_size=1, max_size=70),
)
IDS = st.sampled_from(["call_1", "call_2", "call_3", "toolu_" + "a" * 80, "id with blanks", "é"])
ARGUMENTS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=5,
)
_TYPES = st.one_of(
    st.sampled_from(["string", "integer", "boolean"]), st.just(["string", "null"]), st.just(["integer"])
)


@st.composite
def schemas(draw: st.DrawFn, depth: int = 2) -> dict[str, Any]:
    """A JSON schema of an object."""
    leaf = st.fixed_dictionaries({"type": _TYPES}, optional={"description": st.text(max_size=5)})
    inner = st.one_of(leaf, schemas(depth - 1)) if depth else leaf
    more = {
        "additionalProperties": st.one_of(st.booleans(), inner),
        "required": st.lists(st.text(max_size=3), max_size=1),
        "$schema": st.just("https://json-schema.org/draft/2020-12/schema"),
        "anyOf": st.lists(inner, min_size=1, max_size=2),
    }
    properties = st.dictionaries(
        st.sampled_from(["place", "required", "type", "additionalProperties"]), inner, max_size=3
    )
    listed = st.fixed_dictionaries({"type": st.just("array"), "items": inner})
    chosen = st.fixed_dictionaries({"type": st.just("object"), "properties": properties}, optional=more)
    return draw(
        st.one_of(
            chosen, chosen, st.just({}), st.fixed_dictionaries({"properties": st.just({"l": draw(listed)})})
        )
    )


TOOLS = st.fixed_dictionaries(
    {
        "type": st.just("function"),
        "function": st.fixed_dictionaries(
            {"name": NAMES},
            optional={
                "description": st.one_of(TEXTS, st.just("é" * 9_000)),
                "parameters": st.one_of(st.none(), schemas()),
                "strict": st.booleans(),
            },
        ),
    }
)
_PARTS = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, TEXTS),
    st.just({"type": "image_url", "image_url": {"url": PNG, "detail": "low"}}),
)
_TEXT_PARTS = st.lists(st.builds(lambda text: {"type": "text", "text": text}, TEXTS), max_size=2)
_CALLS = st.lists(
    st.builds(
        lambda call, name, arguments: {
            "id": call,
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        },
        IDS,
        NAMES,
        st.one_of(st.just(""), st.just('{"half'), st.builds(json.dumps, ARGUMENTS)),
    ),
    min_size=1,
    max_size=3,
)
_MESSAGES = st.one_of(
    st.builds(
        lambda role, content: {"role": role, "content": content},
        st.sampled_from(["system", "developer"]),
        st.one_of(TEXTS, _TEXT_PARTS),
    ),
    st.builds(
        lambda content: {"role": "user", "content": content}, st.one_of(TEXTS, st.lists(_PARTS, max_size=3))
    ),
    st.builds(
        lambda content, more: {"role": "assistant", "content": content, **more},
        st.one_of(st.none(), TEXTS),
        st.fixed_dictionaries({}, optional={"tool_calls": _CALLS, "reasoning_content": TEXTS}),
    ),
    st.builds(
        lambda call, content: {"role": "tool", "tool_call_id": call, "content": content},
        IDS,
        st.one_of(TEXTS, _TEXT_PARTS),
    ),
)
BODIES = st.fixed_dictionaries(
    {"model": st.just("claude-sonnet-4.5"), "messages": st.lists(_MESSAGES, min_size=1, max_size=8)},
    optional={
        "tools": st.lists(TOOLS, max_size=3),
        "tool_choice": st.sampled_from(["auto", "none", "required"]),
        "reasoning_effort": st.sampled_from(["low", "high", "none"]),
        "stop": st.sampled_from([None, "end", ["a", "b"]]),
        "max_tokens": st.integers(1, 9999),
        "temperature": st.just(0.5),
    },
)
