"""What the vendors' own libraries make of requests and answers: their types, and what they gather."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from openai._types import omit
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.response_create_params import ResponseCreateParamsBase
from pydantic import TypeAdapter

from gaud_core.bridge import Crossing
from gaud_core.sse import data_of, events_in

JSON = dict[str, Any]


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """One type's checker."""
    return TypeAdapter(kind)


def valid_chat(body: bytes) -> JSON:
    """A request that OpenAI's types accept, with no member that they do not know."""
    asked: JSON = json.loads(body)
    _consumed(adapter(CompletionCreateParamsBase).validate_python(asked))
    unknown = asked.keys() - CompletionCreateParamsBase.__annotations__.keys() - {"stream"}
    assert unknown == set()
    return asked


def valid_sent(body: bytes, target: str) -> JSON:
    """A request that OpenAI's types of the target accept."""
    if target == "chat/completions":
        return valid_chat(body)
    asked: JSON = json.loads(body)
    valid_responses(asked)
    assert asked.keys() - ResponseCreateParamsBase.__annotations__.keys() - {"stream"} == set()
    return asked


def valid_messages(asked: JSON) -> None:
    """Let Anthropic's types look at a request."""
    _consumed(adapter(MessageCreateParamsNonStreaming).validate_python(asked))


def valid_responses(asked: JSON) -> None:
    """Let OpenAI's types look at a request."""
    _consumed(adapter(ResponseCreateParamsBase).validate_python(asked))


def message(answer: bytes) -> JSON:
    """A whole message that Anthropic's types accept."""
    told: JSON = json.loads(answer)
    Message.model_validate(told, strict=True)
    return told


def response(answer: bytes) -> JSON:
    """A whole response that OpenAI's types accept."""
    told: JSON = json.loads(answer)
    Response.model_validate(told)
    return told


def told_events(stream: bytes) -> list[JSON]:
    """The data of each event; the event's name must be the data's type."""
    told = []
    for event in events_in(stream):
        data = json.loads(data_of(event))
        assert event.startswith(b"event: %b\n" % data["type"].encode())
        told.append(data)
    return told


def gathered_message(stream: bytes) -> JSON:
    """What Anthropic's library has in hand at the end of a stream; each event must be of its types."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in told_events(stream):
        typed = adapter(RawMessageStreamEvent).validate_python(event)
        snapshot = accumulate_event(event=typed, current_snapshot=snapshot, json_bufs=buffers)
    found: JSON = snapshot.to_dict()
    assert found.pop("stop_details") is None
    return found


def gathered_response(stream: bytes) -> JSON:
    """What OpenAI's library has in hand at the end of a stream; each event must be of its types."""
    state: Any = ResponseStreamState(input_tools=omit, text_format=omit)
    fired: list[Any] = []
    for number, event in enumerate(told_events(stream)):
        assert event["sequence_number"] == number
        fired += state.handle_event(adapter(ResponseStreamEvent).validate_python(event))
    assert fired[-1].type in {"response.completed", "response.incomplete"}
    found: JSON = json.loads(fired[-1].response.to_json())
    for item in found["output"]:
        item.pop("parsed_arguments", None)
        for part in item.get("content", ()):
            part.pop("parsed", None)
    return found


def completion(answer: bytes) -> JSON:
    """A whole chat completion that OpenAI's types accept."""
    told: JSON = json.loads(answer)
    ChatCompletion.model_validate(told)
    return told


def told_chunks(stream: bytes) -> list[JSON]:
    """The chunks of a streamed completion, each of OpenAI's types; at the end there must be `[DONE]`."""
    *events, last = events_in(stream)
    assert data_of(last) == b"[DONE]"
    return [ChatCompletionChunk.model_validate_json(data_of(event)).to_dict() for event in events]


def gathered_completion(stream: bytes) -> JSON:
    """What OpenAI's library has in hand at the end of a stream."""
    state: Any = ChatCompletionStreamState()
    for chunk in told_chunks(stream):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    found: JSON = json.loads(state.current_completion_snapshot.to_json())
    for call in found["choices"][0]["message"].get("tool_calls") or ():
        call["function"].pop("parsed_arguments", None)
    return found


def streamed(crossing: Crossing, chunks: Iterable[JSON]) -> bytes:
    """The caller's events for an upstream's chunks."""
    stream = crossing.stream()
    return b"".join([*(stream.feed(chunk) for chunk in chunks), stream.end(done=True)])


def _consumed(value: Any) -> None:
    """Look at everything: the types' iterables are checked only when somebody reads them."""
    if isinstance(value, dict):
        for item in value.values():
            _consumed(item)
    elif isinstance(value, list | Iterator) or type(value).__name__ == "ValidatorIterator":
        for item in value:
            _consumed(item)
