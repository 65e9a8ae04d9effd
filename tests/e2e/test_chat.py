"""OpenAI's SDK through Gaud and the real LiteLLM: whole and streamed answers, tools, structure, images."""

from __future__ import annotations

import asyncio
import json

import httpx
import openai
import pydantic
import pytest
from openai.types.chat import ChatCompletionMessageFunctionToolCall

from gaud_core.testing import (
    USAGE,
    ScriptedUpstream,
    chat_completion,
    chat_stream,
    chat_tool_stream,
    tool_call,
)

from .clients import HI, async_sdk, text_of
from .gaud_server import KEY, Gaud
from .litellm_proxy import LONG_TEXT, MOCK_TEXT

pytestmark = pytest.mark.litellm

LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "x-odd": 1.50}}}
PNG = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAACklEQVR42mMAAQAABQABoIJXOQAAAABJRU5ErkJggg=="
)


def test_whole(client: openai.OpenAI) -> None:
    """A whole answer arrives with its text and its usage."""
    answer = client.chat.completions.create(model="litellm:mock", messages=HI)
    assert answer.choices[0].message.content == MOCK_TEXT
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0


def test_streamed(client: openai.OpenAI) -> None:
    """A streamed answer is the same text."""
    chunks = client.chat.completions.create(model="litellm:mock", messages=HI, stream=True)
    assert text_of(chunks) == MOCK_TEXT


def test_asynchronous(gaud: Gaud) -> None:
    """The asynchronous SDK gets both, and many at once."""

    async def call() -> list[str | None]:
        async with async_sdk(gaud.url) as client:
            create = client.chat.completions.create
            answers = await asyncio.gather(*[create(model="litellm:mock", messages=HI) for _ in range(10)])
            stream = await create(model="litellm:mock", messages=HI, stream=True)
            chunks = [chunk async for chunk in stream]
            return [*[answer.choices[0].message.content for answer in answers], text_of(chunks)]

    assert set(asyncio.run(call())) == {MOCK_TEXT}


def test_long_answer(client: openai.OpenAI) -> None:
    """An answer of 200 KB arrives to the last character."""
    answer = client.chat.completions.create(model="litellm:mock-long", messages=HI)
    assert answer.choices[0].message.content == LONG_TEXT


def test_long_stream(client: openai.OpenAI, upstream: ScriptedUpstream) -> None:
    """A stream of a thousand chunks arrives to the last character."""
    words = [f"wörd-{number} " for number in range(1000)]
    upstream.add(chat_stream(words))
    chunks = client.chat.completions.create(model="litellm:scripted", messages=HI, stream=True)
    assert text_of(chunks) == "".join(words)


@pytest.mark.parametrize("model", ["litellm:mock", "litellm:scripted", "direct:scripted"])
def test_usage_is_hidden_from_who_did_not_ask(
    client: openai.OpenAI, upstream: ScriptedUpstream, model: str
) -> None:
    """A stream without include_usage has no usage and no chunk without choices."""
    upstream.add(chat_stream())
    chunks = list(client.chat.completions.create(model=model, messages=HI, stream=True))
    assert [chunk.usage for chunk in chunks] == [None] * len(chunks)
    assert all(chunk.choices for chunk in chunks)


@pytest.mark.parametrize("model", ["litellm:mock", "litellm:scripted", "direct:scripted"])
def test_usage_is_shown_to_who_asked(client: openai.OpenAI, upstream: ScriptedUpstream, model: str) -> None:
    """A stream with include_usage ends in a chunk with the usage."""
    upstream.add(chat_stream())
    chunks = list(
        client.chat.completions.create(
            model=model, messages=HI, stream=True, stream_options={"include_usage": True}
        )
    )
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    if model != "litellm:mock":
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.total_tokens == USAGE["total_tokens"]


def test_usage_is_always_asked_for(client: openai.OpenAI, upstream: ScriptedUpstream) -> None:
    """The upstream is asked for usage in streams whatever the client said, and other options are kept."""
    upstream.add(chat_stream(), chat_stream())
    text_of(client.chat.completions.create(model="direct:x", messages=HI, stream=True))
    options = {"include_usage": False, "x_other": 1}
    text_of(
        client.chat.completions.create(
            model="direct:x", messages=HI, stream=True, extra_body={"stream_options": options}
        )
    )
    assert [call.json["stream_options"] for call in upstream.calls] == [
        {"include_usage": True},
        {"include_usage": True, "x_other": 1},
    ]


def test_bytes_of_a_request(gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """The upstream gets the client's bytes, but for the model's value."""
    upstream.add(chat_completion())
    body = b'{ "temperature":1.50,"model" : "direct:a/b:0" ,"seed":123456789012345678901,"x":{"model":"a:b"}}'
    url = f"{gaud.url}/v1/chat/completions"
    httpx.post(url, content=body, headers={"authorization": f"Bearer {KEY}"}, trust_env=False)
    assert upstream.calls[0].body == body.replace(b'"direct:a/b:0"', b'"a/b:0"')


def test_tool_calls(client: openai.OpenAI, upstream: ScriptedUpstream) -> None:
    """Tools go to the upstream, and its tool calls come back intact."""
    upstream.add(chat_completion(tool_calls=[tool_call("look", '{"at": "grüße"}', "call_1")]))
    answer = client.chat.completions.create(
        model="litellm:scripted",
        messages=HI,
        tools=[LOOK],  # type: ignore[list-item]  # with a field that OpenAI does not know
    )
    assert upstream.calls[0].json["tools"] == [LOOK]
    assert answer.choices[0].finish_reason == "tool_calls"
    calls = answer.choices[0].message.tool_calls or []
    assert isinstance(calls[0], ChatCompletionMessageFunctionToolCall)
    assert (calls[0].id, calls[0].function.name) == ("call_1", "look")
    assert calls[0].function.arguments == '{"at": "grüße"}'


@pytest.mark.parametrize("model", ["litellm:scripted", "direct:scripted"])
def test_streamed_tool_calls(client: openai.OpenAI, upstream: ScriptedUpstream, model: str) -> None:
    """A streamed tool call's arguments add up to what the upstream sent."""
    upstream.add(chat_tool_stream("look", ['{"at"', ': "gr', 'üße"}']))
    with client.chat.completions.stream(model=model, messages=HI) as stream:
        message = stream.get_final_completion().choices[0].message
    calls = message.tool_calls or []
    assert (calls[0].function.name, calls[0].function.arguments) == ("look", '{"at": "grüße"}')


class Verdict(pydantic.BaseModel):
    """What a structured answer holds."""

    good: bool
    why: str


def test_structured_output(client: openai.OpenAI, upstream: ScriptedUpstream) -> None:
    """A schema goes to the upstream unchanged, and its answer is parsed by the SDK."""
    upstream.add(*[chat_completion('{"good":true,"why":"tested"}')] * 2)
    parse = client.chat.completions.parse
    for model in ("direct:scripted", "litellm:scripted"):
        answer = parse(model=model, messages=HI, response_format=Verdict)
        assert answer.choices[0].message.parsed == Verdict(good=True, why="tested")
    direct, through = [call.json["response_format"] for call in upstream.calls]
    assert direct["json_schema"]["schema"]["required"] == ["good", "why"]
    assert json.dumps(through) == json.dumps(direct)


def test_images(client: openai.OpenAI, upstream: ScriptedUpstream) -> None:
    """Image content arrives at the upstream as it was sent."""
    upstream.add(chat_completion())
    content = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
    ]
    client.chat.completions.create(
        model="litellm:scripted",
        messages=[{"role": "user", "content": content}],  # type: ignore[list-item,misc]
    )
    assert upstream.calls[0].json["messages"] == [{"role": "user", "content": content}]


def test_unknown_fields(client: openai.OpenAI, upstream: ScriptedUpstream) -> None:
    """Fields that nobody knows go there and come back."""
    upstream.add(chat_completion(x_back={"deep": [1]}))
    answer = client.chat.completions.create(
        model="litellm:scripted", messages=HI, extra_body={"x_there": {"deep": [1]}}
    )
    assert upstream.calls[0].json["x_there"] == {"deep": [1]}
    assert (answer.model_extra or {})["x_back"] == {"deep": [1]}
