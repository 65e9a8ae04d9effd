"""Calls that pages make: the same way as every call, with the identity of whoever is signed in."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import attrs

from gaud_core.access import KNOWN
from gaud_core.errors import ApiError
from gaud_core.gateway.delivery import WIRE
from gaud_core.gateway.routes import CallRoute
from gaud_core.ledger.usage import Row, read_call
from gaud_core.ui.visit import Visit

__all__ = ["TestResult", "inner_call", "try_model"]

_MOST_SHOWN = 400
_ENDPOINT = "chat/completions"
Message = MutableMapping[str, Any]


@attrs.frozen
class TestResult:
    """How a test call has ended: what the model said or what went wrong, and the call in the books."""

    ok: bool
    text: str
    hint: str = ""
    row: Row | None = None


async def inner_call(visit: Visit, receive: Any, send: Any, length: bytes = b"") -> None:
    """Hand a call on to the path of all calls, as the one who is signed in; the door asks for no key then.

    Nothing that the browser says of itself and of the page goes along.
    """
    headers = [(b"content-type", b"application/json"), (b"user-agent", b"gaud-dashboard")]
    headers += [(b"content-length", length)] if length else []
    scope = {**visit.request.scope, KNOWN: visit.identity, "headers": headers}
    scope.pop(WIRE, None)  # the answer of a test call is not for the browser, nor past our own headers
    await CallRoute(visit.site.gateway, _ENDPOINT)(scope, receive, send)


async def try_model(visit: Visit, model: str) -> TestResult:
    """Make a small call and look how it ends."""
    question = {"role": "user", "content": "Say hello in one short sentence."}
    body = json.dumps({"model": model, "messages": [question], "max_tokens": 32}).encode()
    answer = _Collected()
    try:
        await inner_call(visit, _receiving(body, visit.request.receive), answer.send, b"%d" % len(body))
    except ApiError as error:
        return TestResult(False, error.message, error.hint or "", await _row(visit))
    return attrs.evolve(answer.result(), row=await _row(visit))


def _receiving(body: bytes, otherwise: Callable[[], Awaitable[Message]]) -> Callable[[], Awaitable[Message]]:
    """Give a body first, and then what the browser sends: that it has left."""
    left = [body]

    async def receive() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await otherwise()

    return receive


async def _row(visit: Visit) -> Row | None:
    try:
        return await visit.off(read_call, visit.site.store, visit.request.scope["gaud.exchange"].id)
    except ApiError:  # refused before it was in the books
        return None


@attrs.define
class _Collected:
    """An answer that is not sent to anybody."""

    status: int = 0
    body: bytes = b""

    async def send(self, message: Message) -> None:
        """Keep a piece."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.body += message.get("body", b"")

    def result(self) -> TestResult:
        """Read what the model said, or the upstream's error."""
        try:
            said = json.loads(self.body)
            if self.status < 400:
                return TestResult(True, str(said["choices"][0]["message"]["content"] or "")[:_MOST_SHOWN])
            text = str(said["error"]["message"])
        except (ValueError, LookupError, TypeError):
            text = self.body.decode("utf-8", "replace")
        return TestResult(False, f"{self.status}: {text[:_MOST_SHOWN]}")
