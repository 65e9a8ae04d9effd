"""OpenAI's SDK through Gaud: a loop of tools with an image, whole and streamed, at each kind of model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from .conftest import World

openai = pytest.importorskip("openai")

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
QUESTION = {"role": "user", "content": [{"type": "text", "text": "What is this?"}, IMAGE]}
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("look", "measure")
]
MODELS = ["gpt-4o", "claude-sonnet-4.5"]


def _client(world: World) -> Any:
    return openai.OpenAI(base_url=f"{world.gateway.http.base_url}/v1", api_key="test", max_retries=0)


def _joined(chunks: Iterable[Any]) -> tuple[str, list[dict[str, Any]], str]:
    """Put a stream together as programs do: text, tool calls by index, the finish reason."""
    text, calls, reason = "", dict[int, dict[str, Any]](), ""
    for chunk in chunks:
        for choice in chunk.choices:
            text += choice.delta.content or ""
            reason = choice.finish_reason or reason
            for part in choice.delta.tool_calls or ():
                begun = {"id": part.id, "name": part.function.name, "arguments": ""}
                call = calls.setdefault(part.index, begun)
                call["arguments"] += part.function.arguments or ""
    return text, [calls[index] for index in sorted(calls)], reason


def _whole(answer: Any) -> tuple[str, list[dict[str, Any]], str]:
    (choice,) = answer.choices
    calls = [
        {"id": call.id, "name": call.function.name, "arguments": call.function.arguments}
        for call in choice.message.tool_calls or ()
    ]
    return choice.message.content, calls, choice.finish_reason


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_a_loop_of_tools_with_an_image(world: World, model: str, stream: bool) -> None:
    """Text and both calls arrive, the results go back, and only the first turn is the user's."""
    client, read = _client(world), _joined if stream else _whole
    messages: list[Any] = [QUESTION]
    for wanted in ("tool_calls", "stop"):
        answer = client.chat.completions.create(
            model=f"copilot:{model}", messages=messages, tools=TOOLS, stream=stream
        )
        text, calls, reason = read(answer)
        assert (text, reason) == ("Hello!", wanted)
        tools = [
            {
                "id": call["id"],
                "type": "function",
                "function": {"name": call["name"], "arguments": call["arguments"]},
            }
            for call in calls
        ]
        messages += [{"role": "assistant", "content": text, **({"tool_calls": tools} if tools else {})}]
        messages += [{"role": "tool", "tool_call_id": call["id"], "content": "seen"} for call in calls]
        if wanted == "tool_calls":
            assert [(call["name"], call["arguments"]) for call in calls] == [
                ("look", '{"at":1}'),
                ("measure", '{"at":1}'),
            ]
    assert (world.github.initiators, world.github.refusals) == (["user", "agent"], [])


def test_usage_of_a_stream(world: World) -> None:
    """It is told to who asks for it, once, though Copilot sends it beside the last choice."""
    chunks = _client(world).chat.completions.create(
        model="copilot:gpt-4o",
        messages=[QUESTION],
        stream=True,
        stream_options={"include_usage": True},
    )
    usages = [chunk.usage for chunk in chunks if chunk.usage]
    assert [usage.total_tokens for usage in usages] == [12]


def test_a_stream_that_copilot_breaks_off(world: World) -> None:
    """The SDK raises; it does not end as if all were well."""
    from gaud_core.testing import DONE, Answer, chat_chunk, sse

    events = [sse(chat_chunk({"content": "He"})), sse(chat_chunk({}, "error")), DONE]
    world.github.answer = lambda seen: Answer.stream(events)
    chunks = _client(world).chat.completions.create(model="copilot:gpt-4o", messages=[QUESTION], stream=True)
    with pytest.raises(openai.APIError, match="finish reason `error`"):
        list(chunks)


def test_a_refusal(world: World) -> None:
    """The SDK's exceptions carry Copilot's code."""
    with pytest.raises(openai.BadRequestError) as caught:
        _client(world).chat.completions.create(model="copilot:no-such-model", messages=[QUESTION])
    assert caught.value.code == "model_not_supported"
