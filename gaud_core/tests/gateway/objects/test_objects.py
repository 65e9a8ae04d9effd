"""Answers, files and batches by their ids: they find their upstream again, and nobody else's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gaud_core.access import KeyLimits
from gaud_core.testing import Answer, ScriptedUpstream, sse

from ..books import ADMIN, bearer, member, only, people
from ..everything import Everything
from ..support import AcmeSettings, Served, Starter
from ..wire import Answered, head_of

RESPONSE = {"id": "resp_1", "object": "response", "status": "completed", "usage": {"input_tokens": 5}}


class Work(Everything):
    """A second provider with all endpoints."""

    name = "work"
    settings_class = AcmeSettings


def _ask(gaud: Served, key: str, method: str, target: str, body: Any = None, **headers: str) -> Answered:
    sent = b"" if body is None else json.dumps(body).encode()
    lines = [*bearer(key), *headers.items(), ("content-length", str(len(sent)))]
    return gaud.send(head_of(method, target, [(k.replace("_", "-"), v) for k, v in lines]) + sent)


@pytest.fixture
def gaud(serve: Starter, upstream: ScriptedUpstream) -> Served:
    """A gateway with keys in front of one upstream that serves everything."""
    return serve(acme=AcmeSettings(url=upstream.url), kind=Everything, key=ADMIN)


@pytest.fixture
def other(serve: Starter, upstream: ScriptedUpstream) -> Served:
    """One with a second instance, so that an id alone has to say where it is."""
    settings = AcmeSettings(url=upstream.url + "/other")
    return serve(acme=AcmeSettings(url=upstream.url), kind=Everything, key=ADMIN, more={Work: settings})


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/v1/responses/resp_1"),
        ("GET", "/v1/responses/resp_1?include=a&include%5B%5D=b"),
        ("DELETE", "/v1/responses/resp_1"),
        ("POST", "/v1/responses/resp_1/cancel"),
        ("GET", "/v1/responses/resp_1/input_items?limit=2&order=asc"),
        ("GET", "/v1/files/file-1"),
        ("DELETE", "/v1/files/file-1"),
        ("POST", "/v1/batches/batch_1/cancel"),
        ("GET", "/v1/batches/batch_1"),
    ],
)
def test_method_path_and_query_arrive(
    gaud: Served, upstream: ScriptedUpstream, method: str, target: str
) -> None:
    """With one upstream no id need be known; the call is in the books and costs nothing."""
    upstream.add(Answer.json(RESPONSE))
    answered = _ask(gaud, ADMIN, method, target.removeprefix("/v1"))
    assert (answered.status, answered.json) == (200, RESPONSE)
    seen = upstream.wait_call()
    assert (seen.method, seen.target) == (method, target)
    row = only(gaud)
    assert (row.cost_nanos, row.cost_source, row.input_tokens, row.model) == (0, "none", 0, "")


def test_an_answer_is_its_makers(gaud: Served, upstream: ScriptedUpstream) -> None:
    """Another user's id is as good as none, also as `previous_response_id`."""
    ada, bob = member(gaud), member(gaud, name="Bob")
    upstream.add(*[Answer.json(RESPONSE)] * 3)
    call = {"model": "acme:m", "input": "Hi"}
    assert _ask(gaud, ada, "POST", "/v1/responses", call).status == 200
    for target in ("/v1/responses/resp_1", "/v1/responses/resp_1/input_items"):
        refused = _ask(gaud, bob, "GET", target)
        assert (refused.status, refused.error["code"]) == (404, "not_found")
    refused = _ask(gaud, bob, "POST", "/v1/responses", call | {"previous_response_id": "resp_1"})
    assert refused.status == 404
    assert _ask(gaud, ada, "GET", "/v1/responses/resp_1").status == 200
    assert _ask(gaud, ada, "POST", "/v1/responses", call | {"previous_response_id": "resp_1"}).status == 200
    assert len(upstream.calls) == 3


def test_a_stream_is_remembered_while_it_runs(gaud: Served, upstream: ScriptedUpstream) -> None:
    """Its id can be asked for before it is at its end; a broken one stays."""
    begun = sse({"type": "response.created", "response": {"id": "resp_9"}})
    upstream.add(Answer.unterminated([begun]), Answer.json(RESPONSE))
    ada, bob = member(gaud), member(gaud, name="Bob")
    _ask(gaud, ada, "POST", "/v1/responses", {"model": "acme:m", "input": "Hi", "stream": True})
    assert _ask(gaud, bob, "GET", "/v1/responses/resp_9").status == 404
    assert _ask(gaud, ada, "POST", "/v1/responses/resp_9/cancel").status == 200


def test_a_resumed_stream_passes(gaud: Served, upstream: ScriptedUpstream) -> None:
    """`GET …?stream=true` answers with events, which are booked as nothing."""
    events = [
        sse({"type": "response.output_text.delta", "sequence_number": 4, "delta": "x"}),
        sse({"type": "response.completed", "sequence_number": 5, "response": {"usage": {"input_tokens": 9}}}),
    ]
    upstream.add(Answer.stream(events))
    answered = _ask(gaud, ADMIN, "GET", "/v1/responses/resp_1?stream=true&starting_after=3")
    assert (answered.body, answered.complete) == (b"".join(events), True)
    row = only(gaud)
    assert (row.stream, row.input_tokens, row.cost_nanos) == (True, 0, 0)


def test_several_upstreams(other: Served, upstream: ScriptedUpstream) -> None:
    """An id leads to its upstream; an unknown one needs the header, which must name one that serves it."""
    upstream.add(Answer.json(RESPONSE), Answer.json(RESPONSE), Answer.json(RESPONSE))
    assert _ask(other, ADMIN, "POST", "/v1/responses", {"model": "work:m", "input": "Hi"}).status == 200
    assert _ask(other, ADMIN, "GET", "/v1/responses/resp_1").status == 200
    assert upstream.calls[-1].target == "/other/v1/responses/resp_1"
    refused = _ask(other, ADMIN, "GET", "/v1/responses/resp_2")
    assert (refused.status, refused.error["code"]) == (404, "provider_unknown")
    assert "`acme`, `work`" in refused.message
    refused = _ask(other, ADMIN, "GET", "/v1/responses/resp_2", x_gaud_provider="nobody")
    assert (refused.status, refused.error["code"]) == (404, "provider_not_found")
    assert _ask(other, ADMIN, "GET", "/v1/responses/resp_2", x_gaud_provider="work").status == 200
    seen = upstream.calls[-1]
    assert (seen.target, seen.header("x-gaud-provider")) == ("/other/v1/responses/resp_2", None)


def test_a_key_reaches_what_its_models_are_at(other: Served, upstream: ScriptedUpstream) -> None:
    """A key for models of one upstream cannot use what another keeps, not even what its user made there."""
    upstream.add(*[Answer.json(RESPONSE)] * 5)
    register = people(other)
    user = register.create_user("Ada", actor="test").id
    free = register.create_key(user, "", actor="test")[1]
    assert _ask(other, free, "POST", "/v1/responses", {"model": "acme:m", "input": "Hi"}).status == 200
    assert _ask(other, free, "GET", "/v1/responses/resp_1").status == 200
    limited = register.create_key(user, "", KeyLimits(models=("work:*",)), actor="test")[1]
    for wanted, named in (("resp_1", {}), ("resp_2", {"x_gaud_provider": "acme"})):
        refused = _ask(other, limited, "GET", f"/v1/responses/{wanted}", **named)
        assert (refused.status, refused.error["code"]) == (403, "provider_not_allowed")
    assert _ask(other, limited, "GET", "/v1/responses/resp_2").status == 200
    assert upstream.calls[-1].target == "/other/v1/responses/resp_2"  # the only one it may use
    neither = member(other, KeyLimits(models=("copilot:*",)), name="Carol")
    refused = _ask(other, neither, "GET", "/v1/files")
    assert (refused.status, refused.error["code"]) == (403, "provider_not_allowed")


def test_an_answer_is_continued_where_it_is(other: Served, upstream: ScriptedUpstream) -> None:
    """A name without prefix follows `previous_response_id`; a prefix of another upstream is a mistake."""
    upstream.add(Answer.json(RESPONSE), Answer.json(RESPONSE))
    assert _ask(other, ADMIN, "POST", "/v1/responses", {"model": "work:m", "input": "Hi"}).status == 200
    more = {"input": "Hi", "previous_response_id": "resp_1"}
    assert _ask(other, ADMIN, "POST", "/v1/responses", more | {"model": "m"}).status == 200
    assert upstream.calls[-1].target == "/other/v1/responses"
    refused = _ask(other, ADMIN, "POST", "/v1/responses", more | {"model": "acme:m"})
    assert (refused.status, refused.error["code"]) == (400, "wrong_provider")


LISTED = (
    b'{"object":"list", "data" : [ {"id":"file-1","bytes":1.50} ,{"id":"file-2"},\n{"x":1,"id":"file-3"}],'
    b'"has_more":true}'
)


@pytest.mark.parametrize(
    ("who", "shown"),
    [
        ("ada", b'[{"id":"file-1","bytes":1.50}]'),
        ("bob", b'[{"id":"file-2"}]'),
        ("eve", b"[]"),
        ("admin", b'[{"x":1,"id":"file-3"}]'),
    ],
)
def test_a_list_holds_what_is_ones_own(
    gaud: Served, upstream: ScriptedUpstream, who: str, shown: bytes
) -> None:
    """The upstream's list is of all users; what nobody has made through Gaud, only administrators see."""
    keys = {name: member(gaud, name=name) for name in ("ada", "bob", "eve")} | {"admin": ADMIN}
    _own(gaud, upstream, keys["ada"], "file-1")
    _own(gaud, upstream, keys["bob"], "file-2")
    upstream.add(Answer.json(LISTED))
    answered = _ask(gaud, keys[who], "GET", "/v1/files?purpose=batch")
    assert answered.body == b'{"object":"list", "data" : ' + shown + b',"has_more":true}'


def _own(gaud: Served, upstream: ScriptedUpstream, key: str, *files: str) -> None:
    """Let a batch of somebody's have these results."""
    upstream.add(Answer.json({"id": f"batch-{files[0]}", "output_file_id": files[0]}))
    assert _ask(gaud, key, "POST", "/v1/batches", {"endpoint": "/v1/embeddings"}).status == 200


def test_without_keys_a_list_is_whole(serve: Starter, upstream: ScriptedUpstream) -> None:
    """When nobody is anybody, nothing is hidden, byte for byte."""
    gaud = serve(acme=AcmeSettings(url=upstream.url), kind=Everything)
    upstream.add(Answer.json(LISTED))
    assert gaud.get("/v1/files").body == LISTED


@pytest.mark.parametrize("answer", [Answer.json(b'{"data":7}'), Answer.json(b"[]"), Answer.html(status=200)])
def test_what_is_no_list_is_not_shown(gaud: Served, upstream: ScriptedUpstream, answer: Answer) -> None:
    """What cannot be filtered does not go out."""
    upstream.add(answer)
    assert _ask(gaud, ADMIN, "GET", "/v1/batches").status == 502


def test_results_of_a_batch_are_its_makers(gaud: Served, upstream: ScriptedUpstream) -> None:
    """The file that comes of a batch is known once the batch has told it, and passes as it is."""
    ada, bob = member(gaud), member(gaud, name="Bob")
    upstream.add(
        Answer.json({"id": "batch_1", "output_file_id": None}),
        Answer.json({"id": "batch_1", "output_file_id": "file-out", "error_file_id": None}),
        Answer.whole(b'{"a":1}\n\x00\xff', content_type="application/octet-stream"),
    )
    assert _ask(gaud, ada, "POST", "/v1/batches", {"input_file_id": "file-in"}).status == 200
    assert _ask(gaud, ada, "GET", "/v1/batches/batch_1").status == 200
    assert _ask(gaud, bob, "GET", "/v1/files/file-out/content").status == 404
    answered = _ask(gaud, ada, "GET", "/v1/files/file-out/content")
    assert (answered.body, answered.header("content-type")) == (
        b'{"a":1}\n\x00\xff',
        "application/octet-stream",
    )


def test_a_batch_of_anothers_file(gaud: Served, upstream: ScriptedUpstream) -> None:
    """Nobody makes a batch of what is not his."""
    _own(gaud, upstream, member(gaud), "file-1")
    refused = _ask(gaud, member(gaud, name="Bob"), "POST", "/v1/batches", {"input_file_id": "file-1"})
    assert refused.status == 404


def test_a_batch_costs_what_nobody_knows(gaud: Served, upstream: ScriptedUpstream) -> None:
    """Its models are in its file, so its cost is unknown; a key for some models may not make one."""
    upstream.add(Answer.json({"id": "batch_1"}))
    limited = member(gaud, KeyLimits(models=("m",)))
    refused = _ask(gaud, limited, "POST", "/v1/batches", {"input_file_id": "f"})
    assert (refused.status, refused.error["code"]) == (403, "batch_not_allowed")
    assert _ask(gaud, ADMIN, "POST", "/v1/batches", {"input_file_id": "f"}).status == 200
    row = only(gaud)
    assert (row.cost_nanos, row.cost_source, row.endpoint) == (None, "none", "batches")


@pytest.mark.parametrize("strange", ["..", ".", "a%2fb", "%2e%2e", "a%5cb", "%ff", "a%20b", "x" * 1001])
def test_strange_ids_lead_nowhere(gaud: Served, upstream: ScriptedUpstream, strange: str) -> None:
    """No id becomes another path at the upstream."""
    assert _ask(gaud, ADMIN, "GET", f"/v1/files/{strange}/content").status == 404
    assert upstream.calls == []


def test_head_is_not_taken(gaud: Served, upstream: ScriptedUpstream) -> None:
    """It would ask the upstream for an answer that nobody can check."""
    close = [("connection", "close")]  # the answer tells a length, and has no body
    assert gaud.send(head_of("HEAD", "/v1/files/file-1", close)).status == 405
    assert upstream.calls == []


def test_requests_count_as_any(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A key's limit of requests holds; one of tokens is not touched."""
    upstream.add(Answer.json(RESPONSE), Answer.json(RESPONSE))
    key = member(gaud, KeyLimits(rpm=1, tpm=1))
    assert _ask(gaud, key, "GET", "/v1/responses/resp_1").status == 200
    assert _ask(gaud, key, "GET", "/v1/responses/resp_1").status == 429


def test_it_survives_a_restart(serve: Starter, upstream: ScriptedUpstream) -> None:
    """Another worker on the same books knows as well."""
    first = serve(acme=AcmeSettings(url=upstream.url), kind=Everything, key=ADMIN)
    second = serve(acme=AcmeSettings(url=upstream.url), kind=Everything, key=ADMIN)
    ada, bob = member(first), member(first, name="Bob")
    upstream.add(Answer.json(RESPONSE), Answer.json(RESPONSE))
    assert _ask(first, ada, "POST", "/v1/responses", {"model": "acme:m", "input": "Hi"}).status == 200
    assert _ask(second, bob, "GET", "/v1/responses/resp_1").status == 404
    assert _ask(second, ada, "GET", "/v1/responses/resp_1").status == 200
