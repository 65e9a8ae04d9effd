"""Headers: what belongs to the call crosses, what belongs to one of the two connections does not."""

from __future__ import annotations

import pytest

from gaud_core.testing import Answer, ScriptedUpstream, chat_completion

from .support import UPSTREAM_KEY, AcmeSettings, Served, Starter
from .wire import chat, head_of

KEY = "sk-prx-test-key"
SECRETS = {
    "authorization": f"Bearer {KEY}",
    "x-api-key": KEY,
    "x-goog-api-key": KEY,
    "api-key": KEY,
    "cookie": f"session={KEY}",
    "proxy-authorization": f"Basic {KEY}",
}


def test_client_credentials_never_reach_the_upstream(serve: Starter, upstream: ScriptedUpstream) -> None:
    """Whatever a client can send a key in stays inside; the upstream gets its own."""
    upstream.add(chat_completion())
    gaud = serve(acme=AcmeSettings(url=upstream.url), key=KEY)
    assert gaud.chat(headers=list(SECRETS.items())).status == 200
    seen = upstream.wait_call()
    assert KEY.encode() not in seen.request.head
    assert seen.request.headers_named("authorization") == [f"Bearer {UPSTREAM_KEY}"]


def test_without_an_upstream_key_none_is_sent(serve: Starter, upstream: ScriptedUpstream) -> None:
    """The client's key does not fill the gap."""
    upstream.add(chat_completion())
    serve(acme=AcmeSettings(url=upstream.url, api_key=None)).chat(headers=list(SECRETS.items()))
    assert upstream.wait_call().header("authorization") is None


def test_headers_of_the_call_travel(gaud: Served, upstream: ScriptedUpstream) -> None:
    """What describes the call goes along; the rest of a client's headers does not."""
    travelling = {
        "openai-beta": "x=v2",
        "idempotency-key": "i-1",
        "traceparent": "00-1-2-01",
        "user-agent": "me/1",
    }
    staying = {
        "x-forwarded-for": "10.0.0.1",
        "x-stainless-lang": "python",
        "origin": "http://a.test",
        "te": "trailers",
    }
    staying |= {
        "proxy-connection": "keep-alive",
        "upgrade-insecure-requests": "1",
        "forwarded": "for=10.0.0.1",
    }
    upstream.add(chat_completion())
    gaud.chat(headers=[*travelling.items(), *staying.items()])
    seen = upstream.wait_call()
    assert {name: seen.header(name) for name in travelling} == travelling
    assert {name: seen.header(name) for name in staying} == dict.fromkeys(staying)


@pytest.mark.parametrize(
    ("told", "sent"),
    [
        ("application/x-www-form-urlencoded", "application/json"),
        ("application/json; charset=utf-8", "application/json; charset=utf-8"),
    ],
)
def test_a_body_that_was_read_as_json_is_sent_as_json(
    gaud: Served, upstream: ScriptedUpstream, told: str, sent: str
) -> None:
    """`curl -d` calls everything a form, and LiteLLM believes that."""
    upstream.add(chat_completion())
    body = chat()
    lines = [("content-type", told), ("content-length", str(len(body)))]
    assert gaud.send(head_of("POST", "/v1/chat/completions", lines) + body).status == 200
    assert upstream.wait_call().request.headers_named("content-type") == [sent]


def test_client_cannot_set_what_the_provider_sets(gaud: Served, upstream: ScriptedUpstream) -> None:
    """The id of the call is the gateway's own, and appears once."""
    upstream.add(chat_completion())
    answered = gaud.chat(headers=[("x-call-id", "forged"), ("x-request-id", "forged")])
    assert upstream.wait_call().request.headers_named("x-call-id") == [answered.header("x-request-id")]
    assert "forged" not in str(answered.headers)


def test_host_and_length_are_the_gateways_own(gaud: Served, upstream: ScriptedUpstream) -> None:
    """The upstream sees its own name, the changed body's length, and each of them once."""
    upstream.add(chat_completion())
    gaud.post(chat("acme:m"))
    seen = upstream.wait_call()
    assert seen.request.headers_named("host") == [upstream.url.removeprefix("http://")]
    assert seen.request.headers_named("content-length") == [str(len(seen.body))]
    assert seen.request.headers_named("transfer-encoding") == []


@pytest.mark.parametrize(
    ("offered", "whole"),
    [
        ("gzip, deflate, br, zstd", "gzip, deflate"),
        ("br", "identity"),
        ("gzip;q=0, deflate", "deflate"),
        ("", "identity"),
        ("*", "identity"),
        ("GZIP;q=0.5", "gzip"),
        ("gzip;q=0.000", "identity"),
    ],
)
def test_encodings_that_can_be_read(
    gaud: Served, upstream: ScriptedUpstream, offered: str, whole: str
) -> None:
    """Whole answers may come as the client and the gateway can both read them; streams come plain."""
    for stream, expected in ((False, whole), (True, "identity")):
        upstream.reset()
        gaud.chat(stream=stream, headers=[("accept-encoding", offered)])
        assert upstream.wait_call().header("accept-encoding") == expected


NEVER_BACK = {
    "set-cookie": "session=upstream",
    "server": "upstream/1",
    "connection": "keep-alive",
    "keep-alive": "timeout=5",
    "proxy-authenticate": "Basic",
    "www-authenticate": "Bearer",
    "trailer": "x",
    "upgrade": "h2c",
    "alt-svc": 'h3=":443"',
    "strict-transport-security": "max-age=1",
    "access-control-allow-origin": "*",
    "x-request-id": "req_upstream",
    "x-acme-key": "inside",
}


@pytest.mark.parametrize("status", [200, 400, 500])
def test_what_stays_inside_on_the_way_back(gaud: Served, upstream: ScriptedUpstream, status: int) -> None:
    """Cookies, hop-by-hop headers and what the provider hides are not the client's business."""
    upstream.add(
        Answer.json({}, status, [*NEVER_BACK.items(), ("x-ratelimit-remaining", "7"), ("openai-model", "m")])
    )
    answered = gaud.chat()
    crossed = {
        name: answered.all(name) for name in NEVER_BACK if answered.all(name) and name != "x-request-id"
    }
    assert crossed == {}
    assert answered.all("x-request-id")[0].startswith("req_")
    assert len(answered.all("x-request-id")) == 1
    assert (answered.header("x-ratelimit-remaining"), answered.header("openai-model")) == ("7", "m")


def test_repeated_answer_headers_all_arrive(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A header that came twice is there twice, in order."""
    upstream.add(Answer.json({}, headers=[("x-two", "a"), ("x-two", "b")]))
    assert gaud.chat().all("x-two") == ["a", "b"]


def test_repeated_request_headers_all_arrive(gaud: Served, upstream: ScriptedUpstream) -> None:
    """A list in several lines is one list (RFC 9110 §5.3)."""
    upstream.add(chat_completion())
    gaud.chat(headers=[("openai-beta", "a=1"), ("openai-beta", "b=2")])
    assert ", ".join(upstream.wait_call().request.headers_named("openai-beta")) == "a=1, b=2"


def test_headers_named_by_connection_stay(gaud: Served, upstream: ScriptedUpstream) -> None:
    """`connection` names further headers of this hop only (RFC 9110 §7.6.1), in both directions."""
    upstream.add(Answer.json({}, headers={"connection": "x-hop", "x-hop": "1"}))
    answered = gaud.chat(headers=[("connection", "openai-beta"), ("openai-beta", "hop")])
    assert (upstream.wait_call().header("openai-beta"), answered.header("x-hop")) == (None, None)


@pytest.mark.parametrize("value", ["grüße".encode(), "grüße".encode("latin-1")], ids=["utf-8", "latin-1"])
def test_request_header_bytes_arrive(gaud: Served, upstream: ScriptedUpstream, value: bytes) -> None:
    """A header's value reaches the upstream byte for byte."""
    upstream.add(chat_completion())
    gaud.chat(headers=[("user-agent", value)])
    assert (upstream.wait_call().header("user-agent") or "").encode("latin-1") == value


@pytest.mark.parametrize("value", ["grüße 😀".encode(), "grüße".encode("latin-1")], ids=["utf-8", "latin-1"])
def test_answer_header_bytes_arrive(gaud: Served, upstream: ScriptedUpstream, value: bytes) -> None:
    """A header's value reaches the client byte for byte."""
    upstream.add(Answer.json({}, headers={"x-text": value.decode("latin-1")}))
    assert dict(gaud.chat().headers)["x-text"] == value
