"""The session's servers: a scripted upstream, a real LiteLLM before it, a real Gaud before both."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import openai
import pytest

from gaud_core.testing import Answer, ScriptedUpstream

from .clients import sdk
from .gaud_server import Gaud, Starter, provider_toml
from .litellm_proxy import MASTER_KEY, start_litellm
from .processes import Server, until

_MISSING = (
    "GAUD_TEST_LITELLM is not set: it names the command of a real LiteLLM, such as .venv-litellm/bin/litellm "
    "(`make test` makes it). Set it to `skip` to do without these tests."
)


@pytest.fixture(scope="session")
def litellm_command() -> str:
    """The real LiteLLM's command; a missing one is a failure, for skipped tests prove nothing."""
    command = os.environ.get("GAUD_TEST_LITELLM", "")
    if command == "skip":
        pytest.skip("GAUD_TEST_LITELLM=skip: nothing is shown against the real LiteLLM")
    if not command:
        pytest.fail(_MISSING, pytrace=False)
    if not Path(command).exists():
        pytest.fail(f"GAUD_TEST_LITELLM names {command}, which does not exist", pytrace=False)
    return str(Path(command).absolute())


@pytest.fixture(scope="session")
def session_upstream() -> Iterator[ScriptedUpstream]:
    """The scripted upstream behind LiteLLM; it also plays LiteLLM's health for the instance `direct`."""
    with ScriptedUpstream.in_thread() as upstream:
        upstream.on("/health/liveliness", Answer.json("I'm alive!"))
        yield upstream


@pytest.fixture
def upstream(session_upstream: ScriptedUpstream) -> Iterator[ScriptedUpstream]:
    """The scripted upstream with a fresh script; what its handlers raise fails the test."""
    session_upstream.reset()
    yield session_upstream
    session_upstream.raise_errors()


@pytest.fixture(scope="session")
def session_litellm(
    litellm_command: str, session_upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A real LiteLLM proxy; see `litellm_proxy.py` for its models."""
    server = start_litellm(litellm_command, session_upstream.url, tmp_path_factory.mktemp("litellm"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def session_gaud(
    session_litellm: Server, session_upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gaud]:
    """A gateway whose breaker hardly opens, so that tests of errors do not disturb each other.

    Its instances: `litellm` as in the guide, `open` the same with LiteLLM's headers let through, `direct`
    with the scripted upstream in LiteLLM's place.
    """
    toml = "[breaker]\nfailure_threshold = 1000\n\n"
    toml += provider_toml(session_litellm.url, api_key=MASTER_KEY)
    toml += provider_toml(session_litellm.url, "open", api_key=MASTER_KEY, expose_headers=["x-litellm-*"])
    toml += provider_toml(session_upstream.url, "direct", discover_models=False, timeout_secs=2)
    gaud = Gaud.start(tmp_path_factory.mktemp("gaud"), toml, {})
    until(lambda: "litellm:mock" in gaud.models(), "the first discovery")
    yield gaud
    gaud.server.stop()
    assert "Traceback" not in gaud.log, gaud.server.tail(200)


@pytest.fixture
def litellm(session_litellm: Server) -> Server:
    """The real LiteLLM."""
    return session_litellm


@pytest.fixture
def gaud(session_gaud: Gaud) -> Gaud:
    """The session's gateway."""
    return session_gaud


@pytest.fixture
def client(gaud: Gaud) -> Iterator[openai.OpenAI]:
    """OpenAI's SDK on the session's gateway."""
    with sdk(gaud.url) as made:
        yield made


@pytest.fixture
def start_gaud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """Start gateways of the test's own; they are stopped after it."""
    starter = Starter(lambda: tmp_path_factory.mktemp("gaud"))
    yield starter
    for gaud in starter.started:
        gaud.server.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the ends of the servers' logs into the report of a test that fails."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for server in _servers(item.funcargs.values()):
            report.sections.append((f"{server.name} on {server.url}", server.tail()))
    return report


def _servers(values: Iterable[object]) -> Iterator[Server]:
    """Find the servers among a test's fixtures, each once."""
    found: dict[str, Server] = {}
    for value in values:
        gauds = value.started if isinstance(value, Starter) else [value]
        for gaud in gauds:
            server = gaud.server if isinstance(gaud, Gaud) else gaud
            if isinstance(server, Server):
                found[server.url] = server
    yield from found.values()
