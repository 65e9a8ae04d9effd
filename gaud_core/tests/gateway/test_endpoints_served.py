"""Endpoints beside chat through the gateway: whose they are, how they break, what they cost at most."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from typing import Any

import pytest

from gaud_core import Model, Price
from gaud_core.access import Budget, KeyLimits
from gaud_core.bridge import REACHED
from gaud_core.gateway.dialects import ENDPOINTS, FORMS
from gaud_core.testing import DONE, Answer, ScriptedUpstream, sse

from .books import ADMIN, PRICE, bearer, member, only, settled
from .everything import Everything
from .support import AcmeSettings, Served, Starter
from .wire import Answered, head_of, post

JSON = [one for one in ENDPOINTS if one not in FORMS and one != "batches"]
HELLO = {"model": "acme:m", "input": "Hi", "max_tokens": 16, "messages": []}


def _post(gaud: Served, endpoint: str, body: Any = HELLO, key: str = "", **headers: str) -> Answered:
    lines = [*(bearer(key) if key else []), *((k.replace("_", "-"), v) for k, v in headers.items())]
    return gaud.send(post(json.dumps(body).encode(), lines, f"/v1/{endpoint}"))


class Picky(Everything):
    """Lists models that are not served on every endpoint."""

    def known_models(self) -> Sequence[Model]:
        """One for embeddings alone, one for whatever there is."""
        return (Model("embed", endpoints=frozenset({"embeddings"})), Model("all"))


@pytest.fixture
def everything(serve: Starter, upstream: ScriptedUpstream) -> Served:
    """A gateway in front of an upstream that serves everything."""
    return serve(acme=AcmeSettings(url=upstream.url), kind=Everything)


@pytest.mark.parametrize("endpoint", [one for one in JSON if one not in REACHED])
def test_not_served(gaud: Served, upstream: ScriptedUpstream, endpoint: str) -> None:
    """A provider that only chats says so, and what it does serve; nothing goes out."""
    answered = _post(gaud, endpoint)
    told = answered.json["error"]["message"]
    assert answered.status == 404
    assert told == (
        f"`acme` does not serve /v1/{endpoint} for `m`, only /v1/chat/completions. "
        f"No provider here serves /v1/{endpoint}."
    )
    assert upstream.calls == []


def test_a_model_is_served_on_some_endpoints(serve: Starter, upstream: ScriptedUpstream) -> None:
    """`Model.endpoints` narrows what the provider serves; the error names who does serve it."""
    gaud = serve(acme=AcmeSettings(url=upstream.url), kind=Picky)
    upstream.add(Answer.json({}), Answer.json({}))
    assert _post(gaud, "embeddings", HELLO | {"model": "embed"}).status == 200
    assert _post(gaud, "moderations", HELLO | {"model": "all"}).status == 200
    answered = _post(gaud, "chat/completions", HELLO | {"model": "embed"})
    assert (answered.status, answered.error["code"]) == (404, "endpoint_not_served")
    assert "only /v1/embeddings. /v1/chat/completions is served by `acme`." in answered.message


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_realtime(gaud: Served, method: str) -> None:
    """WebSockets are not there, and that is said in a sentence."""
    answered = gaud.send(head_of(method, "/v1/realtime?model=x", [("upgrade", "websocket")]))
    assert answered.status == 501
    assert "no WebSockets" in answered.message


# ---------------------------------------------------------------- Anthropic's manners

START = sse(
    {"type": "message_start", "message": {"id": "msg", "usage": {"input_tokens": 5, "output_tokens": 1}}}
)
DELTA = sse({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 7}})
STOP = sse({"type": "message_stop"})
CREATED = sse({"type": "response.created", "sequence_number": 6, "response": {"id": "resp_1"}})
COMPLETED = sse({"type": "response.completed", "sequence_number": 7, "response": {"id": "resp_1"}})


def _anthropic(answered: Answered) -> dict[str, Any]:
    envelope = answered.json
    assert set(envelope) == {"type", "error", "request_id"}
    assert envelope["type"] == "error"
    assert envelope["request_id"] == answered.header("x-request-id") == answered.header("request-id")
    error: dict[str, Any] = envelope["error"]
    assert set(error) == {"type", "message"}
    return error


@pytest.mark.parametrize("target", ["messages", "messages/count_tokens"])
def test_errors_before_the_call_are_anthropics(
    serve: Starter, upstream: ScriptedUpstream, target: str
) -> None:
    """Door, routing, limits and budgets speak Anthropic's words on Anthropic's routes."""
    gaud = serve(acme=AcmeSettings(url=upstream.url), kind=Everything, key=ADMIN)
    empty = member(gaud, KeyLimits(rpm=0, models=("m",)))
    for key, body, status, kind in (
        ("", HELLO, 401, "authentication_error"),
        ("sk-prx-test-wrong", HELLO, 401, "authentication_error"),
        (ADMIN, [], 400, "invalid_request_error"),
        (ADMIN, HELLO | {"model": "nobody:x"}, 404, "not_found_error"),
        (empty, HELLO | {"model": "acme:other"}, 403, "permission_error"),
        (empty, HELLO, 429, "rate_limit_error"),
    ):
        answered = _post(gaud, target, body, key)
        assert (answered.status, _anthropic(answered)["type"]) == (status, kind)
    wrong = gaud.send(head_of("GET", f"/v1/{target}", []))
    assert (wrong.status, _anthropic(wrong)["type"]) == (405, "invalid_request_error")


def test_a_spent_budget_on_messages(serve: Starter, upstream: ScriptedUpstream) -> None:
    """A budget holds there as well."""
    gaud = serve(acme=AcmeSettings(url=upstream.url), kind=Everything, key=ADMIN)
    key = member(gaud, budget=Budget(daily_nanos=1))
    assert _anthropic(_post(gaud, "messages", key=key))["type"] == "rate_limit_error"


@pytest.mark.parametrize(
    ("answer", "status", "kind"),
    [
        (Answer.error(400, "no"), 400, "invalid_request_error"),
        (Answer.error(404, "no"), 404, "not_found_error"),
        (Answer.error(529, "no"), 529, "overloaded_error"),
        (Answer.html(), 502, "api_error"),
        (Answer.json({"detail": "no"}, 422), 422, "invalid_request_error"),
        (Answer.reset(), 502, "api_error"),
    ],
)
def test_errors_of_another_dialect_become_anthropics(
    everything: Served, upstream: ScriptedUpstream, answer: Answer, status: int, kind: str
) -> None:
    """What the upstream says in other words reaches the client in Anthropic's."""
    upstream.add(answer)
    answered = _post(everything, "messages")
    error = answered.json["error"]
    assert (answered.status, answered.json["type"], error["type"]) == (status, "error", kind)


def test_anthropics_own_errors_pass_as_they_are(everything: Served, upstream: ScriptedUpstream) -> None:
    """Byte for byte, with its headers."""
    raw = b'{ "type":"error","error":{"type":"overloaded_error","message":"Overloaded","x":1.0}}'
    headers = {"request-id": "req_up", "retry-after": "3", "anthropic-ratelimit-requests-limit": "5"}
    upstream.add(Answer.json(raw, 529, headers))
    answered = _post(everything, "messages", anthropic_version="2023-06-01")
    assert (answered.status, answered.body) == (529, raw)
    assert {name: answered.header(name) for name in headers} == headers


def test_x_api_key_is_gauds(serve: Starter, upstream: ScriptedUpstream) -> None:
    """It is taken as Anthropic's clients send it, and never passed on."""
    gaud = serve(acme=AcmeSettings(url=upstream.url), kind=Everything, key=ADMIN)
    upstream.add(Answer.json({"type": "message", "usage": {"input_tokens": 1, "output_tokens": 1}}))
    assert _post(gaud, "messages", x_api_key=ADMIN).status == 200
    assert upstream.wait_call().header("x-api-key") is None


ENDS = [
    ("messages", [START], STOP, "event: error"),
    ("responses", [CREATED], COMPLETED, "event: error"),
    ("images/generations", [sse({"type": "image_generation.partial_image"})], b"", "event: error"),
    (
        "audio/speech",
        [sse({"type": "speech.audio.delta"})],
        sse({"type": "speech.audio.done"}),
        "event: error",
    ),
    ("completions", [sse({"choices": [{"text": "x"}]})], DONE, "data: {"),
]


@pytest.mark.parametrize(("endpoint", "begun", "end", "error"), ENDS, ids=[each[0] for each in ENDS])
@pytest.mark.parametrize("how", ["cut", "ended", "error", "foreign"])
def test_a_broken_stream_ends_in_an_error(
    everything: Served,
    upstream: ScriptedUpstream,
    endpoint: str,
    begun: list[bytes],
    end: bytes,
    error: str,
    how: str,
) -> None:
    """In the endpoint's own dialect, and never in a clean end, also if the upstream sends one behind it."""
    told = {"type": "error", "error": {"type": "overloaded_error", "message": "full", "code": "529"}}
    foreign = sse({"error": {"message": "full", "code": "529"}})
    own = foreign if endpoint == "completions" else sse(told)
    answers = {
        "cut": Answer.unterminated(begun),
        "ended": Answer.stream(begun),
        "error": Answer.stream([*begun, own, end]),
        "foreign": Answer.stream([*begun, foreign, end, DONE]),
    }
    upstream.add(answers[how])
    answered = _post(everything, endpoint, HELLO | {"stream": True, "stream_format": "sse"})
    assert (answered.status, answered.complete) == (200, True)
    assert answered.body.startswith(b"".join(begun))
    rest = answered.body.removeprefix(b"".join(begun)).decode()
    assert DONE.decode() not in rest
    assert not end or end.decode() not in rest
    if how != "error":
        last = rest.rstrip("\n").rpartition("\n\n")[2]
        assert last.startswith(error)
        assert json.loads(last.partition("data: ")[2])["error"]["message"]
    row = only(everything)
    assert row.status == (502 if how in {"cut", "ended"} else 529)


def test_a_broken_answer_has_its_number(everything: Served, upstream: ScriptedUpstream) -> None:
    """The error event of Responses goes on counting, and has the members that OpenAI documents."""
    upstream.add(Answer.unterminated([CREATED]))
    answered = _post(everything, "responses", HELLO | {"stream": True})
    event = json.loads(answered.body.rpartition(b"data: ")[2])
    assert (event["type"], event["sequence_number"], event["code"]) == ("error", 7, "upstream_broke_off")
    assert event["message"] == event["error"]["message"]


# ---------------------------------------------------------------- accounting

TOKENS = {"input_tokens": 5, "output_tokens": 7}


def test_cached_tokens_of_anthropic_cost_what_they_cost(serve: Starter, upstream: ScriptedUpstream) -> None:
    """Reading from a cache and writing to one have prices of their own, and all of it is input."""

    class Cached(Everything):
        def known_models(self) -> Sequence[Model]:
            return (Model("m", price=Price(1_000_000_000, 2_000_000_000, 100_000_000, 1_250_000_000)),)

    gaud = serve(acme=AcmeSettings(url=upstream.url), kind=Cached)
    usage = TOKENS | {"cache_read_input_tokens": 100, "cache_creation_input_tokens": 40}
    upstream.add(Answer.json({"type": "message", "usage": usage}))
    _post(gaud, "messages")
    row = only(gaud)
    assert (row.input_tokens, row.cached_tokens) == (145, 100)
    assert row.cost_nanos == 5 * 1000 + 100 * 100 + 40 * 1250 + 7 * 2000


class PerUnit(Everything):
    """Has prices for images and characters."""

    def known_models(self) -> Sequence[Model]:
        """Forty thousandths of a dollar for an image, fifteen millionths for a character."""
        return (Model("m", price=Price(image=40_000_000 * 10**6, character=15_000 * 10**6)),)


@pytest.mark.parametrize(
    ("endpoint", "body", "answer", "cost", "source"),
    [
        ("images/generations", {"n": 2}, Answer.json({"data": [{}, {}]}), 80_000_000, "priced"),
        ("images/generations", {"n": 3}, Answer.json({"data": [{}]}), 40_000_000, "priced"),
        (
            "audio/speech",
            {"input": "Grüße"},
            Answer.whole(b"ID3", content_type="audio/mpeg"),
            75_000,
            "priced",
        ),
        ("audio/speech", {"input": "Hi"}, Answer.error(400), 0, "none"),
        ("images/generations", {"n": 2}, Answer.error(400), 0, "none"),
        ("images/generations", {"n": 2}, Answer.reset(), 80_000_000, "estimated"),
        ("embeddings", {}, Answer.json({"usage": {"prompt_tokens": 4}}), None, "none"),
    ],
)
def test_prices_per_image_and_character(
    serve: Starter,
    upstream: ScriptedUpstream,
    endpoint: str,
    body: Any,
    answer: Answer,
    cost: int,
    source: str,
) -> None:
    """What has no tokens is priced by its own unit; without such a price the cost is unknown."""
    gaud = serve(acme=AcmeSettings(url=upstream.url), kind=PerUnit)
    upstream.add(answer)
    _post(gaud, endpoint, {"model": "acme:m", "prompt": "A parrot", **body})
    row = only(gaud)
    assert (row.cost_nanos, row.cost_source) == (cost, source)


@pytest.mark.parametrize("budget", [79_999_999, 80_000_000])
def test_a_budget_holds_for_images(serve: Starter, upstream: ScriptedUpstream, budget: int) -> None:
    """The most that so many images can cost must be left."""
    gaud = serve(acme=AcmeSettings(url=upstream.url), kind=PerUnit, key=ADMIN)
    key = member(gaud, budget=Budget(daily_nanos=budget))
    upstream.add(Answer.json({"data": [{}, {}]}))
    answered = _post(gaud, "images/generations", {"model": "acme:m", "prompt": "x", "n": 2}, key)
    assert answered.status == (200 if budget == 80_000_000 else 429)


@pytest.mark.parametrize(
    ("endpoint", "body", "most"),
    [
        ("embeddings", {"input": "x" * 300}, 130),
        ("embeddings", {"input": [1] * 300}, 320),
        ("moderations", {"input": "x" * 300}, 130),
        ("rerank", {"query": "x" * 300}, 130),
        ("messages/count_tokens", {"messages": "x" * 3000}, 0),
        ("completions", {"prompt": ["a", "b", "c"], "max_tokens": 100, "n": 2}, 650),
        ("completions", {"prompt": [[1, 2], [3]], "max_tokens": 100}, 250),
        ("responses", {"input": "x", "max_output_tokens": 100}, 130),
        ("messages", {"messages": [], "max_tokens": 100}, 130),
    ],
)
def test_what_is_reserved(
    everything: Served, upstream: ScriptedUpstream, endpoint: str, body: Any, most: int
) -> None:
    """Enough and not much more: the prompt, and an answer only where there is one."""
    upstream.add(Answer.json({"usage": TOKENS}))
    _post(everything, endpoint, {"model": "acme:m", **body})
    assert most // 2 <= only(everything).reserved_tokens <= most


def test_a_continued_answer_reserves_what_is_remembered(serve: Starter, upstream: ScriptedUpstream) -> None:
    """What the upstream knows of a conversation is not in the request, so the longest prompt is reserved."""

    class Long(Everything):
        def known_models(self) -> Sequence[Model]:
            return (Model("m", price=PRICE, max_input_tokens=100_000),)

    gaud = serve(acme=AcmeSettings(url=upstream.url), kind=Long)
    upstream.add(Answer.json({"usage": TOKENS}))
    body = {"model": "acme:m", "previous_response_id": "resp_0", "max_output_tokens": 1}
    _post(gaud, "responses", body)
    assert only(gaud).reserved_tokens == 100_001


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("endpoint", ["embeddings", "chat/completions"])
def test_usage_of_a_very_long_answer(
    everything: Served, upstream: ScriptedUpstream, endpoint: str, packed: bool
) -> None:
    """An answer that is too long to be held is booked by what its end says, also a compressed one."""
    data = [{"embedding": [0.123456 + n] * 200, "usage": "x"} for n in range(1000)]
    answer = json.dumps({"data": data, "usage": {"prompt_tokens": 5, "x": '"}'}, "model": "m"}).encode()
    assert len(answer) > 1_500_000
    headers = {"content-encoding": "gzip"} if packed else {}
    sent = gzip.compress(answer, 0) if packed else answer
    upstream.add(Answer.whole(sent, headers=headers, content_type="application/json"))
    answered = _post(everything, endpoint, accept_encoding="gzip")
    assert answered.body == sent
    assert only(everything).input_tokens == 5


def test_a_cost_that_the_upstream_tells(serve: Starter, upstream: ScriptedUpstream) -> None:
    """The header of the cost counts on every endpoint, but for what is free."""
    gaud = serve(acme=AcmeSettings(url=upstream.url), kind=Everything)
    headers = {"x-acme-cost": "0.000123"}
    upstream.add(*[Answer.json({"data": [{}]}, headers=headers)] * 2)
    upstream.add(Answer.stream([b"ID3"], headers=headers, content_type="audio/mpeg"))
    upstream.add(Answer.json({"input_tokens": 5}, headers=headers))
    for endpoint in ("images/generations", "moderations", "audio/speech", "messages/count_tokens"):
        _post(gaud, endpoint)
    found = {row.endpoint: (row.cost_nanos, row.cost_source) for row in settled(gaud, 4)}
    assert found.pop("messages/count_tokens") == (0, "none")
    assert set(found.values()) == {(123_000, "provider")}


def test_limits_of_tokens_hold(serve: Starter, upstream: ScriptedUpstream) -> None:
    """A key's tokens in a minute count on every endpoint together."""
    gaud = serve(acme=AcmeSettings(url=upstream.url), kind=Everything, key=ADMIN)
    key = member(gaud, KeyLimits(tpm=200))
    upstream.add(
        Answer.json({"usage": {"prompt_tokens": 190}}), Answer.json({"type": "message", "usage": TOKENS})
    )
    assert _post(gaud, "embeddings", key=key).status == 200
    settled(gaud)
    assert _post(gaud, "messages", key=key).status == 429
