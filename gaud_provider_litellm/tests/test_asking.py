"""Discovery and health over HTTP: every answer has its sentence, and each sentence its cure."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from pytest_httpx import HTTPXMock

from gaud_core import Health, ProviderError, Unavailable, UpstreamFailed, UpstreamRefused, UpstreamTimeout
from gaud_provider_litellm import LiteLLM

pytestmark = pytest.mark.httpx_mock(assert_all_responses_were_requested=False)

Make = Callable[..., LiteLLM]

ANSWERS = Path(__file__).with_name("answers")  # of the real LiteLLM 1.102.4, shortened
URL = "http://litellm.test:4000"
MODELS, INFO = f"{URL}/v1/models", f"{URL}/model/info"
READY, DETAILS = f"{URL}/health/readiness", f"{URL}/health/readiness/details"
ALIVE = f"{URL}/health/liveliness"
NO_DB = {"error": {"message": "No connected db.", "type": "no_db_connection", "param": None, "code": "400"}}


@pytest.fixture
def litellm(httpx_mock: HTTPXMock) -> HTTPXMock:
    """A LiteLLM that tells its version; what it says of its models is up to the test."""
    httpx_mock.add_response(url=DETAILS, json={"litellm_version": "1.102.4"})
    return httpx_mock


async def test_discovery_asks_with_the_key(litellm: HTTPXMock, make: Make) -> None:
    """The key goes along, and nothing that would change the shape of the list."""
    litellm.add_response(url=MODELS, content=(ANSWERS / "v1_models.json").read_bytes())
    litellm.add_response(url=INFO, content=(ANSWERS / "model_info.json").read_bytes())
    models = await make().models()
    assert len(models) == 9
    assert [model.id for model in models if model.price] == [
        "mock-priced",
        "mock-free",
        "gpt-4o",
        "text-embedding-3-small",
        "anthropic/claude-haiku-4-5",
        "openai/whisper-1",
    ]
    for request in litellm.get_requests():
        assert request.headers["authorization"] == "Bearer sk-test-master"
        assert "anthropic-version" not in request.headers


async def test_discovery_can_be_switched_off(httpx_mock: HTTPXMock, make: Make) -> None:
    """Then nothing is asked at all."""
    assert list(await make(discover_models=False).models()) == []
    assert httpx_mock.get_requests() == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
async def test_prices_may_be_refused(
    litellm: HTTPXMock, make: Make, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A virtual key may not see /model/info: the names are there, and the reason is logged once."""
    litellm.add_response(url=MODELS, json={"data": [{"id": "a"}]}, is_reusable=True)
    litellm.add_response(url=INFO, status_code=status, is_reusable=True)
    litellm.add_response(url=DETAILS, json={}, is_reusable=True)
    litellm.add_response(url=READY, json={}, is_reusable=True)
    provider = make()
    for _ in range(2):
        assert [model.id for model in await provider.models()] == ["a"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"answers {status} at {INFO}" in caplog.text


async def test_an_empty_list_names_the_cure(
    litellm: HTTPXMock, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """The guide's symptom "model discovery returns empty list"."""
    litellm.add_response(url=MODELS, json={"object": "list", "data": []})
    litellm.add_response(url=INFO, json={"data": []})
    assert list(await make().models()) == []
    assert "model_list" in caplog.text
    assert "store_model_in_db" in caplog.text
    assert "api_key" in caplog.text


async def test_nobody_there(make: Make) -> None:
    """The guide's symptom "LiteLLM not reachable", over a real socket."""
    with socket.socket() as bound:  # bound, but it does not listen
        bound.bind(("127.0.0.1", 0))
        await refused_at(make, f"http://127.0.0.1:{bound.getsockname()[1]}")


async def refused_at(make: Make, url: str) -> None:
    """Everything that is said when nobody listens at the address."""
    provider = make(url=url)
    with pytest.raises(UpstreamFailed) as caught:
        await provider.models()
    assert caught.value.message == f"nothing answers at {url} (connection refused)."
    cure = provider.explain(caught.value)
    assert cure is not None
    assert "curl <url>/health/liveliness" in cure
    assert "In Docker" in cure
    assert (await provider.health()).detail == caught.value.message


async def test_an_unknown_host(litellm: HTTPXMock, make: Make) -> None:
    """A wrong name of the service is said as such."""
    failure = httpx.ConnectError("x")
    failure.__cause__ = socket.gaierror(-2, "Name or service not known")
    for url in (MODELS, INFO):
        litellm.add_exception(failure, url=url)
    with pytest.raises(UpstreamFailed, match="its host name is unknown"):
        await make().models()


async def test_a_wrong_key(litellm: HTTPXMock, make: Make) -> None:
    """Without a database LiteLLM answers 400, not 401; the cure is the same."""
    for url in (MODELS, INFO):
        litellm.add_response(url=url, status_code=400, json=NO_DB)
    provider = make("work")
    with pytest.raises(UpstreamRefused) as caught:
        await provider.models()
    assert caught.value.message == f"LiteLLM answers 400 at {MODELS}: No connected db."
    cure = provider.explain(caught.value)
    assert cure is not None
    assert "set providers.work.api_key to the master_key" in cure


async def test_no_answer_in_time(litellm: HTTPXMock, make: Make) -> None:
    """A LiteLLM that hangs costs a sentence."""
    for url in (MODELS, INFO):
        litellm.add_exception(httpx.ReadTimeout("x"), url=url)
    with pytest.raises(UpstreamTimeout, match=r"did not answer at .* within 30 s"):
        await make().models()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>hello</html>", "is not JSON"),
        (b'{"object":"page"}', "is no list"),
        (b"null", "is not JSON"),
        (b"[" * 50_000, "is not JSON"),
        (b" " * (33 * 2**20), "longer than 32 MB"),
    ],
)
async def test_another_server_at_the_address(litellm: HTTPXMock, make: Make, body: bytes, words: str) -> None:
    """Garbage of any size is a ProviderError that asks whether the address is right."""
    for url in (MODELS, INFO):
        litellm.add_response(url=url, content=body)
    with pytest.raises(UpstreamFailed, match=words):
        await make().models()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, UpstreamRefused), (503, Unavailable), (500, ProviderError), (302, ProviderError)],
)
async def test_each_refusal_has_its_kind(
    litellm: HTTPXMock, make: Make, status: int, kind: type[ProviderError]
) -> None:
    """LiteLLM's own errors are told from a LiteLLM that is not there."""
    for url in (MODELS, INFO):
        litellm.add_response(url=url, status_code=status, json={"detail": "x"})
    with pytest.raises(ProviderError) as caught:
        await make().models()
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    "failure", [httpx.RemoteProtocolError("x"), httpx.ReadError("x"), httpx.DecodingError("x")]
)
async def test_a_broken_answer(litellm: HTTPXMock, make: Make, failure: Exception) -> None:
    """Whatever the client raises is a ProviderError."""
    for url in (MODELS, INFO):
        litellm.add_exception(failure, url=url)
    with pytest.raises(UpstreamFailed, match="gave no whole answer"):
        await make().models()


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("1.82.7", "compromised"),
        ("1.82.8", "compromised"),
        ("1.107.3", "compromised"),
        ("1.83.14", "security holes"),
    ],
)
async def test_a_dangerous_version_is_named(
    httpx_mock: HTTPXMock, make: Make, version: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Versions of that age tell theirs in /health/readiness."""
    httpx_mock.add_response(url=DETAILS, status_code=404)
    httpx_mock.add_response(url=READY, json={"status": "healthy", "litellm_version": version})
    httpx_mock.add_response(url=MODELS, json={"data": [{"id": "a"}]})
    httpx_mock.add_response(url=INFO, json={"data": []})
    await make().models()
    assert f"LiteLLM {version}" in caplog.text
    assert words in caplog.text


@pytest.mark.parametrize("version", ["1.102.4", "1.84.0", "1.106.2", "nonsense", "", 5, None])
async def test_other_versions_are_not_worth_a_word(
    httpx_mock: HTTPXMock, make: Make, version: object, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither is one that cannot be read."""
    for url in (DETAILS, READY):
        httpx_mock.add_response(url=url, json={"litellm_version": version})
    httpx_mock.add_response(url=MODELS, json={"data": [{"id": "a"}]})
    httpx_mock.add_response(url=INFO, json={"data": []})
    await make().models()
    assert caplog.text == ""


async def test_a_live_litellm_is_healthy(httpx_mock: HTTPXMock, make: Make) -> None:
    """The answer is a JSON string; no key is sent for it, and five seconds are enough."""
    httpx_mock.add_response(url=ALIVE, json="I'm alive!")
    assert await make().health() == Health(healthy=True)
    [request] = httpx_mock.get_requests()
    assert "authorization" not in request.headers
    assert request.extensions["timeout"]["read"] == 5


async def test_a_litellm_that_stops_is_not_healthy(httpx_mock: HTTPXMock, make: Make) -> None:
    """It says so itself."""
    httpx_mock.add_response(url=ALIVE, status_code=503, json={"status": "shutting_down"})
    assert await make().health() == Health(healthy=False, detail="LiteLLM is shutting down.")


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (200, b"{}"), (404, b""), (502, b'"x"')])
async def test_another_server_is_not_healthy(
    httpx_mock: HTTPXMock, make: Make, status: int, body: bytes
) -> None:
    """A web server at the address is no LiteLLM."""
    httpx_mock.add_response(url=ALIVE, status_code=status, content=body)
    health = await make().health()
    assert not health.healthy
    assert f"answers {status}, but not as LiteLLM does" in health.detail


async def test_a_slow_litellm_is_not_healthy(httpx_mock: HTTPXMock, make: Make) -> None:
    """The detail names the limit."""
    httpx_mock.add_exception(httpx.ReadTimeout("x"), url=ALIVE)
    assert "within 5 s" in (await make().health()).detail
