"""What the real LiteLLM does, without Gaud: facts that the gateway and the other tests here rely on."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from gaud_core.testing import Answer, Cut, ScriptedUpstream, chat_chunk, chat_error_stream, chat_stream, sse

from .litellm_proxy import MASTER_KEY, MOCK_TEXT
from .processes import Server

pytestmark = pytest.mark.litellm

BODY = {"model": "scripted", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def http(litellm: Server) -> Iterator[httpx.Client]:
    """A client with the master key."""
    headers = {"authorization": f"Bearer {MASTER_KEY}"}
    with httpx.Client(base_url=litellm.url, headers=headers, trust_env=False, timeout=30) as client:
        yield client


def test_says_that_it_lives(litellm: Server) -> None:
    """Liveliness needs no key and answers with a JSON string."""
    assert httpx.get(f"{litellm.url}/health/liveliness", trust_env=False).json() == "I'm alive!"


def test_lists_its_models(http: httpx.Client) -> None:
    """Configured names are listed as they are, a wildcard as the models known for it."""
    ids = [model["id"] for model in http.get("/v1/models").json()["data"]]
    assert {"mock", "vendor/eu.mock-v2:0", "scripted"} <= set(ids)
    assert any(name.startswith("anthropic/claude-") for name in ids)
    assert not [name for name in ids if "*" in name]


def test_prices_its_models(http: httpx.Client) -> None:
    """Prices come per token in dollars; a model that LiteLLM knows no price of has 0 in this version."""
    rows = {row["model_name"]: row["model_info"] for row in http.get("/model/info").json()["data"]}
    assert rows["mock-priced"]["input_cost_per_token"] == 2.5e-06
    assert rows["mock-priced"]["output_cost_per_token"] == 1e-05
    assert rows["mock"]["input_cost_per_token"] == 0


def test_mock_answers(http: httpx.Client) -> None:
    """A mock model answers without an upstream and carries our call id back."""
    answer = http.post(
        "/v1/chat/completions", json=BODY | {"model": "mock"}, headers={"x-litellm-call-id": "ours"}
    )
    assert answer.json()["choices"][0]["message"]["content"] == MOCK_TEXT
    assert answer.headers["x-litellm-call-id"] == "ours"


def test_wrong_key_is_a_400(http: httpx.Client) -> None:
    """Without a database a wrong key is told as `no_db_connection`, status 400."""
    answer = http.get("/v1/models", headers={"authorization": "Bearer sk-test-wrong"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "no_db_connection")


def test_missing_key_is_a_500(litellm: Server) -> None:
    """Without any key it answers 500, with no word about keys."""
    answer = httpx.get(f"{litellm.url}/v1/models", trust_env=False)
    assert (answer.status_code, answer.json()["error"]["message"]) == (500, "Internal server error")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503])
def test_keeps_an_upstream_status(http: httpx.Client, upstream: ScriptedUpstream, status: int) -> None:
    """An upstream's error keeps its status and gets LiteLLM's own sentence around it."""
    upstream.add(Answer.error(status, "scripted words"))
    answer = http.post("/v1/chat/completions", json=BODY)
    assert answer.status_code == status
    assert "scripted words" in answer.json()["error"]["message"]


def test_drops_an_upstreams_retry_after(http: httpx.Client, upstream: ScriptedUpstream) -> None:
    """The upstream's retry-after does not come through; LiteLLM's own, of its cooldown, does."""
    upstream.add(Answer.rate_limited(12))
    answer = http.post("/v1/chat/completions", json=BODY)
    assert answer.status_code == 429
    assert "retry-after" not in answer.headers


def test_always_asks_for_usage(http: httpx.Client, upstream: ScriptedUpstream) -> None:
    """LiteLLM asks its upstream for usage in streams, and hides it from a client who did not."""
    upstream.add(chat_stream())
    answer = http.post("/v1/chat/completions", json=BODY | {"stream": True})
    assert upstream.calls[0].json["stream_options"] == {"include_usage": True}
    assert "usage" not in answer.text


def test_own_timeout_is_a_408(http: httpx.Client, upstream: ScriptedUpstream) -> None:
    """LiteLLM's own timeout is a 408, not a 504."""
    upstream.add(Answer.stalled())
    answer = http.post("/v1/chat/completions", json=BODY | {"model": "scripted-hasty"})
    assert answer.status_code == 408
    assert "Timeout" in answer.json()["error"]["message"]


@pytest.mark.parametrize("cut", [Cut.CLOSE, Cut.RESET])
def test_early_break_is_a_500(http: httpx.Client, upstream: ScriptedUpstream, cut: Cut) -> None:
    """A stream that breaks before its first chunk is no stream for LiteLLM but a 500."""
    upstream.add(Answer.unterminated([], cut))
    assert http.post("/v1/chat/completions", json=BODY | {"stream": True}).status_code == 500


def test_late_error_is_an_event(http: httpx.Client, upstream: ScriptedUpstream) -> None:
    """A later error is an error event, and this version sends no [DONE] after it."""
    upstream.add(chat_error_stream(["a", "b"], message="scripted words"))
    answer = http.post("/v1/chat/completions", json=BODY | {"stream": True})
    last = answer.text.strip().split("\n\n")[-1]
    assert answer.status_code == 200
    assert last.startswith('data: {"error"')
    assert "scripted words" in last


def test_missing_done_is_mended(http: httpx.Client, upstream: ScriptedUpstream) -> None:
    """A stream that ends in order but without finish and [DONE] gets both from LiteLLM."""
    upstream.add(Answer.stream([sse(chat_chunk({"content": "a"}))]))
    answer = http.post("/v1/chat/completions", json=BODY | {"stream": True})
    assert '"finish_reason":"stop"' in answer.text
    assert answer.text.strip().endswith("data: [DONE]")


def test_leaves_its_upstream_with_the_client(http: httpx.Client, upstream: ScriptedUpstream) -> None:
    """When its client leaves a stream, LiteLLM closes the call behind it at once."""
    upstream.add(Answer.drip(sse(chat_chunk({"content": "a"})) * 500, size=200))
    with http.stream("POST", "/v1/chat/completions", json=BODY | {"stream": True}) as answer:
        next(answer.iter_raw())
    assert upstream.calls[0].disconnected.wait_blocking(1)
