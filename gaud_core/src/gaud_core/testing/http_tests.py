"""`HTTPProviderTests`: for upstreams that speak OpenAI's dialect; bytes must pass through."""

from __future__ import annotations

import json
from collections.abc import Sequence

from .answer_tests import AnswerTests
from .answers import Answer
from .calls import PIECES
from .chat import (
    chat_completion,
    chat_error_stream,
    chat_strange_stream,
    chat_stream,
    chat_tool_stream,
    tool_call,
)
from .failure_tests import FailureTests
from .kit import since
from .life_tests import LifeTests
from .reading import Streamed, excerpt
from .served import ServedGateway
from .upstream import ScriptedUpstream

__all__ = ["HTTPProviderTests"]

_UNKNOWN = b"""{"x_first":1.50, "model":"%s","messages":[{"role":"user","content":"Hi"} ],"temperature":1e0,
"x_new":{"model":"not this","deep":[null,true,"\\u00fc"]},"x_big":12345678901234567890}"""
_STRANGE_ANSWER = (
    b'{"id":"x","object":"chat.completion","created":1700000000,"x_new" : {"cost":1.50,"n":'
    b"12345678901234567890},"
    b'"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"\\u00fc","x_deep":[null]},'
    b'"finish_reason":"stop","x_score":1e-7}],"usage":{"prompt_tokens":1,"completion_tokens":1,"x_cached":0}}\n'
)
_REFUSAL = (
    b'{"error":{"message":"No.","type":"x_type","param":"x","code":"x_code","x_more":[1.50]},"x_id":7 }'
)


class HTTPProviderTests(AnswerTests, FailureTests, LifeTests):
    """All tests of a provider whose upstream speaks OpenAI's dialect: `class TestAcme(HTTPProviderTests)`."""

    def upstream_answer(self, pieces: Sequence[str], *, stream: bool) -> Answer:
        """An upstream that speaks OpenAI's dialect."""
        if stream:
            return chat_stream(pieces, self.model)
        return chat_completion("".join(pieces), self.model)

    def upstream_tool_answer(self, name: str, arguments: Sequence[str], *, stream: bool) -> Answer | None:
        """An upstream that knows tools."""
        if stream:
            return chat_tool_stream(name, arguments, self.model)
        return chat_completion(None, self.model, tool_calls=[tool_call(name, "".join(arguments))])

    @since("1.0")
    def test_call_goes_to_the_endpoint(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at base_url() and `endpoints`: the call is a POST to base_url() + "/chat/completions"."""
        self.says(upstream, stream=False)
        self.ask(gateway)
        seen = upstream.wait_call()
        assert (seen.method, seen.path.endswith("/chat/completions")) == ("POST", True), (
            f"The upstream got {seen.method} {seen.path} instead of a POST to …/chat/completions: look at "
            "base_url()."
        )

    @since("1.0")
    def test_unknown_request_fields_survive(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look for a place that reads the body and writes it anew: send `call.body.raw` as it is."""
        self.says(upstream, stream=False)
        gateway.post(_UNKNOWN % f"{gateway.name}:{self.model}".encode())
        got, wanted = upstream.wait_call().body, _UNKNOWN % self.model.encode()
        assert got == wanted, (
            f"The upstream got other bytes than the client sent, the model's name apart: {excerpt(got)} "
            f"instead of {excerpt(wanted)}."
        )

    @since("1.0")
    def test_unknown_reply_fields_survive(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look for a place that reads the answer and writes it anew: give the reply as it is."""
        upstream.reset(Answer.json(_STRANGE_ANSWER))
        answer = self.ask(gateway)
        assert answer.content == _STRANGE_ANSWER, (
            f"The client got other bytes than the upstream sent: {excerpt(answer.content)}"
        )

    @since("1.0")
    def test_stream_bytes_are_untouched(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look for a place that takes a stream apart: comments, unknown events and CRLF stay."""
        strange = chat_strange_stream()
        upstream.reset(strange)
        wanted = b"".join(step for step in strange.steps if isinstance(step, bytes))
        got = self.ask_streamed(gateway).raw
        assert got == wanted, f"The client got another stream than the upstream sent: {excerpt(got)}"

    @since("1.0")
    def test_upstreams_error_body_passes(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look for a place that turns a refusal into an exception: error answers pass like others."""
        upstream.reset(Answer.json(_REFUSAL, 400))
        answer = self.ask(gateway)
        assert (answer.status_code, answer.content) == (400, _REFUSAL), (
            f"The upstream's error answer was changed on its way: {answer.status_code} "
            f"{excerpt(answer.content)}"
        )

    @since("1.0")
    def test_error_within_a_stream_has_no_done(
        self, gateway: ServedGateway, upstream: ScriptedUpstream
    ) -> None:
        """Look for a place that adds a `[DONE]`: after an error event it makes a broken answer look whole."""
        upstream.reset(chat_error_stream())
        streamed = self.ask_streamed(gateway)
        assert streamed.errors and not streamed.dones, (
            f"The upstream told an error within its stream; the client got {excerpt(streamed.raw)}"
        )

    @since("1.0")
    def test_missing_usage_stays_missing(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look for a place that makes usage up: an unknown number is unknown, never zero."""
        for stream in (False, True):
            upstream.reset(
                chat_stream(PIECES, self.model, usage=None) if stream else chat_completion("Hi", usage=None)
            )
            answer = self.ask(gateway, stream=stream)
            shown = Streamed.read(answer.content).usage if stream else answer.json().get("usage")
            assert not shown, f"The upstream told no usage, but the client got {shown}."

    @since("1.0")
    def test_stream_asks_for_usage(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at which body is sent: `call.body` asks for a stream's usage, and the books need it."""
        self.says(upstream, stream=True)
        self.ask_streamed(gateway)
        options = json.loads(upstream.wait_call().body).get("stream_options")
        assert options == {"include_usage": True}, (
            f"The upstream was not asked for the usage of a stream (`stream_options` is {options}): send "
            "`call.body.raw`."
        )

    @since("1.0")
    def test_connections_are_used_again(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look for a client that is made for each call: `self.ctx.send` keeps connections open."""
        self.says(upstream, stream=False)
        before = upstream.connections
        for _ in range(5):
            self.ask(gateway)
        made = upstream.connections - before
        assert made <= 2, f"Five calls, one after another, made {made} new connections to the upstream."

    @since("1.0")
    def test_answer_headers_pass(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at hidden() and `inside`: headers that OpenAI's clients read must pass."""
        upstream.reset(
            chat_completion("Hi", headers={"x-ratelimit-remaining-requests": "9", "openai-version": "1"})
        )
        answer = self.ask(gateway)
        lost = {"x-ratelimit-remaining-requests", "openai-version"} - set(answer.headers)
        assert not lost, f"The upstream's headers {sorted(lost)} did not reach the client: look at hidden()."
