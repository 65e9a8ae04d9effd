"""A translated provider through the gateway: whole, streamed, failing early, failing late, left alone."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from gaud_core import Call, Event
from gaud_core.testing import DONE

from .guests.providers import Speaker
from .support import Served, Starter
from .wire import Answered, chat, post


@pytest.fixture
def gaud(serve: Starter) -> Served:
    """A gateway with a provider that translates."""
    return serve(Speaker)


def _chunks(answered: Answered) -> list[dict[str, Any]]:
    events = answered.body.split(b"\n\n")
    return [
        json.loads(event.removeprefix(b"data: ")) for event in events if event and event + b"\n\n" != DONE
    ]


def test_same_text_whole_and_streamed(gaud: Served) -> None:
    """Both answers come from one generator."""
    whole = gaud.chat("speaker:m").json
    streamed = _chunks(gaud.chat("speaker:m", stream=True))
    text = "".join(c["delta"].get("content", "") for chunk in streamed for c in chunk["choices"])
    assert text == whole["choices"][0]["message"]["content"] == "Hello wörld"
    assert whole["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    reasons = [c["finish_reason"] for chunk in streamed for c in chunk["choices"] if c["finish_reason"]]
    assert reasons == [whole["choices"][0]["finish_reason"]] == ["stop"]


def test_usage_comes_last_and_only_if_asked(gaud: Served) -> None:
    """OpenAI's order: finish reason, usage, `[DONE]`; without the question no usage."""
    asked = gaud.chat("speaker:m", stream=True, stream_options={"include_usage": True})
    assert asked.body.endswith(DONE)
    assert _chunks(asked)[-1]["usage"]["total_tokens"] == 5
    assert _chunks(asked)[-1]["choices"] == []
    assert b'"usage"' not in gaud.chat("speaker:m", stream=True).body


@pytest.mark.parametrize("stream", [False, True])
def test_early_error_keeps_its_status(gaud: Served, stream: bool) -> None:
    """Before the first event an error has its own status, retry-after and hint."""
    answered = gaud.chat("speaker:early", stream=stream)
    assert (answered.status, answered.header("retry-after")) == (503, "9")
    assert answered.message == "It is raining. Take an umbrella."
    assert answered.header("x-gaud-hint") == "Take an umbrella."


@pytest.mark.parametrize(("model", "said"), [("late", "It began to rain."), ("crash", "failed with Mishap")])
def test_late_error_becomes_an_event(gaud: Served, model: str, said: str) -> None:
    """In a stream it is an error event without `[DONE]`; a whole answer is an error from the start."""
    streamed = gaud.chat(f"speaker:{model}", stream=True)
    assert (streamed.status, streamed.complete) == (200, True)
    assert DONE not in streamed.body
    assert said in _chunks(streamed)[-1]["error"]["message"]
    whole = gaud.chat(f"speaker:{model}")
    assert whole.status == 502
    assert said in whole.message


@pytest.mark.parametrize("when", ["waiting", "streaming"])
@pytest.mark.parametrize("stream", [False, True])
def test_generator_is_closed_when_the_client_leaves(serve: Starter, when: str, stream: bool) -> None:
    """Its `finally` runs within a second, wherever it stands."""
    reached, closed = threading.Event(), threading.Event()

    async def talk(self: object, call: Call) -> AsyncGenerator[Event, None]:
        try:
            if when == "streaming":
                yield "Hello"
            reached.set()
            await asyncio.Event().wait()
            yield "never"
        finally:
            await asyncio.sleep(0)
            closed.set()

    gaud = serve(type("Waiting", (Speaker,), {"chat": talk}))
    wire = gaud.wire()
    wire.send(post(chat("speaker:m", stream=stream)))
    assert reached.wait(2)
    wire.reset()
    assert closed.wait(1)


def test_empty_generator_is_an_empty_answer(serve: Starter) -> None:
    """No event at all is an answer without text, whole and streamed."""

    async def talk(self: object, call: Call) -> AsyncGenerator[Event, None]:
        return
        yield

    gaud = serve(type("Silent", (Speaker,), {"chat": talk}))
    assert gaud.chat("speaker:m").json["choices"][0]["message"]["content"] == ""
    assert gaud.chat("speaker:m", stream=True).body.endswith(DONE)


def test_emoji_in_two_halves(serve: Starter) -> None:
    """Some upstreams cut an emoji between two chunks of JSON; the halves cross and join at the client."""

    async def talk(self: object, call: Call) -> AsyncGenerator[Event, None]:
        yield "\ud83d"
        yield "\ude00"

    gaud = serve(type("Cutting", (Speaker,), {"chat": talk}))
    chunks = _chunks(gaud.chat("speaker:m", stream=True))
    assert [c["choices"][0]["delta"].get("content") for c in chunks[:2]] == ["\ud83d", "\ude00"]
