"""Random conversations in each dialect, and random answers of an upstream, whole and cut into chunks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

JSON = dict[str, Any]
Draw = st.DrawFn

TEXTS = st.text(max_size=20)
SAID = st.text(min_size=1, max_size=20)
WORDS = st.text("abcdefghij_", min_size=1, max_size=10)
DATA = st.sampled_from(["AA==", "aGVsbG8="])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(TEXTS, inside, max_size=3),
    max_leaves=6,
)
ARGUMENTS = st.dictionaries(SAID, VALUES, max_size=3)
SCHEMAS: st.SearchStrategy[JSON] = st.fixed_dictionaries(
    {"type": st.just("object"), "properties": st.dictionaries(WORDS, st.just({"type": "string"}), max_size=2)}
)


def maybe(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[JSON]:
    """An object with any of these members."""
    return st.fixed_dictionaries({}, optional=fields)


# ---------------------------------------------------------------------------- Anthropic's

_CACHED = maybe(cache_control=st.just({"type": "ephemeral"}))


def block(kind: str, more: st.SearchStrategy[JSON] = _CACHED, **fields: Any) -> st.SearchStrategy[JSON]:
    """A content block."""
    given = {n: v if isinstance(v, st.SearchStrategy) else st.just(v) for n, v in fields.items()}
    return st.builds(lambda made, extra: {"type": kind, **made, **extra}, st.fixed_dictionaries(given), more)


_TEXT = block("text", text=SAID)
_IMAGE = block(
    "image",
    source=st.fixed_dictionaries(
        {"type": st.just("base64"), "media_type": st.sampled_from(["image/png", "image/jpeg"]), "data": DATA}
    )
    | st.just({"type": "url", "url": "https://example.com/cat.png"}),
)
_DOCUMENT = block(
    "document",
    maybe(title=SAID, context=SAID, citations=st.just({"enabled": True})),
    source=st.just({"type": "base64", "media_type": "application/pdf", "data": "AA=="})
    | st.fixed_dictionaries({"type": st.just("text"), "media_type": st.just("text/plain"), "data": SAID}),
)
_NOTHING: st.SearchStrategy[JSON] = st.just({})
_THINKING = block("thinking", _NOTHING, thinking=TEXTS, signature=TEXTS) | block(
    "redacted_thinking", _NOTHING, data=SAID
)
_RESULTS = st.lists(_TEXT | _IMAGE, max_size=2)


@st.composite
def messages_requests(draw: Draw) -> JSON:
    """A request of Anthropic's."""
    messages: list[JSON] = []
    for _ in range(draw(st.integers(1, 3))):
        messages.append(
            {
                "role": "user",
                "content": draw(SAID | st.lists(_TEXT | _IMAGE | _DOCUMENT, min_size=1, max_size=3)),
            }
        )
        said: list[JSON] = draw(st.lists(_THINKING, max_size=2)) + draw(st.lists(_TEXT, max_size=2))
        names = draw(st.lists(WORDS, max_size=2))
        calls: list[JSON] = [
            {"type": "tool_use", "id": f"toolu_{len(messages)}_{at}", "name": name, "input": draw(ARGUMENTS)}
            for at, name in enumerate(names)
        ]
        messages.append({"role": "assistant", "content": [*said, *calls]})
        if calls:
            results = [_result(draw, call["id"]) for call in calls]
            messages.append({"role": "user", "content": [*results, *draw(st.lists(_TEXT, max_size=1))]})
    tools = draw(
        st.lists(block("custom", _CACHED, name=WORDS, input_schema=SCHEMAS, description=TEXTS), max_size=2)
    )
    asked: JSON = {"model": "m", "max_tokens": draw(st.integers(1, 5000)), "messages": messages}
    return asked | draw(_messages_options(tools))


def _result(draw: Draw, call_id: str) -> JSON:
    more: JSON = draw(maybe(is_error=st.booleans(), content=TEXTS | _RESULTS))
    return {"type": "tool_result", "tool_use_id": call_id, **more}


def _messages_options(tools: list[JSON]) -> st.SearchStrategy[JSON]:
    parallel = maybe(disable_parallel_tool_use=st.booleans())
    choices: list[st.SearchStrategy[JSON]] = [st.just({"type": "none"})]
    if tools:
        named = st.sampled_from([{"type": "tool", "name": tool["name"]} for tool in tools])
        choices += [
            st.builds(
                dict[str, Any].__or__, named | st.sampled_from([{"type": "auto"}, {"type": "any"}]), parallel
            )
        ]
    effort = st.sampled_from(["low", "medium", "high", "xhigh", "max"])
    form = st.builds(lambda schema: {"type": "json_schema", "schema": schema}, SCHEMAS)
    return st.builds(
        lambda made, given: {**made, **given},
        st.just({"tools": tools} if tools else {}),
        maybe(
            system=TEXTS | st.lists(_TEXT, max_size=2),
            stop_sequences=st.lists(SAID, max_size=2),
            temperature=st.floats(0, 1),
            top_p=st.floats(0, 1),
            top_k=st.integers(1, 50),
            metadata=maybe(user_id=TEXTS),
            service_tier=st.sampled_from(["auto", "standard_only"]),
            thinking=st.sampled_from(
                [{"type": "enabled", "budget_tokens": 2000}, {"type": "disabled"}, {"type": "adaptive"}]
            ),
            output_config=maybe(effort=effort, format=form),
            tool_choice=st.one_of(choices),
        ),
    )


# ---------------------------------------------------------------------------- OpenAI's Responses

_INPUT = st.lists(
    block("input_text", _NOTHING, text=SAID)
    | block(
        "input_image",
        _NOTHING,
        image_url="https://example.com/cat.png",
        detail=st.sampled_from(["auto", "low"]),
    )
    | block("input_file", _NOTHING, file_data="data:application/pdf;base64,AA==", filename="a.pdf"),
    min_size=1,
    max_size=2,
)
_OUTPUT = st.lists(block("output_text", _NOTHING, text=SAID, annotations=st.just([])), min_size=1, max_size=2)


@st.composite
def responses_requests(draw: Draw) -> JSON:
    """A request of OpenAI's Responses."""
    items: list[JSON] = []
    for turn in range(draw(st.integers(1, 3))):
        role = draw(st.sampled_from(["user", "system", "developer"]))
        items.append({"role": role, "content": draw(SAID | (_INPUT if role == "user" else st.nothing()))})
        if draw(st.booleans()):
            items.append(_reasoning_item(draw, turn))
        if draw(st.booleans()):
            said = {"type": "message", "role": "assistant", "id": f"msg_{turn}", "status": "completed"}
            items.append({**said, "content": draw(_OUTPUT)})
        calls = [_call_item(draw, f"call_{turn}_{at}") for at in range(draw(st.integers(0, 2)))]
        items += calls
        items += [
            {"type": f"{call['type']}_output", "call_id": call["call_id"], "output": draw(TEXTS | _INPUT)}
            for call in calls
        ]
    tools = draw(
        st.lists(
            block("function", _NOTHING, name=WORDS, parameters=SCHEMAS, strict=st.booleans()), max_size=2
        )
    )
    if draw(st.booleans()):
        tools.append({"type": "web_search"})
    asked: JSON = {"model": "m", "input": draw(SAID) if draw(st.booleans()) else items}
    return asked | draw(_responses_options(tools))


def _reasoning_item(draw: Draw, turn: int) -> JSON:
    summary = draw(st.lists(block("summary_text", _NOTHING, text=SAID), max_size=2))
    return {
        "type": "reasoning",
        "id": f"rs_{turn}",
        "summary": summary,
        **draw(maybe(encrypted_content=SAID)),
    }


def _call_item(draw: Draw, call_id: str) -> JSON:
    if draw(st.booleans()):
        return {"type": "custom_tool_call", "call_id": call_id, "name": draw(WORDS), "input": draw(TEXTS)}
    arguments = json.dumps(draw(ARGUMENTS))
    return {"type": "function_call", "call_id": call_id, "name": draw(WORDS), "arguments": arguments}


def _responses_options(tools: list[JSON]) -> st.SearchStrategy[JSON]:
    functions = [tool for tool in tools if tool["type"] == "function"]
    choices: list[Any] = ["auto", "none"]
    if functions:
        named = {"type": "function", "name": functions[0]["name"]}
        choices += ["required", named, {"type": "allowed_tools", "mode": "auto", "tools": [named]}]
    form = st.builds(lambda s: {"type": "json_schema", "name": "n", "schema": s, "strict": True}, SCHEMAS)
    return st.builds(
        lambda made, given: {**made, **given},
        st.just({"tools": tools} if tools else {}),
        maybe(
            instructions=SAID,
            max_output_tokens=st.integers(16, 5000),
            temperature=st.floats(0, 2),
            top_p=st.floats(0, 1),
            parallel_tool_calls=st.booleans(),
            metadata=st.dictionaries(WORDS, TEXTS, max_size=2),
            user=TEXTS,
            store=st.booleans(),
            truncation=st.sampled_from(["auto", "disabled"]),
            include=st.lists(
                st.sampled_from(["reasoning.encrypted_content", "message.output_text.logprobs"]), max_size=2
            ),
            reasoning=maybe(effort=st.sampled_from(["minimal", "low", "high"]), summary=st.just("auto")),
            text=maybe(format=st.just({"type": "text"}) | form, verbosity=st.sampled_from(["low", "high"])),
            tool_choice=st.sampled_from(choices),
        ),
    )


# ---------------------------------------------------------------------------- answers

_FIELDS = st.sampled_from(["reasoning_content", "reasoning_text", "reasoning"])


@st.composite
def answers(draw: Draw) -> JSON:
    """A whole chat completion; its arguments are spelled in any way that JSON allows."""
    message: JSON = {"role": "assistant", "content": draw(st.none() | TEXTS)}
    if draw(st.booleans()):
        message[draw(_FIELDS)] = draw(SAID)
        if draw(st.booleans()):
            message["reasoning_opaque"] = draw(SAID)
    names = draw(st.lists(WORDS, max_size=3))
    indent = draw(st.none() | st.integers(0, 2))
    message["tool_calls"] = [
        {
            "id": f"call_{at}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(draw(ARGUMENTS), indent=indent)},
        }
        for at, name in enumerate(names)
    ]
    finish = "tool_calls" if names else draw(st.sampled_from(["stop", "length", "content_filter"]))
    choice = {"index": 0, "message": message, "finish_reason": finish}
    prompt, cached, out = draw(st.tuples(st.integers(10, 99), st.integers(0, 9), st.integers(1, 99)))
    usage: JSON = {"prompt_tokens": prompt, "completion_tokens": out, "total_tokens": prompt + out}
    usage["prompt_tokens_details"] = {"cached_tokens": cached}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "m"}
    return {**head, "choices": [choice], "usage": usage}


@st.composite
def chunked(draw: Draw, whole: Mapping[str, Any]) -> list[JSON]:
    """The same answer as chunks: each text cut anywhere, tool calls one after the other or in turns."""
    [choice] = whole["choices"]
    message = choice["message"]
    deltas: list[JSON] = [{"role": "assistant", "content": ""}]
    for name in ("reasoning_content", "reasoning_text", "reasoning"):
        deltas += [{name: piece} for piece in draw(pieces(message.get(name) or ""))]
    if "reasoning_opaque" in message:
        deltas.append({"reasoning_opaque": message["reasoning_opaque"]})
    deltas += [{"content": piece} for piece in draw(pieces(message["content"] or ""))]
    deltas += draw(_call_deltas(message["tool_calls"]))
    head = {key: whole[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    chunks = [head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    last = {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}
    return [*chunks, head | {"choices": [last]}, head | {"choices": [], "usage": whole["usage"]}]


@st.composite
def pieces(draw: Draw, text: str) -> list[str]:
    """A text in pieces, none of them empty."""
    cuts = sorted(draw(st.sets(st.integers(1, max(len(text) - 1, 1)), max_size=4)))
    return [piece for at, end in zip([0, *cuts], [*cuts, len(text)], strict=True) if (piece := text[at:end])]


@st.composite
def _call_deltas(draw: Draw, calls: list[JSON]) -> list[JSON]:
    rows: list[list[JSON]] = []
    for at, call in enumerate(calls):
        function = {"name": call["function"]["name"], "arguments": ""}
        first = {"index": at, "id": call["id"], "type": "function", "function": function}
        more = [
            {"index": at, "function": {"arguments": piece}}
            for piece in draw(pieces(call["function"]["arguments"]))
        ]
        rows.append([first, *more])
    deltas: list[JSON] = []
    begun = 0
    while any(rows):
        going = [row for row in rows[:begun] if row]
        if not going or (begun < len(rows) and draw(st.booleans())):
            begun += 1  # calls begin in their order; then they go on in turns
            deltas.append({"tool_calls": [rows[begun - 1].pop(0)]})
        else:
            deltas.append({"tool_calls": [draw(st.sampled_from(going)).pop(0)]})
    return deltas
