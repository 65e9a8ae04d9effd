"""The exchanges in `tests/corpus/bridges`: a request and its answer, each on both sides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gaud_core.bridge import REACHED, Crossing, bridge_to

from . import sdks

JSON = dict[str, Any]
CORPUS = Path(__file__).parents[3] / "tests" / "corpus" / "bridges"
NAMES = sorted(path.stem for path in CORPUS.glob("*.json"))

CHECKS = {"messages": sdks.message, "responses": sdks.response, "chat/completions": sdks.completion}
STREAMS = {
    "messages": (sdks.told_events, sdks.gathered_message),
    "responses": (sdks.told_events, sdks.gathered_response),
    "chat/completions": (sdks.told_chunks, sdks.gathered_completion),
}


def read(name: str) -> JSON:
    """One exchange; `upstream` and `answer`, `chunks` and `events` are there in pairs, or not at all."""
    found: JSON = json.loads((CORPUS / f"{name}.json").read_text())
    return found


def crossed(row: JSON) -> Crossing:
    """Take its request across."""
    bridge = bridge_to(*row["bridge"])
    return bridge.cross(row["asked"], "req_0123456789abcdef01234567")


def timeless(told: Any) -> Any:
    """The same without the time at which it was translated."""
    if isinstance(told, dict):
        return {key: timeless(value) for key, value in told.items() if key != "completed_at"}
    return [timeless(one) for one in told] if isinstance(told, list) else told


@pytest.mark.parametrize("name", NAMES)
def test_request(name: str) -> None:
    """The upstream gets just this, and OpenAI's types accept it; what is lost has its name."""
    row = read(name)
    crossing = crossed(row)
    assert sdks.valid_sent(crossing.body, row["bridge"][1]) == row["sent"]
    assert list(crossing.dropped) == row["dropped"]


@pytest.mark.parametrize("name", [name for name in NAMES if "upstream" in read(name)])
def test_whole_answer(name: str) -> None:
    """The caller gets just this, and his dialect's types accept it."""
    row = read(name)
    check = CHECKS[row["bridge"][0]]
    assert timeless(check(crossed(row).answer(row["upstream"]))) == timeless(row["answer"])


@pytest.mark.parametrize("name", [name for name in NAMES if "chunks" in read(name)])
def test_streamed_answer(name: str) -> None:
    """The caller gets just these events, and his dialect's own library gathers them."""
    row = read(name)
    stream = sdks.streamed(crossed(row), row["chunks"])
    told, gathered = STREAMS[row["bridge"][0]]
    assert timeless(told(stream)) == timeless(row["events"])
    gathered(stream)


def test_every_bridge_is_in_it() -> None:
    """No bridge without an exchange, whole and streamed."""
    rows = [read(name) for name in NAMES]
    ways = {(source, target) for source, targets in REACHED.items() for target in targets}
    assert {tuple(row["bridge"]) for row in rows if "answer" in row} == ways
    assert {tuple(row["bridge"]) for row in rows if "events" in row} == ways
