"""`FailureTests`: what a provider makes of an upstream that refuses, breaks, stalls or is not there."""

from __future__ import annotations

import threading
import time

import httpx
import pytest

from gaud_core import UpstreamFailed

from .answers import Answer
from .calls import PIECES, TEXT, Calls, expect_status
from .kit import since
from .reading import broken_off, error_of, excerpt, held, without_end
from .served import ServedGateway
from .signal import Signal
from .upstream import ScriptedUpstream

__all__ = ["FailureTests"]

_CRASHED = "provider_crashed"
_MESSAGE = "Scripted refusal, number 4711."
_RETRY_SECS = 17
_PATIENCE_SECS = 2.0
_SLOW_START_SECS = 0.15


class FailureTests(Calls):
    """Failures keep their status and their words, and a broken stream never looks like a whole one."""

    @since("1.0")
    def test_early_error_keeps_its_status(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at what becomes of the upstream's status: the client is told 400, 401, 403, 404 and 429."""
        if self.refused_text is not None and not self.has_upstream:
            self._check_own_refusal(gateway)
            return
        self.need_upstream()
        for status in (400, 401, 403, 404, 429):
            for stream in (False, True):
                upstream.reset(self.upstream_error(status, _MESSAGE))
                answer = self.ask(gateway, stream=stream)
                expect_status(
                    answer,
                    status,
                    look=f"The upstream refused with {status}: look at the status before reading, and "
                    "raise UpstreamRefused(…, status=…) before the first event.",
                )

    @since("1.0")
    def test_upstreams_failure_is_a_5xx(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at what becomes of a 500: it is no answer, and no mistake of the client's either."""
        self.need_upstream()
        for stream in (False, True):
            upstream.reset(self.upstream_error(500, _MESSAGE))
            answer = self.ask(gateway, stream=stream)
            expect_status(answer, 500, 502, 503, look="The upstream failed with 500: raise UpstreamFailed.")
            self._not_crashed(answer, "an upstream that answers 500")

    @since("1.0")
    def test_upstreams_words_are_told(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at the message of the error: why the upstream refused is what the client needs to know."""
        self.need_upstream()
        upstream.reset(self.upstream_error(400, _MESSAGE))
        answer = self.ask(gateway)
        assert _MESSAGE in str(error_of(answer.content).get("message")), (
            f"The upstream refused with the words {_MESSAGE!r}, which do not stand in the error's message: "
            f"{excerpt(answer.content)}"
        )

    @since("1.0")
    def test_retry_after_is_kept(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at `retry-after` of a 429: pass it on, or raise with `retry_after=`."""
        self.need_upstream()
        upstream.reset(self.upstream_error(429, _MESSAGE, retry_after=_RETRY_SECS))
        answer = self.ask(gateway)
        assert answer.headers.get("retry-after") == str(_RETRY_SECS), (
            f"The upstream said `retry-after: {_RETRY_SECS}`, the client got "
            f"{answer.headers.get('retry-after')!r}: raise with retry_after=, in seconds."
        )

    @since("1.0")
    def test_late_error_is_an_event_without_done(
        self, gateway: ServedGateway, upstream: ScriptedUpstream
    ) -> None:
        """Look for a place that ends quietly when the upstream breaks: that stream has no `[DONE]`."""
        self.need_upstream()
        gate = Signal()
        upstream.reset(broken_off(self.upstream_answer(PIECES, stream=True), gate))
        threading.Timer(0.05, gate.set).start()
        streamed = self.ask_streamed(gateway)
        assert not streamed.dones, (
            "The upstream broke off in the middle, but the client's stream ends with `[DONE]` like a whole "
            "one: let the error out of chat(), or raise UpstreamFailed."
        )
        assert streamed.errors, (
            f"The upstream broke off in the middle, and nothing says so: {excerpt(streamed.raw[-200:])}"
        )

    @since("1.0")
    def test_cut_answer_is_no_success(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at how the end of an answer is told: one without its last event is cut."""
        self.need_streams()
        if not self.ends_with_a_mark:
            pytest.skip("the upstream's protocol has no mark at the end (`ends_with_a_mark = False`)")
        upstream.reset(without_end(self.upstream_answer(PIECES, stream=True), _bytes_of(PIECES[1])))
        streamed = self.ask_streamed(gateway)
        assert streamed.errors and not streamed.dones, (
            "The upstream's answer ended before the event that ends it, and the client was told that it is "
            "whole: raise UpstreamFailed when the end is missing."
        )

    @since("1.0")
    def test_whole_answer_that_breaks_off_is_502(
        self, gateway: ServedGateway, upstream: ScriptedUpstream
    ) -> None:
        """Look for half an answer with the status 200: without a stream it is all or an error."""
        self.need_upstream()
        upstream.reset(broken_off(self.upstream_answer(PIECES, stream=False)))
        answer = self.ask(gateway)
        expect_status(answer, 502, look="The upstream reset the connection in the middle of its answer.")
        self._not_crashed(answer, "an upstream that breaks off")

    @since("1.0")
    def test_garbage_is_502(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at how the answer is decoded: what cannot be read is the upstream's failure, no crash."""
        self.need_upstream()
        garbage = Answer.whole(b"\xff\xfe<html> this is {no answer\n", content_type="application/json")
        for bad in (garbage, Answer.html("<html>Welcome</html>", 200), Answer.garbage()):
            for stream in (False, True):
                upstream.reset(bad)
                answer = self.ask(gateway, stream=stream)
                expect_status(answer, 502, look="The upstream answered with garbage: raise UpstreamFailed.")
                self._not_crashed(answer, "an answer that cannot be read")

    @since("1.0")
    def test_reset_is_502(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at what is caught around the call: a connection that breaks is a 502 with words."""
        self.need_upstream()
        for bad in (Answer.reset(), Answer.closed()):
            upstream.reset(bad)
            answer = self.ask(gateway)
            expect_status(answer, 502, look="The upstream broke the connection without an answer.")
            self._not_crashed(answer, "a connection that breaks")

    @since("1.0")
    def test_dead_upstream_is_502(self, gateway: ServedGateway) -> None:
        """Look at what is raised when nobody listens: `self.ctx.send` raises UpstreamFailed by itself."""
        self.need_upstream()
        for stream in (False, True):
            answer = self.ask(gateway, instance="kit-dead", stream=stream)
            expect_status(
                answer, 502, 503, look="Nobody listens at the upstream's address: raise UpstreamFailed."
            )
            self._not_crashed(answer, "an upstream that is down")

    @since("1.0")
    def test_slow_upstream_is_504(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at the time limits: the setting for the time limit must reach the call."""
        self.need_quick(gateway)
        for stream in (False, True):
            upstream.reset(Answer.stalled())
            try:
                answer = gateway.http.post(
                    "/v1/chat/completions",
                    content=gateway.body(TEXT, self.model, "kit-quick", stream=stream),
                    headers={"content-type": "application/json"},
                    timeout=_PATIENCE_SECS,
                )
            except httpx.TimeoutException:
                pytest.fail(
                    f"The upstream said nothing, and after {_PATIENCE_SECS:g} s the call still waits: the "
                    "time limit of the settings is not used. Look at timeouts()."
                )
            expect_status(answer, 504, look="The upstream was too slow: raise UpstreamTimeout.")

    @since("1.0")
    def test_stalled_stream_ends_with_an_error(
        self, gateway: ServedGateway, upstream: ScriptedUpstream
    ) -> None:
        """Look at the limit on silence within a stream: without one a client waits for ever."""
        self.need_quick(gateway)
        self.need_streams()
        upstream.reset(held(self.upstream_answer(PIECES, stream=True), Signal()))
        begun = time.monotonic()
        try:
            streamed = self.ask_streamed(gateway, instance="kit-quick", timeout=_PATIENCE_SECS)
        except httpx.TimeoutException:
            pytest.fail("The upstream fell silent in the middle of a stream, and the client waits for ever.")
        assert streamed.errors and not streamed.dones, (
            f"The upstream fell silent, and {time.monotonic() - begun:.1f} s later the stream ended without "
            "an error."
        )

    @since("1.0")
    def test_slow_start_is_waited_for(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look for a limit that is not from the settings: models think before they speak."""
        self.need_upstream()
        gate = Signal()
        upstream.reset(Answer.stalled(gate, self.upstream_answer(PIECES, stream=False)))
        threading.Timer(_SLOW_START_SECS, gate.set).start()
        answer = self.ask(gateway)
        look = f"The upstream began to answer after {_SLOW_START_SECS} s, which is not slow for a model."
        expect_status(answer, 200, look=look)

    @since("1.0")
    def test_disconnect_closes_the_upstream_call(
        self, gateway: ServedGateway, upstream: ScriptedUpstream
    ) -> None:
        """Look for tasks of your own: when the client leaves, the upstream must not go on for money."""
        self.need_upstream()
        for stream in (False, True):
            upstream.reset(held(self.upstream_answer(PIECES, stream=stream), Signal()))
            body = gateway.body(TEXT, self.model, stream=stream)
            try:
                with gateway.stream(body, timeout=0.15) as answer:
                    for _ in answer.iter_raw():
                        break
            except httpx.TimeoutException:
                pass  # nothing came, as it must be for a whole answer; the connection is closed all the same
            seen = upstream.wait_call()
            assert seen.disconnected.wait_blocking(_PATIENCE_SECS), (
                f"{_PATIENCE_SECS:g} s after the client has left, the call to the upstream still goes on "
                f"({'stream' if stream else 'whole answer'}): close it in a `finally`, and start no task for "
                "it."
            )

    @since("1.0")
    def test_serves_on_after_failures(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look for what a failure leaves behind: a closed client, a lock that is still held, a flag."""
        self.need_upstream()
        for bad in (Answer.reset(), self.upstream_error(500, _MESSAGE), Answer.garbage()):
            upstream.reset(bad)
            self.ask(gateway)
            self.ask_streamed(gateway)
        self.says(upstream, stream=False)
        expect_status(self.ask(gateway), 200, look="After some failures a good call fails too.")

    @since("1.0")
    def test_secrets_do_not_show_in_errors(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at the messages of errors and at explain(): they must not show requests or settings."""
        self.need_upstream()
        shown = []
        for bad in (self.upstream_error(401, _MESSAGE), Answer.reset(), Answer.garbage(), Answer.html()):
            upstream.reset(bad)
            shown.append(self.ask(gateway))
        shown.append(self.ask(gateway, instance="kit-dead"))
        for failure in (UpstreamFailed("It failed."), UpstreamFailed("No.", status=401)):
            gateway.instance.explain(failure)
        for answer in shown:
            seen = answer.text + str(answer.headers)
            for secret in self.secrets(gateway):
                assert secret not in seen, (
                    f"A secret is in an error that the client sees ({answer.status_code})."
                )

    def _check_own_refusal(self, gateway: ServedGateway) -> None:
        for stream in (False, True):
            answer = self.ask(gateway, str(self.refused_text), stream=stream)
            expect_status(answer, 400, look="The provider refuses this text: raise before the first event.")

    def _not_crashed(self, answer: httpx.Response, what: str) -> None:
        assert error_of(answer.content).get("code") != _CRASHED, (
            f"The provider raised an exception of its own on {what}: raise UpstreamFailed with a sentence "
            "instead. Gaud's log above has the traceback."
        )


def _bytes_of(text: str) -> bytes:
    return text.strip().encode()
