"""The providers of the guide are found, configured as it says, and answer calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gaud_core.gateway.guests.plugins import GROUP
from gaud_core.testing import Answer, ScriptedUpstream

from .guide import GUIDE, install, project
from .pages import Block, blocks, params
from .running import Gaud, Told, command
from .shell import outputs

TOML = next(block.text for block in blocks("toml", pages=[GUIDE]) if "[project]" not in block.text)
CONSOLES = blocks("console", pages=[GUIDE])
POINTS = {"acme": "gaud_provider_acme:Acme", "parrot": "gaud_provider_acme:Parrot"}


@pytest.fixture(scope="module", params=["Acme", "ListedAcme"])
def guided(
    request: pytest.FixtureRequest, upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gaud]:
    """A Gaud with the guide's providers on the guide's configuration; Acme is a scripted upstream."""
    folder = tmp_path_factory.mktemp("guide")
    points = {**POINTS, "acme": f"gaud_provider_acme:{request.param}"}
    path = install(folder / "site", points)
    env = {"PYTHONPATH": str(path), "GAUD_ACME_URL": upstream.url}
    with Gaud.start(folder / "run", TOML, **env) as running:
        for name in ("acme", "parrot"):
            running.wait_for(f"{name} is ready")
        yield running


def chat(gaud: Gaud, words: str, **more: Any) -> str:
    """What the parrot says."""
    answer = gaud.chat(model="parrot:echo", messages=[{"role": "user", "content": words}], **more)
    return answer.text


def test_the_entry_point_is_in_the_group_that_gaud_reads() -> None:
    """The group's name and the class's name are right."""
    assert project()["entry-points"] == {GROUP: {"acme": POINTS["acme"]}}


@pytest.mark.parametrize("block", params(CONSOLES))
def test_gaud_providers_lists_them(block: Block, tmp_path: Path) -> None:
    """The output in the guide is what the command prints."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "llm-proxy.toml").write_text(TOML, encoding="utf-8")
    told = Told()
    told.hear(command(run, "providers", PYTHONPATH=str(install(tmp_path / "site", POINTS))))
    for line in outputs(block):
        assert told.said(line), f"{line!r} is not in {sorted(told.lines)}"


def test_acme_is_called_with_its_own_key(guided: Gaud, upstream: ScriptedUpstream) -> None:
    """By prefix; the client's key is replaced."""
    assert guided.chat(model="acme:x").json()["choices"][0]["message"]["content"] == "Hello!"
    assert upstream.calls[-1].path == "/v1/chat/completions"
    assert upstream.calls[-1].header("authorization") == "Bearer sk-test-acme"


@pytest.mark.parametrize(("guided", "status"), [("Acme", 200), ("ListedAcme", 404)], indirect=["guided"])
def test_acme_is_called_by_its_pattern(guided: Gaud, status: int) -> None:
    """As long as it does not list its models, and this is none of them."""
    assert guided.chat(model="acme-1").status_code == status


def test_the_parrot_answers_whole_and_streamed(guided: Gaud) -> None:
    """Both are made of the same events."""
    whole = json.loads(chat(guided, "Good morning"))
    assert whole["choices"][0]["message"]["content"] == "Kraa! Good morning "
    assert whole["usage"]["prompt_tokens"] == 2
    streamed = chat(guided, "Good morning", stream=True)
    assert '"content":"morning "' in streamed
    assert streamed.endswith("data: [DONE]\n\n")


def test_errors_are_as_the_guide_says(guided: Gaud) -> None:
    """One that is raised keeps its status."""
    empty = guided.chat(model="parrot:echo", messages=[{"role": "user", "content": ""}])
    assert (empty.status_code, empty.json()["error"]["message"]) == (400, "Say something first.")
    none = guided.chat(model="parrot:echo", messages=[])
    assert (none.status_code, none.json()["error"]["type"]) == (400, "upstream_error")


@pytest.mark.parametrize("guided", ["ListedAcme"], indirect=True)
def test_the_longer_acme_lists_models_and_explains(guided: Gaud, upstream: ScriptedUpstream) -> None:
    """Its optional methods are called."""
    assert "acme:gpt-4o" in guided.ask("GET", "/v1/models").text
    upstream.add(Answer.error(402))
    assert "wants to be paid" in guided.chat(model="acme:x").headers["x-gaud-hint"]
