"""`Calls`: how the kit makes calls, and what an author says of the upstream's own protocol."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import httpx
import pytest

from gaud_core import Usage

from .answers import Answer
from .provider_tests import ProviderTests
from .reading import Streamed, error_of, excerpt
from .served import ServedGateway
from .signal import Signal
from .upstream import Handler, ScriptedUpstream, Seen

__all__ = ["Calls"]

PIECES = ("Grüße ", "aus ", "München, ", "日本 und 🦜!")
"""A text in pieces, with characters of two, three and four bytes."""
TEXT = "".join(PIECES)

_MARK = re.compile(rb"mark-(\d+)-test")
_PATIENCE_SECS = 1.0
_CALLS = 50


class Calls(ProviderTests):
    """What an author overrides so that calls can be tested, and the ways to make them."""

    usage: ClassVar[Usage | None] = Usage(5, 7)
    """The tokens that `upstream_answer` tells; None if the upstream never tells any."""
    streams: ClassVar[bool] = True
    """Whether text arrives piece by piece; False for upstreams that only answer as a whole."""
    ends_with_a_mark: ClassVar[bool] = True
    """Whether the upstream's protocol says where an answer ends, so that a cut one can be told."""
    needs_credentials: ClassVar[bool] = True
    """Whether a Secret in the settings is sent along with each call."""
    refused_text: ClassVar[str | None] = None
    """A message that the provider itself refuses with 400, for providers without upstream."""

    def upstream_answer(self, pieces: Sequence[str], *, stream: bool) -> Answer:
        """How the upstream says these pieces of text in its own protocol, one step for each piece.

        `stream` is what the client asked Gaud for.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not say how its upstream answers: override upstream_answer()."
        )

    def upstream_error(self, status: int, message: str, retry_after: int | None = None) -> Answer:
        """How the upstream refuses a call."""
        headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        return Answer.error(status, message, headers=headers)

    def upstream_tool_answer(self, name: str, arguments: Sequence[str], *, stream: bool) -> Answer | None:
        """How the upstream calls one tool, its arguments in these pieces; None if it knows no tools."""
        return None

    def need_streams(self) -> None:
        """Skip a test that is about pieces of text when the upstream only answers as a whole."""
        self.need_upstream()
        if not self.streams:
            pytest.skip("the upstream only answers as a whole (`streams = False`)")

    def need_quick(self, gateway: ServedGateway) -> None:
        """Skip a test about time limits when there is no setting for one."""
        self.need_upstream()
        if self.quick_settings("http://127.0.0.1:9", 1.0) is None:
            pytest.skip("there is no `timeout_secs`: override `quick_settings()` to test the time limits")

    def ask(
        self, gateway: ServedGateway, text: str = TEXT, instance: str = "", **fields: Any
    ) -> httpx.Response:
        """Make a call and read its answer to the end."""
        return gateway.post(gateway.body(text, self.model, instance, **fields))

    def ask_streamed(
        self,
        gateway: ServedGateway,
        text: str = TEXT,
        instance: str = "",
        timeout: float = 5.0,
        **fields: Any,
    ) -> Streamed:
        """Make a call with a stream and read that to the end, which may be a broken one."""
        raw = b""
        body = gateway.body(text, self.model, instance, stream=True, **fields)
        with gateway.stream(body, timeout) as answer:
            try:
                for piece in answer.iter_raw():
                    raw += piece
            except httpx.RemoteProtocolError:  # the connection broke: what came before is what there is
                pass
            if answer.status_code != 200:
                return Streamed(raw, errors=[error_of(raw)])
        return Streamed.read(raw)

    def says(self, upstream: ScriptedUpstream, pieces: Sequence[str] = PIECES, *, stream: bool) -> None:
        """Script the upstream to say this."""
        if self.has_upstream:
            upstream.reset(self.upstream_answer(pieces, stream=stream))

    def fifty_at_once(self, gateway: ServedGateway) -> list[httpx.Response | Exception]:
        """Make 50 calls at once, the n-th with the text `mark-n-test`; every second one is a stream."""
        answers: list[httpx.Response | Exception] = [RuntimeError("no answer")] * _CALLS
        begin = threading.Barrier(_CALLS)

        def call(number: int) -> None:
            begin.wait()
            try:
                body = gateway.body(f"mark-{number}-test", self.model, stream=_is_streamed(number))
                answers[number] = gateway.post(body)
            except Exception as error:
                answers[number] = error

        threads = [threading.Thread(target=call, args=(number,)) for number in range(_CALLS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        return answers

    def repeats_marks(self) -> Handler:
        """An upstream that says the mark which it finds in the call, whatever its protocol."""

        def handler(seen: Seen) -> Answer:
            found = _MARK.search(seen.request.head + seen.body)
            number = int(found[1]) if found else 1
            return self.upstream_answer([f"mark-{number}-test"], stream=_is_streamed(number))

        return handler

    @contextmanager
    def first_bytes(self, gateway: ServedGateway, gate: Signal) -> Iterator[bytes]:
        """Begin a stream, give what comes while the upstream waits for the gate, then open that and leave."""
        opened = threading.Timer(_PATIENCE_SECS, gate.set)
        opened.start()
        came = b""
        try:
            with gateway.stream(gateway.body(TEXT, self.model, stream=True)) as answer:
                for piece in answer.iter_raw():
                    came += piece
                    if Streamed.read(came).text:
                        break
                yield b"" if gate.is_set() else came
        finally:
            opened.cancel()
            gate.set()


def _is_streamed(number: int) -> bool:
    return number % 2 == 0


def expect_status(answer: httpx.Response, *wanted: int, look: str) -> None:
    """Fail with a sentence unless an answer has one of these statuses."""
    statuses = " or ".join(str(status) for status in wanted)
    assert answer.status_code in wanted, (
        f"The answer has the status {answer.status_code} instead of {statuses}. {look}\n"
        f"It says {excerpt(answer.content)}"
    )
