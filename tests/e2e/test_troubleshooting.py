"""The guide's troubleshooting section: what a user sees for each symptom, and that it names the cure."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from gaud_core.testing import (
    Answer,
    ScriptedUpstream,
    Signal,
    chat_chunk,
    chat_completion,
    chat_error_stream,
    sse,
)

from .gaud_server import Gaud, Starter, provider_toml
from .litellm_proxy import MASTER_KEY
from .processes import Server, free_port, until

pytestmark = pytest.mark.litellm


def told(gaud: Gaud, *phrases: str) -> None:
    """Wait until the log and the instance's last error in `/health` both have all phrases."""

    def everywhere() -> bool:
        places = (gaud.log, str(gaud.health()["last_error"]))
        return all(phrase in place for place in places for phrase in phrases)

    until(everywhere, f"{phrases} in the log and in /health")


# LiteLLM not reachable


def unreachable() -> str:
    """A provider section for an address where nobody listens."""
    return provider_toml(f"http://127.0.0.1:{free_port()}", api_key=MASTER_KEY)


def test_unreachable_at_start(start_gaud: Starter) -> None:
    """The log says that the provider's start failed, at which address, and which setting to look at."""
    gaud = start_gaud(unreachable())
    told(gaud, "providers.litellm.url")
    assert "LiteLLM provider init failed: " in gaud.log
    assert gaud.health()["healthy"] is False


def test_unreachable_for_a_caller(start_gaud: Starter) -> None:
    """A caller gets a 502 in OpenAI's envelope, and the operator's cure in x-gaud-hint."""
    answer = start_gaud(unreachable()).chat("litellm:mock")
    assert answer.status_code == 502
    assert "litellm" in answer.json()["error"]["message"].lower()
    assert "providers.litellm.url" in answer.headers["x-gaud-hint"]


def test_unreachable_on_the_command_line(start_gaud: Starter) -> None:
    """`gaud models` says the same, in its output and by its exit code."""
    done = start_gaud(unreachable()).command("models")
    assert done.returncode != 0
    assert "providers.litellm.url" in done.stdout + done.stderr


def test_check_reports_every_mistake(start_gaud: Starter) -> None:
    """`gaud check` reports all mistakes of a section at once, with their paths, and exits with 2."""
    gaud = start_gaud(unreachable())
    wrong = """
[providers.litellm]
url = "localhost"
timeout_secs = -1
modles = []
"""
    gaud.config.write_text(wrong)
    done = gaud.command("check")
    assert done.returncode == 2
    for path in ("providers.litellm.url", "providers.litellm.timeout_secs", "providers.litellm.modles"):
        assert path in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


# Model discovery returns empty list


@pytest.fixture
def barren(start_gaud: Starter) -> Iterator[Gaud]:
    """A gateway in front of something like a LiteLLM that has no models."""
    with ScriptedUpstream.in_thread() as upstream:
        upstream.on("/health/liveliness", Answer.json("I'm alive!"))
        upstream.on("/model/info", Answer.json({"data": []}))
        upstream.on("/v1/models", Answer.json({"data": [], "object": "list"}))
        yield start_gaud(provider_toml(upstream.url, api_key="sk-test-x"))


def test_empty_discovery(barren: Gaud) -> None:
    """A LiteLLM that lists nothing is healthy; the log says what to look at there."""
    until(lambda: "no models" in barren.log, "the warning in the log")
    assert "model_list" in barren.log
    until(lambda: barren.health()["healthy"] is True, "its health")
    assert barren.models() == []


def test_empty_discovery_on_the_command_line(barren: Gaud) -> None:
    """`gaud models` says that there are none, and why that may be."""
    done = barren.command("models")
    assert "no models" in done.stdout + done.stderr
    assert "model_list" in done.stdout + done.stderr


# Authentication errors


@pytest.fixture(params=["wrong", "missing"])
def badly_keyed(request: pytest.FixtureRequest, start_gaud: Starter, litellm: Server) -> Gaud:
    """A gateway whose key for LiteLLM is wrong (LiteLLM says 400) or missing (LiteLLM says 500)."""
    settings = {"api_key": "sk-test-wrong"} if request.param == "wrong" else {}
    return start_gaud(provider_toml(litellm.url, **settings))


def test_bad_key_at_start(badly_keyed: Gaud) -> None:
    """The log and /health name the setting and LiteLLM's own name for it, and never the key."""
    told(badly_keyed, "providers.litellm.api_key", "master_key")
    assert "sk-test-wrong" not in badly_keyed.log


def test_bad_key_for_a_caller(badly_keyed: Gaud) -> None:
    """A caller's answer carries the cure; he himself has made no mistake."""
    answer = badly_keyed.chat("litellm:mock")
    assert answer.status_code >= 400
    assert "providers.litellm.api_key" in answer.headers["x-gaud-hint"]


def test_bad_key_on_the_command_line(badly_keyed: Gaud) -> None:
    """`gaud models` names the setting."""
    done = badly_keyed.command("models")
    assert done.returncode != 0
    assert "providers.litellm.api_key" in done.stdout + done.stderr


@pytest.mark.parametrize("status", [401, 403])
def test_refused_key(gaud: Gaud, upstream: ScriptedUpstream, status: int) -> None:
    """With a database LiteLLM answers 401 or 403: it passes, and the hint names the setting."""
    upstream.add(Answer.error(status, "Authentication Error", "auth_error"))
    answer = gaud.chat("direct:x")
    assert answer.status_code == status
    assert "providers.direct.api_key" in answer.headers["x-gaud-hint"]


# Streaming responses hang or timeout


def test_whole_timeout(gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """A whole answer that does not come in time is a 504 that names timeout_secs."""
    upstream.add(Answer.stalled())
    answer = gaud.chat("direct:x")
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout")
    assert "providers.direct.timeout_secs" in answer.headers["x-gaud-hint"]


def test_stream_timeout(gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """A stream that hangs ends in an error event; the log names timeout_secs."""
    upstream.add(Answer.stream([sse(chat_chunk({"content": "a"})), Signal()]))
    answer = gaud.chat("direct:x", stream=True)
    assert b'"upstream_timeout"' in answer.content
    assert b"[DONE]" not in answer.content
    until(lambda: "providers.direct.timeout_secs" in gaud.log, "the hint in the log")


def test_litellms_own_timeout(gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """When it was LiteLLM that gave up, the hint names LiteLLM's setting, for ours would not help."""
    upstream.add(Answer.stalled())
    answer = gaud.chat("litellm:scripted-hasty", stream=True)
    assert answer.status_code == 408
    assert "stream_timeout" in answer.headers["x-gaud-hint"]


# Circuit breaker keeps tripping


@pytest.fixture
def tripped(start_gaud: Starter, litellm: Server, upstream: ScriptedUpstream) -> Gaud:
    """A gateway whose breaker was opened by three errors of the upstream behind LiteLLM."""
    upstream.add(*[Answer.error(500, "scripted words")] * 3)
    gaud = start_gaud(provider_toml(litellm.url, api_key=MASTER_KEY))
    assert [gaud.chat("litellm:scripted").status_code for _ in range(3)] == [500] * 3
    return gaud


def test_open_breaker_for_a_caller(tripped: Gaud, upstream: ScriptedUpstream) -> None:
    """The fourth call is a 503 that says why and when to come back, and LiteLLM is not asked."""
    answer = tripped.chat("litellm:scripted")
    assert answer.status_code == 503
    assert 0 < int(answer.headers["retry-after"]) <= 30
    assert "3" in answer.json()["error"]["message"]
    assert "scripted words" in answer.json()["error"]["message"]
    assert "LiteLLM's log" in answer.headers["x-gaud-hint"]
    assert len(upstream.calls) == 3


def test_open_breaker_in_health(tripped: Gaud) -> None:
    """`/health` is 200, says that the breaker is open, and what the last error was."""
    assert tripped.get("/health").status_code == 200
    health = tripped.health()
    assert health["breaker"] == "open"
    assert "scripted words" in health["last_error"]


def test_open_breaker_in_the_log(tripped: Gaud) -> None:
    """The log says that the breaker opened, for how long, and after what."""
    until(lambda: "breaker" in tripped.log, "the line in the log")
    line = next(line for line in tripped.log.splitlines() if "breaker" in line)
    assert "30" in line


def test_breaker_closes_by_itself(start_gaud: Starter, upstream: ScriptedUpstream) -> None:
    """Once the cause is cured, two good test calls close it again, without anybody's help."""
    upstream.add(*[Answer.error(500, "scripted words")] * 3, *[chat_completion()] * 2)
    toml = "[breaker]\nopen_secs = 1\n\n" + provider_toml(upstream.url, discover_models=False)
    gaud = start_gaud(toml)
    assert [gaud.chat("litellm:x").status_code for _ in range(4)] == [500, 500, 500, 503]
    until(lambda: gaud.health()["breaker"] == "half-open", "the breaker to be half-open", 3)
    assert [gaud.chat("litellm:x").status_code for _ in range(2)] == [200, 200]
    assert gaud.health()["breaker"] == "closed"


def test_client_errors_do_not_trip(start_gaud: Starter, litellm: Server, upstream: ScriptedUpstream) -> None:
    """Any number of 4xx leaves the breaker closed."""
    upstream.add(*[Answer.error(400)] * 5)
    gaud = start_gaud(provider_toml(litellm.url, api_key=MASTER_KEY))
    assert [gaud.chat("litellm:scripted").status_code for _ in range(5)] == [400] * 5
    assert gaud.health()["breaker"] == "closed"


def test_broken_streams_trip(start_gaud: Starter, litellm: Server, upstream: ScriptedUpstream) -> None:
    """Three streams that broke open the breaker, although each had begun with a 200."""
    upstream.add(*[chat_error_stream(["a", "b"])] * 3)
    gaud = start_gaud(provider_toml(litellm.url, api_key=MASTER_KEY))
    assert [gaud.chat("litellm:scripted", stream=True).status_code for _ in range(3)] == [200] * 3
    assert gaud.health()["breaker"] == "open"


def test_refusals_in_streams_do_not_trip(start_gaud: Starter, upstream: ScriptedUpstream) -> None:
    """An error event that tells a 4xx is a client's error, not the upstream's."""
    upstream.add(*[chat_error_stream(["a"], code="429")] * 3)
    gaud = start_gaud(provider_toml(upstream.url, discover_models=False))
    assert [gaud.chat("litellm:x", stream=True).status_code for _ in range(3)] == [200] * 3
    assert gaud.health()["breaker"] == "closed"


def test_leaving_clients_do_not_trip(start_gaud: Starter, upstream: ScriptedUpstream) -> None:
    """Clients that lose patience say nothing about the upstream."""
    upstream.add(chat_completion())
    gaud = start_gaud(provider_toml(upstream.url, discover_models=False))
    assert gaud.chat("litellm:x").status_code == 200  # the first call waits for a start that is under way
    upstream.reset(Answer.stalled())
    for number in (1, 2, 3):
        with pytest.raises(httpx.ReadTimeout):
            gaud.chat("litellm:x", timeout=0.3)
        assert upstream.wait_call(number).disconnected.wait_blocking(1)
    assert gaud.health()["breaker"] == "closed"


# What must not be told


def test_health_tells_no_key(gaud: Gaud) -> None:
    """`/health` and the log hold no key."""
    for place in (gaud.get("/health").text, gaud.log):
        assert MASTER_KEY not in place
        assert gaud.key not in place
