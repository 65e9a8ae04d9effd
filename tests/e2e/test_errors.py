"""Errors as the SDK's user meets them: the right exception, and nothing that should stay inside."""

from __future__ import annotations

import openai
import pytest

from gaud_core.testing import (
    Answer,
    Cut,
    ScriptedUpstream,
    Signal,
    chat_chunk,
    chat_completion,
    chat_error_stream,
    chat_stream,
    sse,
)

from .clients import HI, sdk, text_of
from .gaud_server import Gaud

pytestmark = pytest.mark.litellm

CHUNK = sse(chat_chunk({"content": "a"}))


def error_of(caught: pytest.ExceptionInfo[openai.APIStatusError]) -> dict[str, object]:
    """The error object in the body, OpenAI's envelope taken off."""
    error: dict[str, object] = caught.value.response.json()["error"]
    return error


def test_rate_limit(client: openai.OpenAI, upstream: ScriptedUpstream) -> None:
    """LiteLLM's 429 is a RateLimitError that says when to come back."""
    upstream.add(Answer.rate_limited(), Answer.rate_limited())
    for _ in range(3):  # one 429 for each of the two deployments, then LiteLLM's own
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(model="litellm:scripted-limited", messages=HI)
    assert len(upstream.calls) == 2
    assert 0 < int(caught.value.response.headers["retry-after"]) <= 7


def test_rate_limit_passes_unchanged(client: openai.OpenAI, upstream: ScriptedUpstream) -> None:
    """An upstream's error answer is its bytes and its retry-after."""
    upstream.add(Answer.rate_limited(12))
    with pytest.raises(openai.RateLimitError, match="Rate limit reached") as caught:
        client.chat.completions.create(model="direct:x", messages=HI)
    assert caught.value.response.headers["retry-after"] == "12"
    assert error_of(caught)["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize("stream", [False, True])
def test_server_error(client: openai.OpenAI, upstream: ScriptedUpstream, stream: bool) -> None:
    """An upstream's 500 is an InternalServerError, streams included."""
    upstream.add(Answer.error(500, "scripted words"))
    with pytest.raises(openai.InternalServerError, match="scripted words"):
        client.chat.completions.create(model="litellm:scripted", messages=HI, stream=stream)


def test_refused_by_the_upstream(client: openai.OpenAI) -> None:
    """A model that LiteLLM does not have is its own BadRequestError."""
    with pytest.raises(openai.BadRequestError, match="no-such-model"):
        client.chat.completions.create(model="litellm:no-such-model", messages=HI)


def test_unknown_prefix(client: openai.OpenAI) -> None:
    """An unknown prefix is a NotFoundError that names the near one."""
    with pytest.raises(openai.NotFoundError, match="litellm:") as caught:
        client.chat.completions.create(model="litelm:mock", messages=HI)
    assert error_of(caught)["code"] == "model_not_found"


@pytest.mark.parametrize("fields", [{"model": 7}, {"messages": "x", "model": None}])
def test_bad_request(client: openai.OpenAI, fields: dict[str, object]) -> None:
    """A model that is no string is a BadRequestError that says so."""
    with pytest.raises(openai.BadRequestError, match="model"):
        client.chat.completions.create(model="litellm:mock", messages=HI, extra_body=fields)


def test_wrong_key(gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """A wrong key is an AuthenticationError, and nothing is sent upstream."""
    with sdk(gaud.url, "sk-prx-test-wrong") as client, pytest.raises(openai.AuthenticationError) as caught:
        client.chat.completions.create(model="direct:x", messages=HI)
    assert error_of(caught)["code"] == "invalid_api_key"
    assert "sk-prx-test-wrong" not in caught.value.response.text
    assert upstream.calls == []


def test_missing_key(gaud: Gaud) -> None:
    """No key is a 401 in OpenAI's envelope, with a request id."""
    answer = gaud.chat("litellm:mock", key=None)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "missing_api_key")
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/chat/completions", 405), ("GET", "/v1/nothing", 404)]
)
def test_envelope_of_wrong_routes(gaud: Gaud, method: str, path: str, status: int) -> None:
    """Wrong paths and methods have OpenAI's envelope too."""
    answer = gaud.get(path)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert answer.headers["x-request-id"]


def test_sdk_retries(gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """The SDK's own retry after a 500 succeeds through Gaud."""
    upstream.add(Answer.error(500), chat_completion("second"))
    with sdk(gaud.url, retries=1) as client:
        answer = client.chat.completions.create(model="litellm:scripted", messages=HI)
    assert answer.choices[0].message.content == "second"
    assert len(upstream.calls) == 2


def test_headers_stay_inside(client: openai.OpenAI, upstream: ScriptedUpstream) -> None:
    """Every answer has a request id, and LiteLLM's own headers do not leave by default."""
    upstream.add(chat_completion(headers={"x-upstream-secret": "1"}))
    raw = client.chat.completions.with_raw_response.create(model="litellm:scripted", messages=HI)
    assert raw.headers["x-request-id"]
    assert not [name for name in raw.headers if name.startswith(("x-litellm", "llm_provider"))]


def test_headers_let_through(client: openai.OpenAI) -> None:
    """With expose_headers LiteLLM's headers come along, and its call id is our request id."""
    raw = client.chat.completions.with_raw_response.create(model="open:mock", messages=HI)
    assert raw.headers["x-litellm-version"]
    assert raw.headers["x-litellm-call-id"] == raw.headers["x-request-id"]
    assert not [name for name in raw.headers if name.startswith("llm_provider")]


def test_error_headers_stay_inside(client: openai.OpenAI, upstream: ScriptedUpstream) -> None:
    """LiteLLM's headers stay inside on errors as well."""
    upstream.add(Answer.error(500))
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="litellm:scripted", messages=HI)
    headers = caught.value.response.headers
    assert headers["x-request-id"]
    assert not [name for name in headers if name.startswith(("x-litellm", "llm_provider"))]


def test_litellms_own_timeout(client: openai.OpenAI, upstream: ScriptedUpstream) -> None:
    """LiteLLM's own timeout reaches the user with LiteLLM's status and words."""
    upstream.add(Answer.stalled())
    with pytest.raises(openai.APIStatusError, match="Timeout") as caught:
        client.chat.completions.create(model="litellm:scripted-hasty", messages=HI)
    assert caught.value.status_code == 408


BREAKS = {
    "closed": Answer.unterminated([CHUNK, CHUNK, CHUNK]),
    "reset": Answer.unterminated([CHUNK, CHUNK, CHUNK], Cut.RESET),
    "error": chat_error_stream(["a", "b"]),
}


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("model", ["litellm:scripted", "direct:scripted"])
def test_broken_stream(client: openai.OpenAI, upstream: ScriptedUpstream, model: str, how: str) -> None:
    """A stream that breaks raises in the SDK; it never ends as if all were well."""
    upstream.add(BREAKS[how])
    with pytest.raises(openai.APIError):
        text_of(client.chat.completions.create(model=model, messages=HI, stream=True))


def test_broken_stream_ends_in_an_error_event(gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """What follows the last good chunk is an error event and no [DONE]."""
    upstream.add(BREAKS["closed"])
    answer = gaud.chat("direct:x", stream=True)
    assert answer.status_code == 200
    assert answer.content.startswith(CHUNK * 3)
    rest = answer.content.removeprefix(CHUNK * 3)
    assert b'"error"' in rest
    assert b"[DONE]" not in rest


def test_stalled_stream(client: openai.OpenAI, upstream: ScriptedUpstream) -> None:
    """A stream that falls silent for longer than the idle limit raises in the SDK."""
    upstream.add(Answer.stream([CHUNK, CHUNK, Signal()]))
    with pytest.raises(openai.APIError, match=r"timeout|silent|idle"):
        text_of(client.chat.completions.create(model="direct:x", messages=HI, stream=True))
    assert upstream.calls[0].disconnected.wait_blocking(1)


def test_slow_stream_is_not_cut(client: openai.OpenAI, upstream: ScriptedUpstream) -> None:
    """A stream that flows for longer than timeout_secs, with pauses below it, is whole at its end."""
    raw = b"".join(step for step in chat_stream(["a", "b", "c"]).steps if isinstance(step, bytes))
    upstream.add(Answer.drip(raw, seconds=0.25, size=len(raw) // 11))
    assert text_of(client.chat.completions.create(model="direct:x", messages=HI, stream=True)) == "abc"


@pytest.mark.parametrize("model", ["litellm:scripted", "direct:scripted"])
def test_leaving_a_stream(client: openai.OpenAI, upstream: ScriptedUpstream, model: str) -> None:
    """A client that leaves in mid stream closes the call at the far upstream within a second."""
    upstream.add(Answer.stream([CHUNK, CHUNK, CHUNK, Signal()]))
    with client.chat.completions.create(model=model, messages=HI, stream=True) as stream:
        next(iter(stream))
    assert upstream.calls[0].disconnected.wait_blocking(1)


def test_leaving_a_whole_call(gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """A client that leaves while it waits for a whole answer closes Gaud's upstream call within a second."""
    upstream.add(Answer.stalled())
    with sdk(gaud.url) as client, pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.3).chat.completions.create(model="direct:x", messages=HI)
    assert upstream.calls[0].disconnected.wait_blocking(1)
