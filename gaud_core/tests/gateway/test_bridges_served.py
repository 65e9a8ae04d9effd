"""Calls of other dialects to a provider that only chats, over real sockets, into the books and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from gaud_core import Model
from gaud_core.config import Routing
from gaud_core.testing import (
    Answer,
    ScriptedUpstream,
    chat_chunks,
    chat_completion,
    chat_error_stream,
    chat_strange_stream,
    chat_stream,
    sse,
)

from .books import only
from .guests.providers import Speaker
from .support import Acme, AcmeSettings, Served, Starter
from .wire import Answered, HeaderLines, post

JSON = dict[str, Any]
ASKED: dict[str, JSON] = {
    "messages": {"max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]},
    "responses": {"input": "Hi"},
}
ENDPOINTS = list(ASKED)
DELTAS = ("content_block_delta", "response.output_text.delta")
LOST: dict[str, JSON] = {"messages": {"top_k": 5}, "responses": {"max_tool_calls": 2}}


def ask(
    gaud: Served, endpoint: str, headers: HeaderLines = (), model: str = "acme:m", **more: Any
) -> Answered:
    """Make a well-formed call."""
    body = {"model": model, **ASKED[endpoint], **more}
    return gaud.send(post(json.dumps(body).encode(), headers, f"/v1/{endpoint}"))


def events(answered: Answered) -> list[JSON]:
    """The data of each event of a stream."""
    return [
        json.loads(line.removeprefix(b"data: "))
        for line in answered.body.split(b"\n")
        if line.startswith(b"data: ")
    ]


def text_of(endpoint: str, told: JSON) -> str:
    """The text of a whole answer."""
    blocks = told["content"] if endpoint == "messages" else told["output"][0]["content"]
    text: str = blocks[0]["text"]
    return text


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_whole_answer_crosses(gaud: Served, upstream: ScriptedUpstream, endpoint: str) -> None:
    """The upstream sees a chat call under the name it knows, the caller his own dialect and the bridge."""
    upstream.add(chat_completion("Hello!"))
    answered = ask(gaud, endpoint)
    assert answered.status == 200
    assert text_of(endpoint, answered.json) == "Hello!"
    assert answered.header("content-type") == "application/json"
    assert answered.header("x-gaud-bridge") == f"{endpoint}-to-chat"
    assert answered.header("x-gaud-dropped") is None
    seen = upstream.wait_call()
    assert (seen.path, seen.json["model"]) == ("/v1/chat/completions", "m")
    assert seen.json["messages"] == [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_stream_crosses(gaud: Served, upstream: ScriptedUpstream, endpoint: str) -> None:
    """The upstream is asked for usage, and the caller's stream ends as his dialect has it."""
    upstream.add(chat_stream(["Hel", "lo!"]))
    answered = ask(gaud, endpoint, stream=True)
    last = {"messages": "message_stop", "responses": "response.completed"}[endpoint]
    assert answered.complete
    assert answered.header("content-type") == "text/event-stream; charset=utf-8"
    assert events(answered)[-1]["type"] == last
    assert b"[DONE]" not in answered.body
    assert upstream.wait_call().json["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_stream_cut_anywhere_crosses_alike(
    gaud: Served, upstream: ScriptedUpstream, endpoint: str, size: int
) -> None:
    """Wherever the upstream cuts its bytes, inside of characters too, the same text arrives."""
    whole = b"".join(chat_chunks(["grü", "ße 😀"]))
    upstream.add(Answer.stream([whole[at : at + size] for at in range(0, len(whole), size)]))
    told = events(ask(gaud, endpoint, stream=True))
    pieces = [event["delta"] for event in told if event["type"] in DELTAS]
    assert [piece["text"] if isinstance(piece, dict) else piece for piece in pieces] == ["grü", "ße 😀"]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_upstream_that_does_not_stream(gaud: Served, upstream: ScriptedUpstream, endpoint: str) -> None:
    """Its whole answer becomes the stream that was asked for."""
    upstream.add(chat_completion("Hello!"))
    answered = ask(gaud, endpoint, stream=True)
    assert answered.header("content-type") == "text/event-stream; charset=utf-8"
    assert [event["type"] for event in events(answered)][-1] in {"message_stop", "response.completed"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_provider_that_only_knows_events(serve: Starter, endpoint: str, stream: bool) -> None:
    """A `ChatProvider` is called in every dialect, without a line of its own for that."""
    gaud = serve(Speaker)
    answered = ask(gaud, endpoint, model="speaker:short", stream=stream)
    last = events(answered)[-1] if stream else answered.json
    if endpoint == "responses":
        response = last["response"] if stream else last
        assert (response["status"], response["usage"]["total_tokens"]) == ("incomplete", 5)
        assert response["output"][0]["content"][0]["text"] == "Hello wörld"
    else:
        told = events(answered)[-2] if stream else last
        reason = told["delta"]["stop_reason"] if stream else told["stop_reason"]
        assert (reason, told["usage"]["output_tokens"]) == ("max_tokens", 2)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_booked_once_under_the_callers_endpoint(
    serve: Starter, upstream: ScriptedUpstream, endpoint: str, stream: bool
) -> None:
    """One row, with what the chat answer counted: cached tokens are part of the input, and its own cost."""
    gaud = serve(acme=AcmeSettings(url=upstream.url))
    usage: JSON = {"prompt_tokens": 50, "completion_tokens": 7, "total_tokens": 57, "cost": 0.25}
    usage |= {"prompt_tokens_details": {"cached_tokens": 40}}
    usage |= {"completion_tokens_details": {"reasoning_tokens": 3}}
    upstream.add(chat_stream(usage=usage) if stream else chat_completion(usage=usage))
    ask(gaud, endpoint, stream=stream)
    row = only(gaud)
    assert row.endpoint == endpoint
    assert (row.input_tokens, row.output_tokens, row.cached_tokens, row.reasoning_tokens) == (50, 7, 40, 3)
    assert (row.cost_nanos, row.cost_source, row.status) == (250_000_000, "provider", 200)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_what_was_dropped_is_named(gaud: Served, upstream: ScriptedUpstream, endpoint: str) -> None:
    """In a header that only holds what headers may hold, and is bounded."""
    upstream.add(chat_completion())
    strange: JSON = {"odd\nname é": 1, **{f"member_{at}": 1 for at in range(500)}}
    dropped = ask(gaud, endpoint, **LOST[endpoint], **strange).header("x-gaud-dropped") or ""
    assert dropped.split(", ")[:2] == [*LOST[endpoint], "odd_name__"]
    assert dropped.endswith(", ...")
    assert len(dropped) < 2100


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_caller_may_want_it_strict(gaud: Served, upstream: ScriptedUpstream, endpoint: str) -> None:
    """Then nothing is called, and the answer names the field; without such a field it goes on."""
    strict = [("x-gaud-strict", "1")]
    refused = ask(gaud, endpoint, strict, **LOST[endpoint])
    assert refused.status == 400
    assert next(iter(LOST[endpoint])) in refused.json["error"]["message"]
    assert upstream.calls == []
    upstream.add(chat_completion())
    assert ask(gaud, endpoint, strict).status == 200


def test_strict_for_everybody(serve: Starter, upstream: ScriptedUpstream) -> None:
    """`routing.strict` refuses without the header."""
    gaud = serve(acme=AcmeSettings(url=upstream.url), routing=Routing(strict=True))
    assert ask(gaud, "messages", top_k=5).status == 400
    upstream.add(chat_completion())
    assert ask(gaud, "messages").status == 200


class Fluent(Acme):
    """Speaks Anthropic's dialect as well, but not for every model."""

    endpoints: ClassVar[frozenset[str]] = frozenset({"chat/completions", "messages"})

    def known_models(self) -> Sequence[Model]:
        """One that only chats, one that does not chat at all."""
        return (
            Model("chats", endpoints=frozenset({"chat/completions"})),
            Model("mute", endpoints=frozenset({"embeddings"})),
        )


def test_native_wins(serve: Starter, upstream: ScriptedUpstream) -> None:
    """Where the upstream speaks the caller's dialect, nothing is translated and nothing said of a bridge."""
    gaud = serve(acme=AcmeSettings(url=upstream.url), kind=Fluent)
    upstream.default = Answer.json({"type": "message"})
    answered = ask(gaud, "messages", model="acme:any")
    assert (answered.json, answered.header("x-gaud-bridge")) == ({"type": "message"}, None)
    assert upstream.wait_call().path == "/v1/messages"


def test_a_models_own_endpoints_decide(serve: Starter, upstream: ScriptedUpstream) -> None:
    """A model that only chats is bridged, whatever its provider speaks; one that does not chat is 404."""
    gaud = serve(acme=AcmeSettings(url=upstream.url), kind=Fluent)
    upstream.add(chat_completion())
    assert ask(gaud, "messages", model="acme:chats").header("x-gaud-bridge") == "messages-to-chat"
    missing = ask(gaud, "messages", model="acme:mute")
    assert (missing.status, missing.json["error"]["type"]) == (404, "not_found_error")


def test_models_say_how_they_are_served(serve: Starter, upstream: ScriptedUpstream) -> None:
    """`/v1/models` tells the native endpoints from those that a bridge adds."""
    gaud = serve(acme=AcmeSettings(url=upstream.url), kind=Fluent)
    listed = {model["id"]: model for model in gaud.get("/v1/models").json["data"]}
    assert listed["acme:chats"]["endpoints"] == ["chat/completions"]
    assert listed["acme:chats"]["bridged_endpoints"] == ["messages", "responses"]
    assert listed["acme:mute"]["bridged_endpoints"] == []


def test_tokens_cannot_be_counted_across(gaud: Served) -> None:
    """`count_tokens` has no bridge: a number that nobody has counted would be a guess."""
    answered = ask(gaud, "messages")
    counted = gaud.send(
        post(json.dumps({"model": "acme:m", **ASKED["messages"]}).encode(), (), "/v1/messages/count_tokens")
    )
    assert answered.header("x-gaud-bridge")
    assert (counted.status, counted.json["error"]["type"]) == (404, "not_found_error")


@pytest.mark.parametrize("stream", [False, True])
def test_an_upstreams_refusal_keeps_its_status(
    gaud: Served, upstream: ScriptedUpstream, stream: bool
) -> None:
    """And its words, in the caller's envelope, with retry-after."""
    refusal = {
        "error": {"message": "Slow down.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    }
    upstream.default = Answer.json(refusal, 429, {"retry-after": "7"})
    messages = ask(gaud, "messages", stream=stream)
    assert (messages.status, messages.header("retry-after")) == (429, "7")
    assert messages.json["error"] == {"type": "rate_limit_error", "message": "Slow down."}
    responses = ask(gaud, "responses", stream=stream)
    assert (responses.status, responses.json) == (429, refusal)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_error_event_ends_the_stream_without_a_clean_end(
    gaud: Served, upstream: ScriptedUpstream, endpoint: str
) -> None:
    """In the events of the caller's dialect, and once only."""
    upstream.add(chat_error_stream(["Hel"], "upstream broke"))
    told = events(ask(gaud, endpoint, stream=True))
    types = [event["type"] for event in told]
    assert not {"message_stop", "response.completed"} & set(types)
    assert types.count("error") == 1
    error = next(event for event in told if event["type"] == "error")
    assert error["error"]["message"] == "upstream broke"
    if endpoint == "responses":
        assert types[-1] == "response.failed"
        assert told[-1]["response"]["error"]["message"] == "upstream broke"
        assert [event["sequence_number"] for event in told] == list(range(len(told)))


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_broken_stream_is_booked_as_broken(
    serve: Starter, upstream: ScriptedUpstream, endpoint: str
) -> None:
    """One that ends without its end is no success, and the row says so."""
    gaud = serve(acme=AcmeSettings(url=upstream.url))
    upstream.add(Answer.stream([sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]})]))
    told = events(ask(gaud, endpoint, stream=True))
    assert told[-1]["type"] in {"error", "response.failed"}
    row = only(gaud)
    assert (row.status, row.error) == (502, "upstream_broke_off")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_early_error_keeps_its_status(gaud: Served, upstream: ScriptedUpstream, endpoint: str) -> None:
    """An error in the first event is an answer with a status, as nothing has been sent yet."""
    upstream.add(chat_error_stream([], "no room", "429"))
    answered = ask(gaud, endpoint, stream=True)
    assert (answered.status, answered.json["error"]["message"]) == (429, "no room")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_what_is_no_chat_answer_is_a_clean_502(
    gaud: Served, upstream: ScriptedUpstream, endpoint: str
) -> None:
    """Whole answers that are none, and streams that hold no JSON."""
    upstream.add(Answer.json({"hello": "world"}), Answer.json([1]), Answer.stream([sse("garbage")]))
    assert ask(gaud, endpoint).status == 502
    assert ask(gaud, endpoint).status == 502
    assert ask(gaud, endpoint, stream=True).status == 502


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_streams_that_are_strange_but_legal_cross(
    gaud: Served, upstream: ScriptedUpstream, endpoint: str
) -> None:
    """CRLF, comments, unknown events, characters cut in two."""
    upstream.add(chat_strange_stream())
    body = ask(gaud, endpoint, stream=True).body.decode()
    assert "grüße 😀" in body
    assert "error" not in [event for event in body.split() if event == "error"]


class Forwarding(Acme):
    """Sends every header on."""

    forward: ClassVar[frozenset[str]] = frozenset(
        {"accept-encoding", "anthropic-version", "x-gaud-strict", "x-own"}
    )


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_what_belongs_to_a_dialect_stays_there(
    serve: Starter, upstream: ScriptedUpstream, endpoint: str
) -> None:
    """Headers of the caller's dialect say nothing over there, and compression would hide the answer."""
    gaud = serve(acme=AcmeSettings(url=upstream.url), kind=Forwarding)
    upstream.add(chat_completion())
    headers = [("anthropic-version", "2023-06-01"), ("accept-encoding", "gzip"), ("x-own", "1")]
    ask(gaud, endpoint, [*headers, ("x-gaud-strict", "1")])
    seen = upstream.wait_call()
    assert (seen.header("anthropic-version"), seen.header("x-gaud-strict")) == (None, None)
    assert (seen.header("accept-encoding"), seen.header("x-own")) == ("identity", "1")


@pytest.mark.parametrize(
    ("endpoint", "wrong", "said"),
    [
        ("messages", {"messages": [{"role": "user"}]}, "`messages[0].content` is missing."),
        ("messages", {"max_tokens": None}, "`max_tokens` must be a whole number."),
        (
            "responses",
            {"input": [{"role": "user", "content": 5}]},
            "`input[0].content` must be a string or a list.",
        ),
        ("responses", {"previous_response_id": "resp_1"}, "needs an upstream that remembers"),
    ],
)
def test_a_wrong_request_is_told_where(
    gaud: Served, upstream: ScriptedUpstream, endpoint: str, wrong: JSON, said: str
) -> None:
    """With 400, in the caller's envelope, before anything is called or booked."""
    answered = ask(gaud, endpoint, **wrong)
    assert answered.status == 400
    assert said in answered.json["error"]["message"]
    assert answered.json["error"]["type"] == "invalid_request_error"
    assert upstream.calls == []
