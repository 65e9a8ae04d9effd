"""Around each request: an id, one line in the log, and a net for mistakes of Gaud's own."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import MutableMapping
from typing import Any

import pytest

from gaud_core.observe.exchanges import Exchanges

Message = MutableMapping[str, Any]


def _serve(app: Any, path: str = "/x", kind: str = "http") -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    asyncio.run(Exchanges(app)({"type": kind, "method": "GET", "path": path, "headers": []}, receive, send))
    return sent


async def _fine(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 201, "headers": [(b"x-a", b"1")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def _failing(scope: Any, receive: Any, send: Any) -> None:
    raise ValueError("secret details")


async def _failing_late(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ValueError("secret details")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    """The fields of the lines about calls."""
    caplog.set_level(logging.INFO, "gaud.calls")
    return lambda: [record.__dict__["fields"] for record in caplog.records if "fields" in record.__dict__]


def test_id_and_line(lines: Any) -> None:
    """The id on the answer is the one in the log, and there is one line."""
    start, _ = _serve(_fine)
    identity = dict(start["headers"])[b"x-request-id"].decode()
    assert re.fullmatch(r"req_[0-9a-f]{24}", identity)
    (line,) = lines()
    assert (line["id"], line["method"], line["path"], line["status"]) == (identity, "GET", "/x", 201)
    assert line["ms"] >= 0


def test_ids_are_never_the_same() -> None:
    """Each request has its own."""
    assert len({_serve(_fine)[0]["headers"][-1] for _ in range(50)}) == 50


def test_mistake_of_our_own(lines: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The client gets a 500 in the envelope without details; the log has the traceback and the id."""
    start, body = _serve(_failing)
    assert start["status"] == 500
    assert json.loads(body["body"])["error"]["type"] == "server_error"
    assert b"secret" not in body["body"]
    (line,) = lines()
    assert line["status"] == 500
    assert f"request {line['id']} failed inside Gaud" in caplog.text
    assert "secret details" in caplog.text


def test_mistake_after_the_status(lines: Any) -> None:
    """Then nothing can be told any more, but the line is written all the same."""
    with pytest.raises(ValueError, match="secret"):
        _serve(_failing_late)
    assert len(lines()) == 1


def test_health_is_quiet(lines: Any) -> None:
    """What is polled every few seconds does not fill the log."""
    _serve(_fine, "/health")
    assert lines() == []


def test_other_protocols_pass() -> None:
    """Lifespan events are no requests."""

    async def lifespan(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.startup.complete"})

    assert _serve(lifespan, kind="lifespan") == [{"type": "lifespan.startup.complete"}]
