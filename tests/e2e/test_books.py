"""What calls through the real LiteLLM leave in the books."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from gaud_core.testing import ScriptedUpstream, chat_completion, chat_stream

from .gaud_server import Gaud
from .processes import until

pytestmark = pytest.mark.litellm

# Of the scripted answers: 5 tokens in at $2.50 a million and 7 out at $10.
COST_NANOS = 5 * 2_500 + 7 * 10_000


def row_of(gaud: Gaud, call_id: str, *columns: str) -> tuple[Any, ...]:
    """The settled row of a call."""
    path = gaud.config.parent / "data" / "gaud.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute("SELECT * FROM calls WHERE id = ?", (call_id,)).fetchone()
    assert found["state"] == "settled"
    return tuple(found[column] for column in columns)


@pytest.mark.parametrize("stream", [False, True])
def test_cost_of_a_priced_model(gaud: Gaud, upstream: ScriptedUpstream, stream: bool) -> None:
    """LiteLLM says it in a header of a whole answer, and in the usage of a stream."""
    until(lambda: "litellm:scripted-priced" in gaud.models(), "the first discovery")
    upstream.add(chat_stream() if stream else chat_completion())
    answer = gaud.chat("litellm:scripted-priced", stream=stream)
    columns = ("status", "input_tokens", "output_tokens", "cost_nanos", "cost_source", "user_id")
    expected = (200, 5, 7, COST_NANOS, "provider", "user_bootstrap")
    assert row_of(gaud, answer.headers["x-request-id"], *columns) == expected
    assert "x-litellm-response-cost" not in answer.headers


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_without_a_price_costs_nobody_knows_what(
    gaud: Gaud, upstream: ScriptedUpstream, stream: bool
) -> None:
    """Unknown, never zero."""
    upstream.add(chat_stream() if stream else chat_completion())
    answer = gaud.chat("litellm:scripted", stream=stream)
    columns = ("input_tokens", "output_tokens", "cost_nanos", "cost_source")
    assert row_of(gaud, answer.headers["x-request-id"], *columns) == (5, 7, None, "none")


def test_a_refused_call_costs_nothing(gaud: Gaud) -> None:
    """LiteLLM knows no such model and says so."""
    answer = gaud.chat("litellm:no-such-model")
    assert answer.status_code == 400
    assert row_of(gaud, answer.headers["x-request-id"], "status", "cost_nanos") == (400, 0)
