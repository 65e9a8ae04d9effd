"""Each client, whole and streamed, with tools: through LiteLLM, and over a bridge to what only chats."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

from gaud_core.cli.clients import CLIENTS, Facts, client_named
from gaud_core.cli.run import environment_of
from gaud_core.settings import Secret

from ..gaud_server import KEY, Gaud
from ..processes import clean_environment
from .conftest import results

pytestmark = [pytest.mark.litellm, pytest.mark.clients]

Start = Callable[[str, Mapping[str, str]], str]
LITELLM, PARROT = "litellm:scripted", "toolparrot:echo"
HELLO = "Hello from a real client: grüße 😀"
EXPECTED = {
    "whole": HELLO,
    "streamed": HELLO,
    "tools": "It is sunny in Köln",
    "streamed_tools": "It is sunny in Köln",
}
CALLS = 6  # one whole, one streamed, and two each with a tool


@attrs.frozen
class Case:
    """A client, the program that uses it, the model and the endpoint; and which of its lines to paste."""

    name: str
    program: str
    model: str
    endpoint: str
    snippet: int | None = None

    def __str__(self) -> str:
        return f"{self.program}-{self.model.partition(':')[0]}-{self.endpoint}"


CASES = [
    Case("openai", "openai_chat.py", LITELLM, "chat/completions", 0),
    Case("openai", "openai_responses.py", PARROT, "responses"),
    Case("openai", "openai_node.mjs", LITELLM, "chat/completions", 1),
    Case("openai", "openai_node.mjs", PARROT, "responses"),
    Case("anthropic", "anthropic_messages.py", LITELLM, "messages", 0),
    Case("anthropic", "anthropic_messages.py", PARROT, "messages"),
    Case("langchain", "langchain_chat.py", LITELLM, "chat/completions", 0),
    Case("langchain", "langchain_chat.py", PARROT, "responses"),
    Case("ai-sdk", "ai_sdk.mjs", LITELLM, "chat/completions", 0),
    Case("ai-sdk", "ai_sdk.mjs", PARROT, "responses"),
    Case("ai-sdk", "ai_sdk.mjs", PARROT, "messages", 1),
]


def environment(gaud: Gaud, name: str, model: str, endpoint: str) -> dict[str, str]:
    """The variables that `gaud run` sets, and what the programs want to know."""
    given = environment_of(client_named(name), Facts(root=gaud.url, model=model), Secret(KEY), {})
    words = {"TEST_MODEL": model, "TEST_ENDPOINT": endpoint, "TEST_BASE_URL": f"{gaud.url}/v1"}
    return given | words


def booked(gaud: Gaud, model: str) -> int:
    """How many calls of a model are in the books, settled with 200."""
    provider, _, name = model.partition(":")
    found = gaud.get(f"/admin/usage?provider={provider}&model={name}&status=200")
    return int(found.json()["total"])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_works_as_its_authors_released_it(start: Start, clients_gaud: Gaud, case: Case) -> None:
    """It gets what the model said, whole and streamed, its tools are called, and each call is booked once.

    Before that come the lines that `gaud connect` shows, and the documentation too, which say hello.
    """
    before, expected = booked(clients_gaud, case.model), dict(EXPECTED)
    variables = environment(clients_gaud, case.name, case.model, case.endpoint)
    if case.snippet is not None:
        facts = Facts(root=clients_gaud.url, model=case.model)
        variables["TEST_SNIPPET"] = facts.fill(client_named(case.name).snippets[case.snippet].code)
        expected["pasted"] = "Hello!"
    output = start(case.program, variables | {"GAUD_KEY": KEY})
    assert results(output) == expected
    assert booked(clients_gaud, case.model) == before + CALLS + ("pasted" in expected)


def test_all_lines_to_paste_are_tried() -> None:
    """No library's snippet is left out above."""
    tried = {(case.name, case.snippet) for case in CASES if case.snippet is not None}
    libraries = [client for client in CLIENTS if client.kind == "library"]
    assert tried == {(client.name, n) for client in libraries for n in range(len(client.snippets))}


@pytest.mark.parametrize(("model", "more"), [(LITELLM, ""), (PARROT, "  responses: true\n")])
def test_the_llm_command_works(
    start: Start, clients_gaud: Gaud, tmp_path: Path, model: str, more: str
) -> None:
    """On the file that `gaud connect llm` has written; over a bridge where the file says `responses`."""
    words = ["connect", "llm", "--yes", "--model", model, "--url", clients_gaud.url]
    home = clean_environment(HOME=str(tmp_path), GAUD_KEY=KEY)
    subprocess.run([sys.executable, "-m", "gaud_core", *words], env=home, check=True, capture_output=True)
    file = tmp_path / ".config/io.datasette.llm/extra-openai-models.yaml"
    file.write_text(file.read_text().replace("# gaud ends", f"{more}# gaud ends"))
    before = booked(clients_gaud, model)
    output = start("llm_command.py", environment(clients_gaud, "llm", model, "chat/completions"))
    assert results(output) == EXPECTED
    assert booked(clients_gaud, model) == before + CALLS


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("messages", {"max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}),
        ("responses", {"input": "Hi"}),
    ],
)
def test_the_parrot_is_on_the_other_side_of_a_bridge(
    clients_gaud: Gaud, model_behind: object, path: str, asked: dict[str, Any]
) -> None:
    """And LiteLLM is not: it serves both dialects itself."""
    bridges = []
    for model in (PARROT, LITELLM):
        answer = httpx.post(
            f"{clients_gaud.url}/v1/{path}",
            json={"model": model, **asked},
            headers={"x-api-key": KEY},
            trust_env=False,
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        bridges.append(answer.headers.get("x-gaud-bridge"))
    assert bridges[0] is not None
    assert bridges[1] is None
